/* task/suspension.c - what lies on top of a coroutine's stack while it is suspended for the loop.
 *
 * A script may resume or close such a coroutine by means that we are not told of: Lua's own coroutine
 * functions. A slot that is to be closed lies above everything else there. A foreign resume leaves
 * values above it, which are dropped. A foreign close closes that slot first, while what the task
 * waits with still lies below: so the wait ends in order.
 */
#include "binding.h"

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
  rt->ends_suspension = 1;
  lua_closeslot(L, mark);
  rt->ends_suspension = 0;
  lua_settop(L, mark - 1);
}

static int consists_of(const task *t, const lua_State *co)
{
  for (unsigned i = 0; i < task_depth(t); i++)
    if (t->extra->levels[i].co == co) return 1;
  return t->co == co;
}

static task *find_task(const runtime *rt, const lua_State *co)
{
  for (lc_link *link = rt->tasks.next; link != &rt->tasks; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (consists_of(t, co)) return t;
  }
  return NULL;
}

/* The coroutine L is being closed, or its suspension is over. */
static int mark_close(lua_State *L)
{
  runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  if (rt->ends_suspension || !rt->loop) return 0;
  if (rt->current && consists_of(rt->current, L)) return 0; /* we end the task */
  task *t = find_task(rt, L);
  if (!t) return 0;
  task_wake(t, LC_CANCELED); /* the loop finds what has become of it */
  return coroutine_close_nested(L, t) == LUA_OK ? 0 : lua_error(L);
}

void suspension_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg metamethods[] = {{"__close", mark_close}, {NULL, NULL}};
  lua_newuserdatauv(L, 0, 0);
  new_type(L, MARK_TYPE);
  register_functions(L, rt, "suspension:", metamethods);
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &MARK_KEY);
}
