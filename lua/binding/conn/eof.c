/* conn/eof.c - calls the script's functions when the peer's FIN arrives, also while no task reads.
 *
 * The call consumes no bytes and changes no state. A half-close is legitimate, and only the script
 * knows its meaning.
 */
#include "conn/eof.h"

#include <lauxlib.h>
#include <lua.h>

#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/keeping.h"
#include "conn/methods.h"
#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"

/* Queues one call of each function in the list at index 2. The connection lies at index 1. */
static void queue_functions(lua_State *L, runtime *rt)
{
  lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_rawgeti(L, 2, i) == LUA_TFUNCTION) {
      lua_pushboolean(L, 0);
      lua_rawseti(L, 2, i);
      lua_pushvalue(L, 1);
      runtime_callback(L, rt, 1);
    } else {
      lua_pop(L, 1);
    }
  }
}

static int tell(lua_State *L)
{
  conn_box *box = lua_touserdata(L, 1);
  lua_settop(L, 0);
  if (conn_push(L, box) && conn_kept_value(L, 1, CONN_EOF) == LUA_TTABLE)
    queue_functions(L, box->rt);
  return 0;
}

void conn_cancel_when_finished(conn_box *box)
{
  eof_policy policy = box->of_server ? box->of_server->at_eof : EOF_BY_PROTOCOL;
  int cancels = policy == EOF_CANCELS || (policy == EOF_BY_PROTOCOL && conn_speaks_http(box));
  if (cancels && lc_conn_is_finished(box->conn)) conn_end_context(box, "eof");
}

void conn_on_finished(conn_box *box)
{
  if (lc_conn_state(box->conn) >= LC_STATE_CLOSING) return;
  runtime_protect(box->rt, tell, box);
  conn_cancel_when_finished(box);
}

/* The function that on_eof returns: it removes the script's function, and returns true if that was
 * not called yet. */
static int stop_call(lua_State *L)
{
  lua_Integer place = lua_tointeger(L, lua_upvalueindex(2));
  int is_on = lua_rawgeti(L, lua_upvalueindex(1), place) == LUA_TFUNCTION;
  lua_pushboolean(L, 0);
  lua_rawseti(L, lua_upvalueindex(1), place);
  lua_pushboolean(L, is_on);
  return 1;
}

static int conn_on_eof(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  check_type(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  if (conn_kept_value(L, 1, CONN_EOF) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    conn_keep_value(L, 1, CONN_EOF);
  }
  lua_insert(L, 2);
  lua_Integer place = (lua_Integer)lua_rawlen(L, 2) + 1;
  lua_rawseti(L, 2, place);
  if (lc_conn_is_finished(box->conn)) queue_functions(L, box->rt);
  lua_pushinteger(L, place);
  lua_pushcclosure(L, stop_call, 2);
  return 1;
}

void conn_open_eof(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"on_eof", conn_on_eof}, {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
}
