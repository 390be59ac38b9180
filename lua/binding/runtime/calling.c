/* runtime/calling.c - makes the waiting calls, in the order of their causes. */
#include "runtime/calling.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "runtime/turn.h"
#include "runtime/watched.h"

int callbacks_traceback(lua_State *L)
{
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  luaL_traceback(L, L, NULL, 1);
  lua_rawseti(L, -2, 2);
  return 1;
}

void callbacks_failed(lua_State *L, const runtime *rt)
{
  int failure = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->calls.hooks);
  if (lua_getfield(L, -1, "callback_failed") != LUA_TFUNCTION) return;
  if (lua_istable(L, failure)) {
    lua_rawgeti(L, failure, 1);
    lua_rawgeti(L, failure, 2);
  } else {
    lua_pushvalue(L, failure);
    lua_pushnil(L);
  }
  lua_pcall(L, 2, 0, 0); /* it reports its own failures */
}

static int call_next(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  lua_Integer number = (lua_Integer)rt->calls.next++;
  lua_settop(L, 0);
  lua_pushcfunction(L, callbacks_traceback);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->calls.queue);
  if (lua_rawgeti(L, 2, number) != LUA_TTABLE) return 0;
  lua_pushnil(L);
  lua_rawseti(L, 2, number);
  lua_getfield(L, 3, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, count + 2, NULL);
  for (int i = 1; i <= count + 1; i++) lua_rawgeti(L, 3, i);
  if (lua_pcall(L, count, 0, 1) != LUA_OK) callbacks_failed(L, rt);
  lua_rawgeti(L, 3, 1);
  turn_callback_done(L, rt, LUA_NOREF);
  return 0;
}

/* Makes the calls that wait when it begins, so that calls which cause others do not keep the loop.
 * If a call cannot begin for lack of memory, the next turn tries again. */
void callbacks_run(runtime *rt)
{
  uint64_t last = 0;
  rt->calls.due = rt->calls.last;
  while (rt->calls.next <= rt->calls.due && rt->calls.next != last) {
    last = rt->calls.next;
    runtime_protect_script(
      rt, rt->calls.next == rt->calls.apart_next ? rt->calls.call_apart : call_next, rt);
    if (rt->turn.is_over) break;
  }
}

int callbacks_wait(const runtime *rt) { return rt->calls.next <= rt->calls.last; }
