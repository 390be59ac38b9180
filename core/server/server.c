/* server.c - listeners and connections under one roof: birth, end, connections, properties. */
#include "server/server.h"

#include <stdlib.h>

#include "base/address.h"
#include "conn/conn.h"
#include "kernel/keepalive.h"
#include "listen/listener.h"
#include "server/fleet.h"
#include "server/options.h"

/* Descriptors that are not for connections: files, logs, upstreams, the loop's own. */
enum { RESERVED_DESCRIPTORS = 32 };

static uint32_t default_limit(const lc_sys *sys)
{
  int limit = sys->descriptor_limit(sys), open = sys->descriptors_open(sys);
  int left = limit - (open > 0 ? open : 0) - RESERVED_DESCRIPTORS;
  if (limit < 0 || left < 1) return 1;
  return (uint32_t)left;
}

static void server_end(lc_child *child) { lc_server_free(LC_OWNER(child, lc_server, child)); }

lc_server *lc_server_new(lc_loop *loop, const lc_server_options *options, const lc_events *events,
                         void *user, int *error)
{
  lc_server *server = calloc(1, sizeof *server);
  if (!server) goto no_memory;
  server->loop = loop;
  if (options) server->options = *options;
  else lc_server_options_init(&server->options);
  lc_drain_options_fit(&server->options.drain);
  lc_settings_fit(&server->options.settings);
  server->events = events;
  server->user = user;
  server->max_connections =
    server->options.max_connections ? server->options.max_connections : default_limit(loop->sys);
  server->is_outbound = server->options.is_outbound;
  server->cancel_at = server->kill_at = LC_NEVER;
  server->visit_at = server->mark_at = LC_NEVER;
  server->report.lossless = 1;
  lc_listening_init(server);
  lc_registry_init(&server->registry);
  lc_fleet *fleet = lc_fleet_of(loop);
  if (!fleet || lc_drain_open(server) < 0) goto no_memory;
  lc_loop_add_child(loop, &server->child, server_end);
  lc_fleet_add(fleet, server);
  return server;
no_memory:
  free(server);
  if (error) *error = -ENOMEM;
  return NULL;
}

/* Those that are closing in order go on without us, in the kernel's hands; the others are cut. */
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
    lc_registry_remove(&server->registry, conn);
    lc_conn_orphan(conn);
    lc_conn_unref(conn);
  }
  if (server->spare) lc_conn_unref(server->spare);
  lc_registry_free(&server->registry);
  lc_timer_close(server->loop, &server->timer);
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

/* ------------------------------------------------------------ connections -- */

lc_conn *lc_server_spare(lc_server *server)
{
  if (!server->spare) server->spare = lc_conn_new(server);
  return server->spare;
}

int lc_server_adopt(lc_server *server, int fd, const lc_address *peer, lc_conn **conn)
{
  lc_conn *spare = lc_server_spare(server);
  if (!spare) return -ENOMEM;
  lc_peer_pack(&spare->peer, peer);
  int result = lc_conn_begin(spare, fd);
  if (result < 0) return result;
  server->spare = NULL;
  *conn = spare;
  return 0;
}

void lc_server_departed(lc_server *server)
{
  lc_listening_unhold(server);
  if (server->events->departed) server->events->departed(server, server->user);
  lc_drain_check(server);
}

void lc_server_told_address(const lc_server *server, lc_address *address)
{
  const lc_listener *listener = NULL;
  if (!lc_address_is_path(address)) return;
  while ((listener = lc_listener_next(&server->listening, listener))) {
    if (!lc_listener_is_bound_to(listener, address)) continue;
    *address = *lc_listener_address(listener);
    return;
  }
}

int lc_conn_connect(lc_server *server, const lc_address *to, const lc_address *from, int nodelay,
                    lc_conn **conn)
{
  const lc_sys *sys = server->loop->sys;
  int fd = sys->socket(sys, to->of.any.sa_family, SOCK_STREAM, 0), result;
  if (fd < 0) return fd;
  lc_settings settings = server->options.settings;
  settings.nodelay = nodelay;
  result = lc_keepalive_apply(sys, fd, to->of.any.sa_family, &settings, NULL);
  if (!result && from) result = sys->bind(sys, fd, &from->of.any, from->length);
  if (!result) LC_RETRY(result, sys->connect(sys, fd, &to->of.any, to->length));
  int in_progress = result == -EINPROGRESS || result == -EALREADY;
  if (result < 0 && !in_progress) goto failed;
  result = lc_server_adopt(server, fd, to, conn);
  if (result < 0) goto failed;
  (*conn)->connecting = 1; /* the first OUT edge tells, also when it has succeeded already */
  lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return 0;
failed:
  sys->close(sys, fd);
  return result == -EAGAIN ? -ECONNREFUSED : result; /* a unix listener whose queue is full */
}

int lc_conn_adopt(lc_server *server, int fd, const lc_settings *settings, lc_conn **conn)
{
  const lc_sys *sys = server->loop->sys;
  lc_address peer = {.length = sizeof peer.of};
  int result = sys->getpeername(sys, fd, &peer.of.any, &peer.length);
  if (result < 0) return result;
  lc_conn *spare = lc_server_spare(server);
  lc_conn_extra *extra = spare ? lc_conn_need_extra(spare) : NULL;
  if (!extra) return -ENOMEM;
  if (settings) {
    extra->settings = *settings;
    lc_settings_fit(&extra->settings);
    extra->has_settings = 1;
  }
  result = lc_server_adopt(server, fd, &peer, conn);
  if (result < 0) {
    extra->has_settings = 0; /* the spare is somebody else's next */
    return result;
  }
  lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return 0;
}

/* ---------------------------------------------------------------- notices -- */

void lc_server_tell(lc_server *server, lc_notice notice, const lc_address *address)
{
  char text[LC_ADDRESS_TEXT_MAX];
  if (!server->events->notice) return;
  if (address) notice.address = lc_address_format(address, text, sizeof text);
  server->events->notice(server, &notice, server->user);
}

void lc_server_notice(lc_server *server, const char *event, int code, const lc_address *address,
                      lc_time retry)
{
  lc_server_tell(server, (lc_notice){.event = event, .code = code, .retry = retry}, address);
}

/* ------------------------------------------------------------- properties -- */

lc_loop *lc_server_loop(const lc_server *server) { return server->loop; }
void *lc_server_user(const lc_server *server) { return server->user; }
lc_step lc_server_step(const lc_server *server) { return server->step; }
int lc_server_is_leaving(const lc_server *server) { return server->wanted > LC_STEP_SERVING; }
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
  lc_drain_check(server);
}

void lc_server_count_canceled(lc_server *server, lc_conn *conn)
{
  if (conn->counted_canceled) return;
  conn->counted_canceled = 1;
  server->report.canceled++;
}

void lc_server_count_killed(lc_server *server, lc_conn *conn)
{
  if (conn->counted_killed) return;
  conn->counted_killed = 1;
  server->report.killed++;
}
