/* adopt.c - makes a connection of a descriptor, and removes one from the server. */
#include "server/adopt.h"

#include "conn/conn.h"
#include "server/member.h"

lc_server *lc_conn_server(const lc_conn *conn)
{
  return conn->owner ? LC_OWNER(conn->owner, lc_server, owner) : NULL;
}

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
  spare->sole = 1;
  int result = lc_registry_reserve(&server->registry);
  if (!result) result = lc_conn_begin(spare, fd);
  if (result < 0) return result;
  lc_registry_add(&server->registry, spare);
  server->spare = NULL;
  *conn = spare;
  return 0;
}

void lc_server_lose(lc_server *server, lc_conn *conn)
{
  lc_registry_remove(&server->registry, conn);
  lc_conn_orphan(conn);
  lc_conn_unref(conn);
}
