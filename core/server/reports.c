/* reports.c - what the connections of a server report to it, and what the server does then. */
#include "server/reports.h"

#include "conn/guess.h"
#include "conn/plain.h"
#include "conn/settings.h"
#include "server/account.h"
#include "server/adopt.h"
#include "server/idle.h"
#include "server/listening.h"
#include "server/member.h"
#include "server/state.h"
#include "server/unclaimed.h"

static void member_opened(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  if (lc_member_of(conn)->unclaimed) return; /* the embedder hears of it when it asks */
  conn->unheard = 0;
  if (server->events->opened) server->events->opened(conn, server->user);
}

static void member_moved(lc_conn *conn, lc_state from, lc_state to, const char *cause)
{
  lc_server *server = lc_conn_server(conn);
  lc_registry_move(&server->registry, from, to);
  if (to >= LC_STATE_CLOSING) lc_unclaimed_leave(conn);
  if (server->events->state && !conn->unheard)
    server->events->state(conn, from, to, cause, server->user);
}

static void member_ready(lc_conn *conn, unsigned what)
{
  lc_server *server = lc_conn_server(conn);
  if (server->events->ready && !conn->unheard) server->events->ready(conn, what, server->user);
}

static void member_heartbeat(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  if (server->events->heartbeat && !conn->unheard) server->events->heartbeat(conn, server->user);
}

static void member_closed(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  if (server->events->closed && !conn->unheard) server->events->closed(conn, server->user);
}

static void member_departed(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  lc_server_lose(server, conn);
  lc_listening_unhold(server);
  if (server->events->departed) server->events->departed(server, server->user);
  lc_server_check(server);
}

lc_owner lc_reports_owner(const lc_server *server)
{
  return (lc_owner){.transport = server->options.transport ? server->options.transport : &lc_plain,
                    .protocol = server->options.protocol ? server->options.protocol : &lc_guess,
                    .settings = &server->options.settings,
                    .drain = &server->options.drain,
                    .tells_late = server->options.late,
                    .opened = member_opened,
                    .moved = member_moved,
                    .ready = member_ready,
                    .heartbeat = member_heartbeat,
                    .look_at = lc_idle_look_at,
                    .look = lc_idle_look,
                    .ended = lc_account_ended,
                    .closed = member_closed,
                    .departed = member_departed};
}

int lc_server_set_protocol(lc_server *server, const lc_protocol *protocol,
                           const lc_settings *settings)
{
  if (server->registry.counts[LC_STATES]) return -EBUSY;
  server->owner.protocol = protocol ? protocol : &lc_guess;
  if (settings) server->options.settings = *settings;
  lc_settings_fit(&server->options.settings);
  return 0;
}
