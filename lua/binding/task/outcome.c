/* task/outcome.c - hands over the outcome of a task: its results or its error. */
#include "task/outcome.h"

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "task/body.h"
#include "task/task.h"
#include "task/wait.h"

/* The table {error, traceback} lies at the top of L; pops it. */
static void report_failure(lua_State *L, task *t)
{
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  lua_remove(L, -3);
  char label[120];
  const lc_conn *conn = owner_conn(t->by);
  if (!conn || !owner_push(L, t->by)) lua_pushnil(L);
  lua_pushstring(L, conn ? lc_conn_label(conn, label, sizeof label, NULL) : NULL);
  report_error(L, t->rt, owner_reporters(t->by));
}

/* Moves the error from the task's stack and leaves it in a table. */
static void take_error(lua_State *L, task *t)
{
  luaL_checkstack(L, 4, NULL);
  lua_settop(t->co, lua_gettop(t->co) - t->rt->tasks->result_count + 1);
  lua_xmove(t->co, L, 1);
  task_wrap_error(L);
}

static void take_results(lua_State *L, const task *t)
{
  int count = t->rt->tasks->result_count;
  luaL_checkstack(L, count + 4, NULL);
  lua_createtable(L, count, 1);
  lua_pushinteger(L, count);
  lua_setfield(L, -2, "n");
  int table = lua_gettop(L);
  lua_xmove(t->co, L, count);
  for (int i = count; i >= 1; i--) lua_rawseti(L, table, i);
}

/* Calls that cannot fail come first: without memory, the waiting tasks are woken without
 * results. */
int task_deliver(lua_State *L)
{
  task *t = lua_touserdata(L, 1);
  int waited = 0;
  if (t->handle != LUA_NOREF) {
    runtime_push_anchored(L, t->rt, t->handle);
    task_handle *handle = lua_touserdata(L, 2);
    waited = !lc_list_is_empty(&handle->waiters);
    handle->failed = t->failed;
    handle->task = NULL;
    tasks_wake(&handle->waiters, 0);
  }
  if (t->failed) take_error(L, t);
  else take_results(L, t);
  if (t->handle != LUA_NOREF) {
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 2, 1);
  }
  if (t->failed && !waited) report_failure(L, t);
  return 0;
}
