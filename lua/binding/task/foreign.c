/* task/foreign.c - what happens when other code, such as Lua's coroutine.close, closes a task's
 * suspended coroutine. */
#include <lua.h>

#include "base/list.h"
#include "runtime/runtime.h"
#include "task/body.h"
#include "task/coroutine.h"
#include "task/functions.h"
#include "task/suspension.h"
#include "task/task.h"
#include "task/wait.h"

static int consists_of(const task *t, const lua_State *co)
{
  for (unsigned i = 0; i < task_depth(t); i++)
    if (t->extra->levels[i].co == co) return 1;
  return t->co == co;
}

static task *find_task(const runtime *rt, const lua_State *co)
{
  for (lc_link *link = rt->tasks->all.next; link != &rt->tasks->all; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (consists_of(t, co)) return t;
  }
  return NULL;
}

/* Called when the coroutine L is closed, or when its suspension or its task is over. */
static int mark_close(lua_State *L)
{
  runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  if (rt->tasks->ends_suspension || !rt->loop) return 0;
  if (rt->current && consists_of(rt->current, L))
    return 0; /* the task ends by itself, or lastcall ends it */
  task *t = find_task(rt, L);
  if (!t) return 0;
  task_wake(t, LC_CANCELED); /* the loop then finds its coroutine closed */
  return coroutine_close_nested(L, t) == LUA_OK ? 0 : lua_error(L);
}

void foreign_open(lua_State *L, runtime *rt)
{
  suspension_open(L, rt, mark_close, task_describe_error);
}
