/* process/tasks.c - the tasks that the process owns. */
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/describe.h"
#include "conn/stragglers.h"
#include "process/process.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/run.h"
#include "task/task.h"
#include "task/traceback.h"
#include "task/wait.h"
#include "wait/work.h"

static int process_waited(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  lua_pushboolean(L, !runtime_upvalue(L)->tasks->of_process);
  return 1;
}

/* wait_process_tasks(seconds): true when none of the process's tasks is left. */
static int core_wait_process_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_time seconds = optional_seconds(L, 1);
  task *t = task_current(L, rt, "wait_process_tasks");
  if (!rt->tasks->of_process) return process_waited(L, LUA_OK, 0);
  lc_list_append(&rt->tasks->process_waiters, &t->in_queue);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  return task_suspend(L, t, "shutdown", NULL, NULL, 0, process_waited);
}

static void set_age(lua_State *L, const task *t)
{
  lua_pushnumber(L, lc_to_seconds(lc_loop_now(t->rt->loop) - t->began));
  lua_setfield(L, -2, "age");
}

/* Sets `traceback`, and `waits_for` and `waited` when it waits. */
static void describe_wait(lua_State *L, task *t)
{
  task_push_traceback(L, t, TASK_WHOLE);
  lua_setfield(L, -2, "traceback");
  if (!t->waits_for) return;
  lua_pushstring(L, t->waits_for);
  lua_setfield(L, -2, "waits_for");
  lua_pushnumber(L, lc_to_seconds(lc_loop_now(t->rt->loop) - t->waits_since));
  lua_setfield(L, -2, "waited");
}

/* process_facts() -> the fields of server_facts about tasks and stragglers, for the tasks without a
 * server. */
static int core_process_facts(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_createtable(L, 0, 3);
  stragglers_set_facts(L, rt, rt->stragglers);
  return 1;
}

/* Whether a shutdown under way waits for the task: a connection's task unless the connection is new
 * or idle; any other once its context has ended. */
static int holds(const task *t)
{
  if (t->is_system) return 0;
  const lc_conn *conn = owner_conn(t->by);
  if (!conn) return task_ended(t);
  lc_state state = lc_conn_state(conn);
  return state != LC_STATE_NEW && state != LC_STATE_IDLE;
}

/* Pushes the task in the form of a straggler. [0, +1] */
static void push_holder(lua_State *L, task *t)
{
  lua_createtable(L, 0, 13);
  const lc_conn *conn = owner_conn(t->by);
  if (conn) {
    conn_describe(L, conn);
  } else {
    lua_pushinteger(L, (lua_Integer)t->id);
    lua_setfield(L, -2, "task");
    set_age(L, t);
  }
  describe_wait(L, t);
}

/* holders(most) -> a list of what holds the shutdown, guards first, then the oldest tasks: `most`
 * of them in the form of stragglers; and how many there are. */
static int core_holders(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_Integer most = check_integer(L, 1);
  lua_newtable(L);
  lua_Integer count = works_push(L, rt, most);
  for (lc_link *link = rt->tasks->all.next; link != &rt->tasks->all; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (!holds(t) || ++count > most) continue;
    push_holder(L, t);
    lua_rawseti(L, -2, count);
  }
  lua_pushinteger(L, count);
  return 2;
}

static int is_of_process(const task *t, const void *with_ours)
{
  return !t->by && !t->is_aside && (with_ours || !t->is_system);
}

/* Ends every unfinished task of the process by force; with true also those of the modules. */
static int core_kill_process_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const void *with_ours = lua_toboolean(L, 1) ? rt : NULL;
  stragglers_note_process(L, rt, STRAGGLER_KILLED);
  tasks_kill(L, rt, is_of_process, with_ours);
  return 0;
}

void process_open_tasks(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"process_facts", core_process_facts},
                                       {"holders", core_holders},
                                       {"wait_process_tasks", core_wait_process_tasks},
                                       {"kill_process_tasks", core_kill_process_tasks},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
