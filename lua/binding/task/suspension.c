/* task/suspension.c - what lies on top of a coroutine's stack while it is suspended for the loop.
 *
 * A script may resume or close such a coroutine by means that we are not told of: Lua's own coroutine
 * functions. A slot that is to be closed lies above everything else there. A foreign resume leaves
 * values above it, which are dropped. A foreign close closes that slot first, while what the task
 * waits with still lies below: so the wait ends in order.
 */
#include "task/suspension.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/register.h"
#include "task/task.h"

static const char MARK_TYPE[] = "lastcall.suspension";
static const char MARK_KEY = 0; /* registry: the one object that lies on all of these stacks */

/* The call of __close: the method, its two arguments, and what each C function is given. More would make the stack
 * of every connection's coroutine larger. */
enum { CLOSING_TAKES = 3 + LUA_MINSTACK };

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

void suspension_open(lua_State *L, runtime *rt, lua_CFunction on_close)
{
  const luaL_Reg metamethods[] = {{"__close", on_close}, {NULL, NULL}};
  lua_newuserdatauv(L, 0, 0);
  new_type(L, MARK_TYPE);
  register_functions(L, rt, "suspension:", metamethods);
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &MARK_KEY);
}
