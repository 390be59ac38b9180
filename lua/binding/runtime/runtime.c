/* runtime/runtime.c - the runtime's anchors, its parts, and protected calls, for every file. */
#include "runtime/runtime.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "script/raise.h"

static const char RUNTIME_KEY = 0;

void runtime_check(lua_State *L, const runtime *rt)
{
  if (!rt)
    raise_error(
      L, "lastcall: what this call is for has been collected; a finalizer cannot use it any more");
  if (!rt->loop) raise_error(L, "lastcall: its loop has ended with the Lua state");
}

runtime *runtime_upvalue(lua_State *L)
{
  runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  runtime_check(L, rt);
  return rt;
}

void *runtime_part(lua_State *L, size_t size)
{
  void *part = lua_newuserdatauv(L, size, 0);
  memset(part, 0, size);
  luaL_ref(L, LUA_REGISTRYINDEX);
  return part;
}

void runtime_keep(lua_State *L) { lua_rawsetp(L, LUA_REGISTRYINDEX, &RUNTIME_KEY); }

runtime *runtime_get(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &RUNTIME_KEY);
  runtime *rt = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return rt;
}

/* ------------------------------------------------------------------ anchors -- */

/* As luaL_ref, in half the time: most connections and requests take an anchor. A free place has the
 * number of the next free one; 0: none. */
static int free_anchor(lua_State *L, runtime *rt, int table)
{
  int anchor = rt->free_anchor;
  if (!anchor) return 0;
  lua_rawgeti(L, table, anchor);
  rt->free_anchor = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return anchor;
}

/* Makes one more place, at the end. */
static int new_anchor(lua_State *L, runtime *rt, int table)
{
  int anchor = rt->last_anchor + 1;
  lua_pushinteger(L, rt->free_anchor);
  lua_rawseti(L, table, anchor); /* raises where memory is short */
  return rt->last_anchor = anchor;
}

void runtime_reserve(lua_State *L, runtime *rt, int count)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
  int table = lua_gettop(L);
  for (int free = rt->free_anchor; free && count; count--) {
    lua_rawgeti(L, table, free);
    free = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  for (; count; count--) rt->free_anchor = new_anchor(L, rt, table);
  lua_pop(L, 1);
}

int runtime_anchor(lua_State *L, runtime *rt)
{
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return LUA_REFNIL;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
  lua_insert(L, -2);
  int table = lua_gettop(L) - 1, anchor = free_anchor(L, rt, table);
  if (!anchor) anchor = new_anchor(L, rt, table);
  lua_rawseti(L, table, anchor);
  lua_pop(L, 1);
  return anchor;
}

void runtime_release(runtime *rt, int anchor)
{
  if (anchor == LUA_NOREF || anchor == LUA_REFNIL || !lua_checkstack(rt->L, 3)) return;
  lua_rawgeti(rt->L, LUA_REGISTRYINDEX, rt->anchors);
  lua_pushinteger(rt->L, rt->free_anchor);
  lua_rawseti(rt->L, -2, anchor);
  rt->free_anchor = anchor;
  lua_pop(rt->L, 1);
}

void runtime_push_anchored(lua_State *L, runtime *rt, int anchor)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
  lua_rawgeti(L, -1, anchor);
  lua_replace(L, -2);
}

/* ---------------------------------------------------------------- protection -- */

void runtime_protect(runtime *rt, lua_CFunction function, void *argument)
{
  runtime_protect_on(rt->L, rt, function, argument);
}

void runtime_protect_on(lua_State *L, runtime *rt, lua_CFunction function, void *argument)
{
  if (!lua_checkstack(L, 8)) return;
  lua_pushcfunction(L, function);
  lua_pushlightuserdata(L, argument);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
  const char *message = lua_tostring(L, -1);
  rt->trouble = message ? "an error in lastcall's own callback" : "an error that is not a string";
  lua_warning(L, "lastcall: ", 1);
  lua_warning(L, message ? message : rt->trouble, 0);
  lua_pop(L, 1);
}
