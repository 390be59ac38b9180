/* runtime/callbacks.c - calls into the script that wait for the time between turns.
 *
 * Each call has a number. Its function and arguments lie in a Lua table
 * under that number. The moves of connections are too frequent for that: they
 * lie in a queue of their own, and are numbered with the others.
 */
#include "runtime/callbacks.h"

#include <lua.h>

#include "runtime/runtime.h"

void runtime_callback(lua_State *L, runtime *rt, int count)
{
  lua_createtable(L, count + 1, 1);
  lua_insert(L, -(count + 2));
  for (int i = count + 1; i >= 1; i--) lua_rawseti(L, -(i + 1), i);
  lua_pushinteger(L, count);
  lua_setfield(L, -2, "n");
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->calls.queue);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)++rt->calls.last);
  lua_pop(L, 1);
}

void runtime_hook(lua_State *L, runtime *rt, const char *name, int count)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->calls.hooks);
  int is_set = lua_getfield(L, -1, name) == LUA_TFUNCTION;
  lua_remove(L, -2);
  if (!is_set) {
    lua_pop(L, count + 1);
    return;
  }
  lua_insert(L, -(count + 1));
  runtime_callback(L, rt, count);
}
