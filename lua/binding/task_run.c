/* task_run.c - resuming tasks, and how they finish.
 *
 * The body runs under lua_pcallk: a traceback can be taken where an error was
 * raised, and an error thrown into the coroutine by force is caught in it.
 */
#include "binding.h"

/* -------------------------------------------------------------------- the body -- */

static int describe_error(lua_State *L)
{
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  luaL_traceback(L, L, NULL, 1);
  lua_rawseti(L, -2, 2);
  return 1;
}

/* Stack: message handler, results. */
static int body_done(lua_State *L, int status, lua_KContext kept)
{
  task *t = (task *)kept;
  t->failed = status != LUA_OK && status != LUA_YIELD;
  return lua_gettop(L) - 1;
}

/* Called with a function and its arguments. */
int task_body(lua_State *L)
{
  runtime *rt = runtime_get(L);
  lua_KContext kept = (lua_KContext)rt->current;
  lua_pushcfunction(L, describe_error);
  lua_insert(L, 1);
  return body_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, kept, body_done), kept);
}

/* ------------------------------------------------------------------- finishing -- */

static int end_handler(lua_State *L)
{
  task *t = lua_touserdata(L, 1);
  conn_handler_ended(L, t->owned_by.of.conn);
  return 0;
}

/* It has returned, failed, or been killed. */
static void task_finish(task *t, int reusable)
{
  runtime *rt = t->rt;
  runtime_protect(rt, task_deliver, t);
  lc_list_remove(&t->in_ready);
  lc_list_remove(&t->in_tasks);
  lc_list_remove(&t->in_context);
  if (t->is_system) rt->system_tasks--;
  else if (t->owned_by.kind == OWNER_PROCESS && !--rt->process_tasks)
    tasks_wake(&rt->process_waiters, 0);
  if (t->is_handler) runtime_protect(rt, end_handler, t);
  if (t->is_goodbye) lc_conn_unguard(t->owned_by.of.conn->conn);
  scopes_forget(t);
  context_unhold(t->ctx);
  owner_release(t->owned_by);
  runtime_release(rt, t->handle);
  t->handle = LUA_NOREF;
  coroutine_forget(t);
  lua_settop(t->co, 0);
  task_recycle(t, reusable);
}

/* -------------------------------------------------------------------- resuming -- */

static void task_resume(runtime *rt, task *t)
{
  int count = 0, arguments = (int)t->arguments;
  t->arguments = 0;
  t->operations = TASK_OPERATIONS;
  t->bytes = TASK_BYTES;
  t->lets_go = 0;
  rt->current = t;
  rt->innermost = t->co;
  int status = lua_resume(t->co, rt->L, arguments, &count);
  rt->innermost = NULL;
  rt->current = NULL;
  lc_loop_flush(rt->loop);
  if (status == LUA_YIELD) {
    lua_pop(t->co, count);
    if (t->doomed) task_kill(rt->L, t);
    else if (!t->waits_for && lc_list_is_empty(&t->in_ready))
      lc_list_append(&rt->ready, &t->in_ready); /* the script called coroutine.yield: be polite */
    return;
  }
  t->result_count = count;
  if (status != LUA_OK) { /* only for lack of memory: the body catches the rest */
    t->failed = 1;
    t->result_count = 1;
    lua_createtable(t->co, 1, 0);
    lua_insert(t->co, -2);
    lua_rawseti(t->co, -2, 1);
  }
  task_finish(t, status == LUA_OK);
}

int task_run_ready(runtime *rt)
{
  rt->running_turn = 1;
  for (int i = 0; i < TASKS_PER_TURN && !lc_list_is_empty(&rt->ready); i++) {
    task *t = LC_OWNER(rt->ready.next, task, in_ready);
    lc_list_remove(&t->in_ready);
    task_resume(rt, t);
  }
  rt->running_turn = 0;
  return !lc_list_is_empty(&rt->ready);
}

/* --------------------------------------------------------------------- killing -- */

void task_kill(lua_State *L, task *t)
{
  runtime *rt = t->rt;
  if (t == rt->current) { /* a running coroutine cannot be closed */
    t->doomed = 1;
    return;
  }
  t->woken = LC_CANCELED;
  if (t->waits_for) task_stop_waiting(t);
  lc_list_remove(&t->in_ready);
  task *before = rt->current;
  t->killing = 1;
  rt->current = t;
  int status = LUA_OK;
  if (!t->arguments) status = task_close_coroutines(L, t);
  else lua_settop(t->co, 0); /* it never began */
  rt->current = before;
  lc_loop_flush(rt->loop);
  t->failed = status != LUA_OK; /* an error in a __close */
  t->result_count = 0;
  if (t->failed) {
    lua_createtable(t->co, 1, 0);
    lua_insert(t->co, -2);
    lua_rawseti(t->co, -2, 1);
    t->result_count = 1;
  }
  task_finish(t, 0);
}

void task_push_traceback(lua_State *L, task *t)
{
  if (t->arguments) {
    lua_pushliteral(L, "not begun yet");
    return;
  }
  int top = lua_gettop(L);
  for (unsigned i = t->depth; i > 0; i--) {
    luaL_traceback(L, t->levels[i - 1].co, i == t->depth ? NULL : "resumed by", 0);
    lua_pushliteral(L, "\n");
  }
  luaL_traceback(L, t->co, t->depth ? "resumed by" : NULL, 0);
  lua_concat(L, lua_gettop(L) - top);
}
