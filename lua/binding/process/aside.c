/* process/aside.c - the first task of a program, whose script begins a run of its own.
 *
 * bin/lastcall runs a script as the first task of a run, because most scripts need one. A script
 * that calls lastcall.run itself gets a run as if there were no other: its task steps aside, the
 * program's run is left, the script's run begins and ends, and the task goes on in the program's
 * run, which begins again.
 */
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "process/process.h"
#include "runtime/runtime.h"
#include "script/register.h"
#include "task/context.h"
#include "task/task.h"

static void move(lua_State *L, task *t, context *to, int anchor)
{
  runtime_push_anchored(L, t->rt, anchor);
  context_hold_object(L, lua_gettop(L));
  lua_pop(L, 1);
  lc_list_remove(&t->in_context);
  context_unhold(t->ctx);
  t->ctx = to;
  lc_list_append(&to->tasks, &t->in_context);
}

static void count(task *t, int is_system)
{
  int change = is_system ? 1 : -1;
  t->is_system = t->is_aside = is_system ? 1u : 0u;
  t->rt->tasks->of_process -= (unsigned)change;
  t->rt->tasks->of_ours += (unsigned)change;
}

/* is_program() -> whether the script is a program's, and this its first task. */
static int core_is_program(lua_State *L)
{
  const task *t = runtime_upvalue(L)->current;
  lua_pushboolean(L, t && t->is_main);
  return 1;
}

/* step_aside(): the end of the run under way leaves the running task alone. `run` returns after
 * this turn. */
static int core_step_aside(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  task *t = rt->current;
  count(t, 1);
  move(L, t, rt->contexts->background, rt->contexts->background_anchor);
  rt->tasks->aside = t;
  rt->is_left = 1;
  return 0;
}

/* step_back(): the task is one of the process again. */
static int core_step_back(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  task *t = rt->tasks->aside;
  rt->tasks->aside = NULL;
  count(t, 0);
  move(L, t, rt->contexts->process, rt->contexts->process_anchor);
  return 0;
}

void process_open_aside(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"is_program", core_is_program},
                                       {"step_aside", core_step_aside},
                                       {"step_back", core_step_back},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
