/* task_process.c - the tasks that no connection and no server owns: the process's. */
#include "binding.h"

static int process_waited(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  lua_pushboolean(L, !runtime_upvalue(L)->process_tasks);
  return 1;
}

/* wait_process_tasks(seconds): true when none of the process's tasks is left. */
static int core_wait_process_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_time seconds = optional_seconds(L, 1);
  task *t = task_current(L, rt, "wait_process_tasks");
  if (!rt->process_tasks) return process_waited(L, LUA_OK, 0);
  lc_list_append(&rt->process_waiters, &t->in_queue);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  return task_suspend(L, t, "shutdown", NULL, NULL, 0, process_waited);
}

/* process_facts() -> what server_facts has of tasks and stragglers, of the tasks of no server. */
static int core_process_facts(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_createtable(L, 0, 3);
  stragglers_set_facts(L, rt, &rt->stragglers);
  return 1;
}

static task *first_process_task(runtime *rt, int with_ours)
{
  for (lc_link *link = rt->tasks.next; link != &rt->tasks; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (t->owned_by != OWNER_PROCESS || t == rt->current) continue;
    if (with_ours || !t->is_system) return t;
  }
  return NULL;
}

/* Ends every unfinished task of the process by force, with true also the modules' own. */
static int core_kill_process_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int with_ours = lua_toboolean(L, 1);
  stragglers_note_process(L, rt, STRAGGLER_KILLED);
  for (task *t; (t = first_process_task(rt, with_ours));) task_kill(L, t);
  return 0;
}

void task_open_process(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"process_facts", core_process_facts},
                                       {"wait_process_tasks", core_wait_process_tasks},
                                       {"kill_process_tasks", core_kill_process_tasks},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
