/* task/suspension.c - ends a wait in order when other code closes its coroutine.
 *
 * With Lua's own coroutine functions a script may resume or close a coroutine that is suspended for
 * the loop, and lastcall does not see the call. A to-be-closed slot makes a close visible. It lies
 *
 *   at the base of a task's own coroutine, below the task's function. One slot is enough for all
 *     waits there, and they cost no more. It is closed last, after the script's <close> variables;
 *   on top of the stack, for one wait, where the base has no slot or closes it too late: in a
 *     coroutine of the script, around coroutines nested in this one, and where only this stack
 *     keeps the objects of the wait.
 *
 * A resume by other code leaves values on top of the stack; they are dropped.
 */
#include "task/suspension.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/register.h"
#include "task/task.h"

static const char MARK_TYPE[] = "lastcall.suspension";

/* The room for a call of __close: the method, its two arguments, and the slots that each C function
 * gets. More would make the stack of every connection's coroutine larger. */
enum { CLOSING_TAKES = 3 + LUA_MINSTACK };

void suspension_push_base(lua_State *L, const runtime *rt)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->tasks->mark);
  lua_insert(L, 1);
  lua_toclose(L, 1);
}

int suspension_begin(lua_State *L, const runtime *rt)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->tasks->mark);
  lua_toclose(L, -1);
  return lua_gettop(L);
}

void suspension_end(lua_State *L, runtime *rt, int mark)
{
  lua_checkstack(
    L, CLOSING_TAKES); /* the stack must not be moved meanwhile: Lua up to 5.4.4 forgets */
  rt->tasks->ends_suspension = 1;
  lua_closeslot(L, mark);
  rt->tasks->ends_suspension = 0;
  lua_settop(L, mark - 1);
}

void suspension_open(lua_State *L, runtime *rt, lua_CFunction on_close, lua_CFunction on_error)
{
  const luaL_Reg metamethods[] = {{"__close", on_close}, {"__call", on_error}, {NULL, NULL}};
  lua_newuserdatauv(L, 0, 0);
  new_type(L, MARK_TYPE);
  register_functions(L, rt, "suspension:", metamethods);
  lua_setmetatable(L, -2);
  rt->tasks->mark = luaL_ref(L, LUA_REGISTRYINDEX);
}
