/* sockopt.c - socket options by name, for connections and for the `control` function of a listener. */
#include "binding.h"

static int unknown_option(lua_State *L, int index)
{
  luaL_Buffer names;
  const char *name = lua_tostring(L, index);
  luaL_buffinit(L, &names);
  for (unsigned i = 0; lc_sockopt_name(i); i++) {
    if (i) luaL_addstring(&names, ", ");
    luaL_addstring(&names, lc_sockopt_name(i));
  }
  luaL_pushresult(&names);
  return luaL_argerror(
    L, index,
    lua_pushfstring(L, "unknown socket option '%s'; known are: %s", name, lua_tostring(L, -1)));
}

static int set(lua_State *L, runtime *rt, int fd)
{
  const char *name = luaL_checkstring(L, 2);
  int value = lua_isboolean(L, 3) ? lua_toboolean(L, 3) : (int)luaL_checkinteger(L, 3);
  int result = fd < 0 ? LC_CLOSED : lc_sockopt_set(rt->loop, fd, name, value);
  if (result == -ENOENT) return unknown_option(L, 2);
  if (result < 0) return push_failure(L, result, name, "setsockopt");
  lua_pushboolean(L, 1);
  return 1;
}

static int get(lua_State *L, runtime *rt, int fd)
{
  const char *name = luaL_checkstring(L, 2);
  int value = 0, result = fd < 0 ? LC_CLOSED : lc_sockopt_get(rt->loop, fd, name, &value);
  if (result == -ENOENT) return unknown_option(L, 2);
  if (result < 0) return push_failure(L, result, name, "getsockopt");
  lua_pushinteger(L, value);
  return 1;
}

static int conn_setsockopt(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  return set(L, box->rt, lc_conn_fd(box->conn));
}

static int conn_getsockopt(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  return get(L, box->rt, lc_conn_fd(box->conn));
}

/* For sockets that are not connections: (fd, name[, value]). */
static int core_setsockopt(lua_State *L)
{
  return set(L, runtime_upvalue(L), (int)luaL_checkinteger(L, 1));
}

static int core_getsockopt(lua_State *L)
{
  return get(L, runtime_upvalue(L), (int)luaL_checkinteger(L, 1));
}

void sockopt_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {
    {"setsockopt", core_setsockopt}, {"getsockopt", core_getsockopt}, {NULL, NULL}};
  register_functions(L, rt, functions);
}

void conn_open_sockopt(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"setsockopt", conn_setsockopt}, {"getsockopt", conn_getsockopt}, {NULL, NULL}};
  register_functions(L, rt, methods);
}
