/* unclaimed.c - connections that wait until an embedder that accepts by hand asks for them.
 *
 * They lie in the registry, which is in the order of arrival. A cursor of the registry stands at
 * the first of them, or before it.
 */
#include "server/unclaimed.h"

#include "listen/listener.h"
#include "server/member.h"
#include "server/state.h"

void lc_unclaimed_add(lc_conn *conn, unsigned listener)
{
  lc_server *server = lc_conn_server(conn);
  lc_member *member = lc_member_of(conn);
  conn->unheard = 1;
  member->unclaimed = 1;
  member->listener = listener;
  if (server->unclaimed++) return;
  lc_registry_walk_from(&server->registry, LC_WALK_CLAIM, conn);
  lc_server_look_again(server); /* connections that are silent hold it up */
  if (server->events->acceptable) server->events->acceptable(server, server->user);
}

void lc_unclaimed_leave(lc_conn *conn)
{
  lc_member *member = lc_member_of(conn);
  if (!member->unclaimed) return;
  member->unclaimed = 0;
  lc_conn_server(conn)->unclaimed--;
}

static lc_conn *next(lc_server *server)
{
  lc_conn *conn = NULL;
  if (!server->unclaimed) return NULL;
  do conn = lc_registry_step(&server->registry, LC_WALK_CLAIM);
  while (conn && !lc_member_of(conn)->unclaimed);
  return conn;
}

lc_conn *lc_unclaimed_claim(lc_server *server)
{
  lc_conn *conn = next(server);
  if (!conn) return NULL;
  lc_unclaimed_leave(conn);
  lc_conn_hear(conn);
  return conn;
}

int lc_unclaimed_lose(lc_conn *conn)
{
  if (!lc_member_of(conn)->unclaimed) return 0;
  lc_listener_lost_client(&lc_conn_server(conn)->listening, lc_member_of(conn)->listener);
  lc_conn_abort(conn, "not accepted");
  return 1;
}

static void serve(lc_server *server)
{
  const lc_listen_owner *owner = &server->listening;
  lc_conn *conn = lc_unclaimed_claim(server);
  if (conn) owner->calls->serve(&server->listening, conn);
}

static void lose(lc_server *server)
{
  lc_conn *conn = next(server);
  if (conn) lc_unclaimed_lose(conn);
}

void lc_unclaimed_share(lc_server *server)
{
  if (!server->listening.serving && !server->retiring) return;
  for (int i = 0; server->unclaimed && i < LC_ACCEPTS_PER_TURN; i++) {
    if (server->retiring) lose(server);
    else serve(server);
  }
  if (server->unclaimed) lc_job_queue_ladder(server->loop, &server->job);
}
