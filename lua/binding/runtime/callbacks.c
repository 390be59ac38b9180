/* runtime/callbacks.c - calls into the script between turns, in the order in which they came up.
 *
 * Each has a number. What it is to call, with its arguments, lies in a Lua table
 * under that number. Calls that are too frequent for that, the moves of
 * connections, lie in a queue of their own, and are numbered with the others.
 */
#include "runtime/callbacks.h"

#include <lauxlib.h>

#include "runtime/interrupt.h"
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

/* ----------------------------------------------------------------- calling -- */

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
  return 0;
}

/* Those that are there when it begins: one that causes another does not keep the loop. Nor does one that cannot even
 * begin for lack of memory: the next turn tries again. */
void callbacks_run(runtime *rt)
{
  uint64_t last = 0;
  rt->calls.due = rt->calls.last;
  while (rt->calls.next <= rt->calls.due && rt->calls.next != last) {
    last = rt->calls.next;
    runtime_protect_script(
      rt, rt->calls.next == rt->calls.apart_next ? rt->calls.call_apart : call_next, rt);
    if (turn_is_over(rt)) break;
  }
}

int callbacks_wait(const runtime *rt) { return rt->calls.next <= rt->calls.last; }
