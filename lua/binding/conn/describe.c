/* conn/describe.c - the facts about a connection, as a table for scripts. */
#include "conn/describe.h"

#include <lua.h>

#include "lastcall.h"
#include "script/failure.h"

enum { LABEL = 120 }; /* bytes of a request's name */

/* The request that the connection is at work for, and for how long. */
static void describe_request(lua_State *L, const lc_conn *conn, lc_time now)
{
  char label[LABEL];
  lc_time since;
  if (!lc_conn_label(conn, label, sizeof label, &since)) return;
  lua_pushstring(L, label);
  lua_setfield(L, -2, "request");
  lua_pushnumber(L, lc_to_seconds(now - since));
  lua_setfield(L, -2, "in_handler");
}

void conn_describe(lua_State *L, const lc_conn *conn)
{
  char text[LC_ADDRESS_TEXT_MAX];
  lc_conn_stats stats;
  lc_conn_stats_get(conn, &stats);
  const lc_server *server = lc_conn_server(conn);
  lc_time now = server ? lc_loop_clock(lc_server_loop(server)) : stats.last_byte_at;
  const struct {
    const char *name;
    lua_Integer value;
  } integers[] = {{"id", (lua_Integer)lc_conn_id(conn)},
                  {"received", (lua_Integer)stats.received},
                  {"sent", (lua_Integer)stats.sent},
                  {"unsent", (lua_Integer)stats.unsent},
                  {"unacked", (lua_Integer)stats.unacked}};
  size_t known = sizeof integers / sizeof *integers - (stats.unacked == LC_UNKNOWN ? 1 : 0);
  for (size_t i = 0; i < known; i++) {
    lua_pushinteger(L, integers[i].value);
    lua_setfield(L, -2, integers[i].name);
  }
  lua_pushstring(L, peer_text(conn, text, sizeof text));
  lua_setfield(L, -2, "peer");
  lua_pushstring(L, lc_state_name(lc_conn_state(conn)));
  lua_setfield(L, -2, "state");
  lua_pushnumber(L, lc_to_seconds(now - stats.opened_at));
  lua_setfield(L, -2, "age");
  lua_pushnumber(L, lc_to_seconds(now - stats.last_byte_at));
  lua_setfield(L, -2, "quiet");
  describe_request(L, conn, now);
}
