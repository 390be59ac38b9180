/* task/suspension.c - how a wait ends in order when somebody else closes its coroutine.
 *
 * A script may resume or close a coroutine that is suspended for the loop by means that we are not told of: Lua's own
 * coroutine functions. A slot that is to be closed tells us of a close. It lies
 *
 *   at the base of a task's own coroutine, below the task's function. It does for all waits there, and costs none
 *     of them anything. It is closed last, after the script's own <close> variables;
 *   on top of the stack, for one wait, where that is too late or there is none: in a coroutine of the script's,
 *     around coroutines that are nested in this one, and where only this stack keeps what the task waits with.
 *
 * A foreign resume leaves values above the end of the stack, which are dropped.
 */
#include "task/suspension.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/register.h"
#include "task/task.h"

static const char MARK_TYPE[] = "lastcall.suspension";
static const char MARK_KEY = 0; /* registry: the one object that lies in all of these slots */

/* The call of __close: the method, its two arguments, and what each C function is given. More would make the stack
 * of every connection's coroutine larger. */
enum { CLOSING_TAKES = 3 + LUA_MINSTACK };

void suspension_push_base(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &MARK_KEY);
  lua_insert(L, 1);
  lua_toclose(L, 1);
}

int suspension_begin(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &MARK_KEY);
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
  lua_rawsetp(L, LUA_REGISTRYINDEX, &MARK_KEY);
}
