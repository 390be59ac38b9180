/* conn/options.c - the options of one connection: timeouts, linger, keepalive, its farewell. */
#include <lauxlib.h>
#include <lua.h>

#include "conn/adopt.h"
#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/keeping.h"
#include "conn/methods.h"
#include "script/arguments.h"
#include "script/options.h"
#include "script/raise.h"
#include "script/register.h"

/* Applies the settings to the connection. Pushes true, or nil, a code and a message. Returns the
 * number of values. */
static int apply(lua_State *L, conn_box *box, const lc_settings *settings, const char *operation)
{
  if (lc_conn_error(box->conn)) return conn_failure(L, box, lc_conn_error(box->conn), operation);
  int result = lc_conn_set_settings(box->conn, settings);
  if (result < 0) return conn_failure(L, box, result, operation);
  lua_pushboolean(L, 1);
  return 1;
}

/* Nil means no timeout. With 0, a read takes only bytes that have already arrived. */
static lc_time check_timeout(lua_State *L, int argument)
{
  lc_time timeout = optional_seconds(L, argument);
  check_that(L, timeout >= 0, argument, "seconds are not negative; nil stands for no timeout");
  return timeout;
}

static int conn_set_read_timeout(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  settings.read_timeout = check_timeout(L, 2);
  return apply(L, box, &settings, "set_read_timeout");
}

static int conn_set_write_timeout(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  settings.write_timeout = check_timeout(L, 2);
  return apply(L, box, &settings, "set_write_timeout");
}

static int conn_set_deadline(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_conn_set_deadline(box->conn, optional_seconds(L, 2));
  lua_pushboolean(L, 1);
  return 1;
}

static int conn_set_linger(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  check_that(L, !lua_isnoneornil(L, 2), 2, "seconds to linger, 0 to reset, or \"background\"");
  linger_argument(L, 2, &settings.linger);
  return apply(L, box, &settings, "set_linger");
}

/* The Lua modules have checked the table. */
static int conn_set_keepalive(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  lua_settop(L, 2);
  lua_createtable(L, 0, 1);
  lua_insert(L, 2);
  lua_setfield(L, 2, "keepalive");
  option_keepalive(L, 2, &settings.keepalive);
  settings.user_timeout = lc_keepalive_user_timeout(&settings.keepalive);
  return apply(L, box, &settings, "set_keepalive");
}

static int conn_set_nodelay(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  check_type(L, 2, LUA_TBOOLEAN);
  settings.nodelay = lua_toboolean(L, 2);
  return apply(L, box, &settings, "set_nodelay");
}

/* conn:heartbeat({interval=, timeout=, send=} or false). The Lua modules have checked the table. */
static int conn_heartbeat(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  conn_refuse_http(L, box, "conn:heartbeat");
  if (lua_istable(L, 2) && !(lc_conn_can_read(box->conn) && lc_conn_can_write(box->conn)))
    raise_error(L, "conn:heartbeat: %s", ONE_WAY);
  lc_settings settings = *lc_conn_settings(box->conn);
  lua_settop(L, 2);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "heartbeat");
  option_heartbeat(L, 3, &settings.heartbeat);
  if (lua_istable(L, 2)) lua_getfield(L, 2, "send");
  else lua_pushnil(L);
  conn_keep_value(L, 1, CONN_BEAT);
  return apply(L, box, &settings, "heartbeat");
}

static int conn_set_farewell(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  int type = lua_type(L, 2);
  check_that(L,
             type == LUA_TNONE || type == LUA_TNIL || type == LUA_TSTRING || type == LUA_TNUMBER ||
               type == LUA_TFUNCTION,
             2, "a string, a function that returns one, or nil for the server's");
  conn_refuse_http(L, box, "conn:set_farewell");
  lua_settop(L, 2);
  if (type == LUA_TNUMBER) lua_tostring(L, 2);
  box->has_farewell = type > LUA_TNIL;
  conn_keep_value(L, 1, CONN_FAREWELL);
  lua_pushboolean(L, 1);
  return 1;
}

void conn_open_settings(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"set_read_timeout", conn_set_read_timeout},
                                     {"set_write_timeout", conn_set_write_timeout},
                                     {"set_deadline", conn_set_deadline},
                                     {"set_linger", conn_set_linger},
                                     {"set_keepalive", conn_set_keepalive},
                                     {"set_nodelay", conn_set_nodelay},
                                     {"set_farewell", conn_set_farewell},
                                     {"heartbeat", conn_heartbeat},
                                     {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
}
