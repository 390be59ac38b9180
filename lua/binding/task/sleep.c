/* task/sleep.c - sleep and the clock, and whether a task may wait at all. */
#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "task/functions.h"
#include "task/task.h"
#include "task/wait.h"

static int sleep_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  task *t = runtime_upvalue(L)->current;
  if (t->woken == LC_TIMEOUT && !task_ended(t)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  int code = task_ended(t) ? task_ended(t) : t->woken;
  task_failed(t);
  return push_failure(L, code, NULL, "sleep");
}

static int core_sleep(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_Number seconds = check_number(L, 1);
  check_that(L, seconds == seconds, 1, "not a number (NaN) is no time");
  task *t = task_current(L, rt, "sleep");
  t->woken = LC_TIMEOUT;
  if (task_ended(t)) {
    if (t->killing || !task_is_spent(t)) return sleep_done(L, LUA_OK, 0);
    return task_yield(L, t, 0, sleep_done);
  }
  lc_time at = lc_time_add(lc_loop_clock(rt->loop), lc_seconds(seconds < 0 ? 0 : seconds));
  task_alarm(t, at);
  return task_suspend(L, t, "sleep", NULL, NULL, 0, sleep_done);
}

static int core_now(lua_State *L)
{
  lua_pushnumber(L, lc_to_seconds(lc_loop_clock(runtime_upvalue(L)->loop)));
  return 1;
}

/* has_ended(): whether the calling task's context has ended, so that the task must take nothing
 * more. */
static int core_has_ended(lua_State *L)
{
  const task *t = runtime_upvalue(L)->current;
  lua_pushboolean(L, t && task_ended(t));
  return 1;
}

/* expect_task(what): raises unless the caller is a task that can wait here. */
static int core_expect_task(lua_State *L)
{
  task_current(L, runtime_upvalue(L), check_string(L, 1));
  return 0;
}

void sleep_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"sleep", core_sleep},
                                       {"now", core_now},
                                       {"has_ended", core_has_ended},
                                       {"expect_task", core_expect_task},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
