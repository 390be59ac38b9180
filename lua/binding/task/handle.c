/* task/handle.c - the script's object for a task, and the functions that make tasks. */
#include "task/handle.h"

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"
#include "task/context.h"
#include "task/functions.h"
#include "task/outcome.h"
#include "task/run.h"
#include "task/task.h"
#include "task/traceback.h"
#include "task/wait.h"

#define TASK_TYPE "lastcall.task"

/* report_error(err, traceback): passes an error that the modules have caught to on_error. */
static int core_report_error(lua_State *L)
{
  lua_settop(L, 2);
  runtime_hook(L, runtime_upvalue(L), "on_error", 2);
  return 0;
}

/* -------------------------------------------------------------------- starting -- */

/* Makes the handle before the task, so that the caller has a handle for every task that starts. `object`: where the
 * context's object lies, or 0 when something else holds the context. */
static task *start_with_handle(lua_State *L, runtime *rt, owner *by, context *ctx, int object,
                               int count)
{
  enum { ANCHORS = 2 }; /* of the handle, and of the context */
  task_handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
  *handle = (task_handle){.rt = rt};
  lc_list_init(&handle->waiters);
  luaL_setmetatable(L, TASK_TYPE);
  task_provide(L, rt, by, ctx, count, ANCHORS);
  lua_pushvalue(L, -1);
  int anchor = runtime_anchor(L, rt);
  lua_insert(L, -(count + 2));
  if (object) context_hold_object(L, object); /* the task adds its own hold */
  task *t = task_start(L, rt, by, ctx, count);
  if (object) context_unhold(ctx);
  t->handle = anchor;
  handle->task = t;
  return t;
}

int task_go(lua_State *L, runtime *rt, owner *by, context *ctx, int object, int count)
{
  start_with_handle(L, rt, by, ctx, object, count);
  return 1;
}

static int go(lua_State *L, runtime *rt, owner *by, context *ctx)
{
  check_type(L, 1, LUA_TFUNCTION);
  return task_go(L, rt, by, ctx, 0, lua_gettop(L) - 1);
}

static int core_go(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  return go(L, rt, owner_current(rt), rt->current ? rt->current->ctx : rt->contexts->process);
}

static int core_spawn(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  return go(L, rt, NULL, rt->contexts->process);
}

/* For the modules: a process-owned task that is neither counted nor canceled with the others. */
static int core_system_task(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  context *ctx = context_check(L, 1);
  check_type(L, 2, LUA_TFUNCTION);
  task *t = start_with_handle(L, rt, NULL, ctx, 1, lua_gettop(L) - 2);
  t->is_system = 1;
  rt->tasks->of_process--;
  rt->tasks->of_ours++;
  return 1;
}

/* ------------------------------------------------------------------- methods -- */

static task_handle *handle_check(lua_State *L)
{
  task_handle *handle = check_object(L, 1, TASK_TYPE);
  runtime_check(L, handle->rt);
  return handle;
}

static int push_results(lua_State *L, const task_handle *handle)
{
  lua_getiuservalue(L, 1, 1);
  if (lua_type(L, -1) != LUA_TTABLE) return push_failure(L, LC_CANCELED, NULL, "task");
  if (handle->failed) {
    lua_pushnil(L);
    lua_rawgeti(L, -2, 1);
    lua_rawgeti(L, -3, 2);
    return 3;
  }
  lua_getfield(L, -1, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, count, NULL);
  for (int i = 1; i <= count; i++) lua_rawgeti(L, -i, i);
  return count;
}

static int wait_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  task_handle *handle = handle_check(L);
  if (!handle->task) return push_results(L, handle);
  task *t = handle->rt->current;
  task_failed(t);
  return push_failure(L, task_ended(t) ? task_ended(t) : t->woken, NULL, "wait");
}

static int task_wait(lua_State *L)
{
  task_handle *handle = handle_check(L);
  lc_time seconds = optional_seconds(L, 2);
  if (!handle->task) return push_results(L, handle);
  task *t = task_current(L, handle->rt, "task:wait");
  if (handle->task == t) raise_error(L, "task:wait: a task cannot wait for itself");
  t->woken = LC_CANCELED;
  if (task_ended(t))
    return task_is_spent(t) ? task_yield(L, t, 0, wait_done) : wait_done(L, LUA_OK, 0);
  lc_list_append(&handle->waiters, &t->in_queue);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(t->rt->loop), seconds));
  t->is_kept = 1;
  return task_suspend(L, t, "task:wait", handle, NULL, 0, wait_done);
}

static int task_cancel(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task && !handle->task->canceled) {
    handle->task->canceled = 1;
    task_wake(handle->task, LC_CANCELED);
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* For the ladder: only the `<close>` variables run. */
static int task_kill_method(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task) task_kill(L, handle->task);
  return 0;
}

const char *task_status_name(const task *t)
{
  if (t == t->rt->current) return "running";
  return t->waits_for ? "waiting" : "ready";
}

/* task_id(task): nothing once it has finished. */
static int core_task_id(lua_State *L)
{
  const task_handle *handle = handle_check(L);
  if (!handle->task) return 0;
  lua_pushinteger(L, (lua_Integer)handle->task->id);
  return 1;
}

static int task_status(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task) {
    lua_pushstring(L, task_status_name(handle->task));
    if (!handle->task->waits_for) return 1;
    lua_pushstring(L, handle->task->waits_for);
    return 2;
  }
  lua_pushstring(L, handle->failed ? "failed" : "finished");
  return 1;
}

static int task_traceback(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task) {
    task_push_traceback(L, handle->task, TASK_WHOLE);
    return 1;
  }
  if (!handle->failed || lua_getiuservalue(L, 1, 1) != LUA_TTABLE) return 0;
  lua_rawgeti(L, -1, 2);
  return 1;
}

static int task_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  task_handle *handle = check_object(L, 1, TASK_TYPE);
  if (handle->task && handle->rt->loop) handle->task->handle = LUA_NOREF;
  return 0;
}

void task_open_handles(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"wait", task_wait},
                                     {"cancel", task_cancel},
                                     {"status", task_status},
                                     {"traceback", task_traceback},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"report_error", core_report_error},
                                       {"go", core_go},
                                       {"spawn", core_spawn},
                                       {"system_task", core_system_task},
                                       {"kill_task", task_kill_method},
                                       {"task_id", core_task_id},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
  new_type(L, TASK_TYPE);
  lua_newtable(L);
  register_functions(L, rt, "task:", methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, task_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
