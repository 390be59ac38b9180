/* server/late.c - connections whose peer sent bytes that no handler got, for a server's report. */
#include "server/late.h"

#include <lua.h>
#include <stdlib.h>

#include "server/box.h"

enum { LATE_PEERS = 100 }; /* those listed; the core counts all */

typedef struct late_peer {
  uint64_t id;
  uint64_t bytes;
  lc_address peer;
} late_peer;

struct late_peers {
  unsigned count;
  late_peer of[LATE_PEERS];
};

/* Without memory for the list, the report still has the count. */
void late_note(server_box *box, const lc_conn *conn)
{
  lc_conn_stats stats;
  lc_conn_stats_get(conn, &stats);
  if (!stats.late || lc_server_step(box->server) < LC_STEP_STOP) return;
  if (!box->late) box->late = calloc(1, sizeof *box->late);
  if (!box->late || box->late->count == LATE_PEERS) return;
  late_peer *one = &box->late->of[box->late->count++];
  one->id = lc_conn_id(conn);
  one->bytes = stats.late;
  lc_conn_peer(conn, &one->peer);
}

void late_push(lua_State *L, const server_box *box)
{
  char text[LC_ADDRESS_TEXT_MAX];
  unsigned count = box->late ? box->late->count : 0;
  lua_createtable(L, (int)count, 0);
  for (unsigned i = 0; i < count; i++) {
    const late_peer *one = &box->late->of[i];
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, (lua_Integer)one->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, lc_address_format(&one->peer, text, sizeof text));
    lua_setfield(L, -2, "peer");
    lua_pushinteger(L, (lua_Integer)one->bytes);
    lua_setfield(L, -2, "bytes");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

void late_free(server_box *box)
{
  free(box->late);
  box->late = NULL;
}
