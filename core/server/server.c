/* server.c - a server: making and freeing it, and its properties. */
#include "server/server.h"

#include <stdlib.h>

#include "conn/closing.h"
#include "conn/settings.h"
#include "conn/transport.h"
#include "server/adopt.h"
#include "server/fleet.h"
#include "server/ladder.h"
#include "server/listening.h"
#include "server/options.h"
#include "server/reports.h"
#include "server/state.h"

/* Descriptors kept for other uses than connections: files, logs, upstreams, the loop's own. */
enum { RESERVED_DESCRIPTORS = 32 };

static uint32_t default_limit(const lc_sys *sys)
{
  int limit = sys->descriptor_limit(sys), open = sys->descriptors_open(sys);
  int left = limit - (open > 0 ? open : 0) - RESERVED_DESCRIPTORS;
  if (limit < 0 || left < 1) return 1;
  return (uint32_t)left;
}

/* A transport of another module may have been compiled for another layout of the table. */
static int is_known(const lc_transport *transport)
{
  return !transport || transport->version == LC_TRANSPORT_VERSION;
}

static void server_end(lc_child *child) { lc_server_free(LC_OWNER(child, lc_server, child)); }

lc_server *lc_server_new(lc_loop *loop, const lc_server_options *options, const lc_events *events,
                         void *user, int *error)
{
  if (options && !is_known(options->transport)) {
    if (error) *error = -EPROTONOSUPPORT;
    return NULL;
  }
  lc_server *server = calloc(1, sizeof *server);
  if (!server) goto no_memory;
  server->loop = loop;
  if (options) server->options = *options;
  else lc_server_options_init(&server->options);
  lc_drain_options_fit(&server->options.drain);
  lc_settings_fit(&server->options.settings);
  server->owner = lc_reports_owner(server);
  server->events = events;
  server->user = user;
  server->max_connections =
    server->options.max_connections ? server->options.max_connections : default_limit(loop->sys);
  server->is_outbound = server->options.is_outbound;
  server->cancel_at = server->kill_at = LC_NEVER;
  server->visit_at = server->mark_at = LC_NEVER;
  server->owner.reached = LC_STEP_STOP;
  server->report.lossless = 1;
  lc_listening_init(server);
  lc_registry_init(&server->registry);
  lc_fleet *fleet = lc_fleet_of(loop);
  if (!fleet || lc_ladder_open(server) < 0) goto no_memory;
  lc_loop_add_child(loop, &server->child, server_end);
  lc_fleet_add(fleet, server);
  return server;
no_memory:
  free(server);
  if (error) *error = -ENOMEM;
  return NULL;
}

/* Connections already closing are left to the kernel; all others are reset. */
static void abandon(lc_conn *conn)
{
  if (conn->state == LC_STATE_CLOSING) lc_closing_give_up(conn);
  else lc_conn_abort(conn, "server freed");
}

void lc_server_free(lc_server *server)
{
  if (!server) return;
  server->events = &(const lc_events){0};
  lc_listening_free(server);
  for (lc_conn *conn; (conn = lc_registry_next(&server->registry, NULL));) {
    abandon(conn);
    lc_server_lose(server, conn);
  }
  if (server->spare) lc_conn_unref(server->spare);
  lc_registry_free(&server->registry);
  lc_heap_close(&server->loop->deadlines, &server->timer);
  lc_pulse_want(server->loop->pulse, &server->want, LC_NEVER);
  lc_job_cancel(&server->job);
  lc_fleet_remove(server->fleet, server);
  lc_loop_remove_child(&server->child);
  free(server);
}

void lc_server_reset_at_exit(lc_server *server)
{
  static const struct linger none = {.l_onoff = 1, .l_linger = 0};
  const lc_sys *sys = server->loop->sys;
  for (lc_conn *conn = NULL; (conn = lc_registry_next(&server->registry, conn));)
    if (conn->watch.fd >= 0)
      sys->setsockopt(sys, conn->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/* ------------------------------------------------------------- properties -- */

lc_loop *lc_server_loop(const lc_server *server) { return server->loop; }
void *lc_server_user(const lc_server *server) { return server->user; }
lc_step lc_server_step(const lc_server *server) { return server->owner.step; }
const lc_report *lc_server_report(const lc_server *server) { return &server->report; }

const lc_server_options *lc_server_options_get(const lc_server *server) { return &server->options; }

uint32_t lc_server_count(const lc_server *server, lc_state state)
{
  return state <= LC_STATES ? server->registry.counts[state] : 0;
}

lc_conn *lc_server_next(const lc_server *server, const lc_conn *conn)
{
  return lc_registry_next(&server->registry, conn);
}

lc_conn *lc_server_find(const lc_server *server, uint64_t id)
{
  return lc_registry_find(&server->registry, id);
}

void lc_server_hold(lc_server *server) { server->holds++; }

void lc_server_release(lc_server *server)
{
  server->holds--;
  lc_server_check(server);
}
