/* script/register.c - registers functions, types and finalizers for scripts. */
#include "script/register.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

void register_functions(lua_State *L, runtime *rt, const char *prefix, const luaL_Reg *functions)
{
  for (; functions->name; functions++) {
    lua_pushlightuserdata(L, rt);
    lua_pushfstring(L, "%s%s", prefix, functions->name);
    lua_pushcclosure(L, functions->func, 2);
    lua_setfield(L, -2, functions->name);
  }
}

/* When the collector calls a finalizer in a frame, that frame shows no other call. */
int is_collected(lua_State *L)
{
  lua_Debug call;
  lua_getstack(L, 0, &call);
  lua_getinfo(L, "n", &call);
  if (!strcmp(call.namewhat, "hook"))
    return 1; /* a hook hides the finalizer: the collector may run in it */
  return !strcmp(call.namewhat, "metamethod") && !strcmp(call.name, "__gc");
}

void new_type(lua_State *L, const char *type)
{
  luaL_newmetatable(L, type);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "__metatable");
}

void register_ending(lua_State *L, const char *type, lua_CFunction done)
{
  static const char *const metamethods[] = {"__close", "__gc"};
  new_type(L, type);
  for (size_t i = 0; i < sizeof metamethods / sizeof *metamethods; i++) {
    lua_pushcfunction(L, done);
    lua_setfield(L, -2, metamethods[i]);
  }
  lua_createtable(L, 0, 1);
  lua_pushnil(L); /* no runtime: the object may outlive it */
  lua_pushfstring(L, "%s:done", strrchr(type, '.') + 1);
  lua_pushcclosure(L, done, 2);
  lua_setfield(L, -2, "done");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
