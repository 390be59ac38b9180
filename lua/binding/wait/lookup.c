/* wait/lookup.c - a task's query to the system's resolver. */
#include "wait/lookup.h"

#include <lua.h>

#include "base/list.h"
#include "runtime/runtime.h"
#include "task/task.h"
#include "task/wait.h"

static void answered(lc_query *query)
{
  lookup *look = LC_OWNER(query, lookup, query);
  look->is_answered = 1;
  if (look->waiter) task_wake(look->waiter, 0);
}

static void unwait(task *t)
{
  lookup *look = t->wait_object;
  look->waiter = NULL;
  if (!look->is_answered) lc_resolve_cancel(look->rt->loop, &look->query);
}

int lookup_ask(lookup *look)
{
  look->query.answered = answered;
  int result = lc_resolve(look->rt->loop, &look->query);
  return result < 0 ? result : 0;
}

int lookup_wait(lua_State *L, task *t, lookup *look, lua_KContext kept, lua_KFunction again)
{
  look->waiter = t;
  return task_suspend(L, t, "resolve", look, unwait, kept, again);
}
