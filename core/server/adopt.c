/* adopt.c - a descriptor becomes a connection of the server, which reports to the server from then on. */
#include "conn/plain.h"
#include "server/server.h"

lc_server *lc_conn_server(const lc_conn *conn)
{
  return conn->owner ? LC_OWNER(conn->owner, lc_server, owner) : NULL;
}

/* ------------------------------------------------- what a connection reports -- */

static void member_opened(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  server->events->opened(conn, server->user);
}

static void member_moved(lc_conn *conn, lc_state from, lc_state to, const char *cause)
{
  lc_server *server = lc_conn_server(conn);
  lc_registry_move(&server->registry, from, to);
  if (server->events->state && !conn->unheard)
    server->events->state(conn, from, to, cause, server->user);
}

static void member_ready(lc_conn *conn, unsigned what)
{
  lc_server *server = lc_conn_server(conn);
  if (!conn->unheard) server->events->ready(conn, what, server->user);
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

void lc_server_lose(lc_server *server, lc_conn *conn)
{
  lc_registry_remove(&server->registry, conn);
  lc_conn_orphan(conn);
  lc_conn_unref(conn);
}

static void member_departed(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  lc_server_lose(server, conn);
  lc_listening_unhold(server);
  if (server->events->departed) server->events->departed(server, server->user);
  lc_drain_check(server);
}

void lc_adopt_open(lc_server *server)
{
  server->owner =
    (lc_owner){.transport = server->options.transport ? server->options.transport : &lc_plain,
               .settings = &server->options.settings,
               .drain = &server->options.drain,
               .tells_late = server->options.late,
               .opened = member_opened,
               .moved = member_moved,
               .ready = member_ready,
               .heartbeat = member_heartbeat,
               .look_at = lc_drain_look_at,
               .look = lc_drain_look,
               .ended = lc_account_ended,
               .closed = member_closed,
               .departed = member_departed};
}

/* ------------------------------------------------------------- newcomers -- */

lc_conn *lc_server_spare(lc_server *server)
{
  if (!server->spare) server->spare = lc_conn_new(server->loop, &server->owner, sizeof(lc_member));
  return server->spare;
}

int lc_server_adopt(lc_server *server, int fd, const lc_address *peer, lc_conn **conn)
{
  lc_conn *spare = lc_server_spare(server);
  if (!spare) return -ENOMEM;
  lc_peer_pack(&spare->peer, peer);
  spare->outbound = server->is_outbound ? 1 : 0;
  int result = lc_registry_reserve(&server->registry);
  if (!result) result = lc_conn_begin(spare, fd);
  if (result < 0) return result;
  lc_registry_add(&server->registry, spare);
  server->spare = NULL;
  *conn = spare;
  return 0;
}

int lc_conn_local(const lc_conn *conn, lc_address *address)
{
  *address = (lc_address){.length = sizeof address->of};
  if (conn->watch.fd < 0) return LC_CLOSED;
  const lc_sys *sys = conn->loop->sys;
  int result = sys->getsockname(sys, conn->watch.fd, &address->of.any, &address->length);
  if (result >= 0 && conn->owner) lc_server_told_address(lc_conn_server(conn), address);
  return result;
}
