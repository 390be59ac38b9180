/* conn/relay.c - functions for pipe and copy, which pass bytes from one connection to another. */
#include <lauxlib.h>
#include <lua.h>
#include <math.h>

#include "conn/box.h"
#include "conn/methods.h"
#include "runtime/runtime.h"
#include "script/register.h"

/* is_connection(value) */
static int is_connection(lua_State *L)
{
  lua_pushboolean(L, luaL_testudata(L, 1, CONN_TYPE) != NULL);
  return 1;
}

/* break_write(dst, src): marks the stream to `dst` as broken in the middle, because `src` or `dst`
 * has failed. */
static int break_write(lua_State *L)
{
  const conn_box *dst = conn_check(L, 1), *src = conn_check(L, 2);
  int code = lc_conn_error(dst->conn);
  if (!code) code = src->last_failure ? src->last_failure : lc_conn_error(src->conn);
  lc_conn_break_write(dst->conn, code ? code : LC_CANCELED);
  return 0;
}

/* quiet_in(conn) -> in how many seconds the connection has been silent for the drain's `quiet`;
 * from 0 to infinity */
static int quiet_in(lua_State *L)
{
  const conn_box *box = conn_check(L, 1);
  lc_time at = lc_conn_quiet_from(box->conn), now = lc_loop_clock(box->rt->loop);
  if (at == LC_NEVER) lua_pushnumber(L, HUGE_VAL);
  else lua_pushnumber(L, at > now ? lc_to_seconds(at - now) : 0);
  return 1;
}

void conn_open_relay(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"is_connection", is_connection},
                                       {"break_write", break_write},
                                       {"quiet_in", quiet_in},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
