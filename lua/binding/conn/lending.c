/* conn/lending.c - connections that have one user after the other, such as those of a pool.
 *
 * During a use the connection has a context below its user's. That context ends with the use, with
 * the user's context, with the connection, or when the connection is collected. To be collected is
 * no leak here.
 */
#include <lua.h>

#include "conn/box.h"
#include "conn/keeping.h"
#include "conn/methods.h"
#include "context/current.h"
#include "runtime/runtime.h"
#include "script/register.h"
#include "task/context.h"

/* The connection lies at index 1. */
static void end_use(lua_State *L, conn_box *box)
{
  if (box->has_context) {
    conn_kept_value(L, 1, CONN_CONTEXT);
    context_leave_conn(L, -1);
    lua_pop(L, 1);
    lua_pushnil(L);
    conn_keep_value(L, 1, CONN_CONTEXT);
  }
  if (!lc_conn_error(box->conn)) box->ended = 0;
}

/* conn_lend(conn) -> the context of this use, below the caller's. The uses before have ended. */
static int conn_lend(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lua_settop(L, 1);
  end_use(L, box);
  box->may_be_collected = box->logged = 1; /* the user gets its failures */
  conn_make_context(L, 1, context_push_current(L, box->rt));
  lua_settop(L, 1);
  conn_context_of(L, 1);
  return 1;
}

/* conn_take_back(conn) -> whether it may be used again, as far as is known: it ends the use. */
static int conn_take_back(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_slice held;
  end_use(L, box);
  lc_conn_buffered(box->conn, &held);
  lua_pushboolean(L, !held.length && !lc_conn_error(box->conn) && !lc_conn_is_finished(box->conn));
  return 1;
}

/* conn_is_silent(conn) -> whether nothing has come that was not read, neither bytes nor a FIN. */
static int conn_is_silent(lua_State *L)
{
  lua_pushboolean(L, lc_conn_is_silent(conn_check(L, 1)->conn));
  return 1;
}

void conn_open_lending(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"conn_lend", conn_lend},
                                       {"conn_take_back", conn_take_back},
                                       {"conn_is_silent", conn_is_silent},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
