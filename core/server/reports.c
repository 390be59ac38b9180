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

/* A connection's handshake is over: another client may begin one. */
static void end_handshake(lc_server *server, lc_conn *conn)
{
  lc_member *member = lc_member_of(conn);
  if (!member->opening) return;
  member->opening = 0;
  if (server->opening-- == server->options.max_handshakes) lc_listening_unhold(server);
}

static void member_opened(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  end_handshake(server, conn);
  server->report.handshakes++;
  if (!conn->unheard || lc_member_of(conn)->unclaimed)
    return; /* the embedder hears of an unclaimed one when it asks */
  conn->unheard = 0;
  if (server->events->opened) server->events->opened(conn, server->user);
}

static void member_unopened(lc_conn *conn, int code)
{
  lc_server *server = lc_conn_server(conn);
  end_handshake(server, conn);
  if (code == LC_EOF) return; /* came and went, as health checks do */
  server->report.handshakes_failed++;
  lc_notice notice = {.event = "handshake failed", .code = code, .conn = conn};
  if (conn->unheard && server->events->notice)
    server->events->notice(server, &notice, server->user);
}

static void member_ended(lc_conn *conn, int by_reset)
{
  end_handshake(lc_conn_server(conn), conn);
  lc_account_ended(conn, by_reset);
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
                    .unopened = member_unopened,
                    .moved = member_moved,
                    .ready = member_ready,
                    .heartbeat = member_heartbeat,
                    .look_at = lc_idle_look_at,
                    .look = lc_idle_look,
                    .ended = member_ended,
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
