/* task/run.c - resumes tasks, finishes them, and kills them. */
#include "task/run.h"

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "runtime/collector.h"
#include "runtime/interrupt.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "runtime/turn.h"
#include "runtime/watched.h"
#include "task/body.h"
#include "task/context.h"
#include "task/coroutine.h"
#include "task/outcome.h"
#include "task/scope.h"
#include "task/task.h"
#include "task/wait.h"
#include "task/walk.h"

/* ------------------------------------------------------------------- finishing -- */

/* The task has returned, failed, or been killed. */
static void task_finish(task *t, int reusable)
{
  runtime *rt = t->rt;
  if (t->failed || t->handle != LUA_NOREF) runtime_protect(rt, task_deliver, t);
  lc_list_remove(&t->in_queue);
  task_leave_walks(t);
  lc_list_remove(&t->in_tasks);
  lc_list_remove(&t->in_context);
  if (t->is_system) rt->tasks->of_ours--;
  else if (!t->by && !--rt->tasks->of_process) tasks_wake(&rt->tasks->process_waiters, 0);
  if (t->by && (t->is_handler || t->is_goodbye || t->is_awaited)) t->by->type->finished(t->by, t);
  scopes_forget(t);
  if (t->ctx) context_unhold(t->ctx);
  if (t->by) t->by->type->release(t->by);
  if (t->extra) runtime_release(rt, t->extra->held);
  if (t->extra) t->extra->held = LUA_NOREF;
  runtime_release(rt, t->handle);
  t->handle = LUA_NOREF;
  coroutine_forget(t);
  lua_settop(t->co, t->rests);
  task_recycle(t, reusable);
}

/* --------------------------------------------------------------------- killing -- */

/* Returns a status, with the error at the top of its stack. */
static int close_by_force(lua_State *L, task *t)
{
  runtime *rt = t->rt;
  task *before = rt->current;
  t->woken = LC_CANCELED;
  if (t->waits_for || t->unwait) task_stop_waiting(t);
  t->killing = 1;
  rt->current = t;
  int status = task_close_coroutines(L, t);
  rt->current = before;
  t->rests = 0;
  lc_loop_flush(rt->loop);
  return status;
}

static int is_closing(const task *t) { return t->has_begun && coroutine_is_closing(t->co); }

/* A coroutine that runs cannot be closed. */
static int is_at_work(const task *t) { return t == t->rt->current || is_closing(t); }

void task_kill(lua_State *L, task *t)
{
  if (is_at_work(t)) {
    t->doomed = 1;
    return;
  }
  lc_list_remove(&t->in_queue);
  if (!t->has_begun) lua_settop(t->co, t->rests);
  t->failed = close_by_force(L, t) != LUA_OK; /* an error in a __close */
  t->rt->tasks->result_count = t->failed ? 1 : 0;
  task_finish(t, 0);
}

/* A dying task may cause a second call of this function. So the outer call looks again. */
void tasks_kill(lua_State *L, runtime *rt, int (*is_meant)(const task *t, const void *whose),
                const void *whose)
{
  task_walk *walk = &rt->tasks->to_kill;
  int found;
  do {
    found = 0;
    task_walk_begin(rt, walk);
    for (task *t; task_is_walking(walk) && (t = task_walk_step(rt, walk));) {
      if (!is_meant(t, whose) || is_at_work(t)) continue;
      task_kill(L, t);
      found = 1;
    }
  } while (found);
}

/* Other code has closed its coroutine, or has started it: nothing is left to resume. */
static int is_lost(const task *t)
{
  if (t->has_begun || t->rests) return lua_status(t->co) != LUA_YIELD;
  return lua_status(t->co) != LUA_OK || lua_tocfunction(t->co, 1) != task_body;
}

/* The task fails. It counts as killed, because half a reply must not look like a whole one. */
static void finish_lost(runtime *rt, task *t)
{
  close_by_force(rt->L, t);
  lua_settop(t->co, 0);
  lua_pushliteral(t->co,
                  "the coroutine of this task was closed or resumed by a function that lastcall "
                  "does not know: use those of lastcall.coroutine");
  t->failed = 1;
  rt->tasks->result_count = 1;
  task_finish(t, 0);
}

/* -------------------------------------------------------------------- resuming -- */

static void tell_blocked(const task *t)
{
  const server_base *server = owner_server(t->by);
  blocker by = {t->id, owner_conn(t->by), owner_reporters(t->by), server ? server->max_block : 0};
  blocked_tell(t->rt, &by);
}

static void task_resume(runtime *rt, task *t)
{
  if (is_lost(t)) {
    if (is_closing(t)) t->waits_for = "close"; /* until the slot at its base is reached */
    else finish_lost(rt, t);
    return;
  }
  int count = 0, arguments = t->has_begun ? 0 : lua_gettop(t->co) - 1;
  t->has_begun = 1;
  rt->tasks->operations = TASK_OPERATIONS;
  rt->tasks->bytes = TASK_BYTES;
  t->lets_go = t->at_rest = t->is_wordless = t->is_kept = 0;
  t->unwait = NULL;
  rt->current = t;
  lc_work before = interrupt_enter(rt, t->co, LC_WORK_SCRIPT);
  int status = lua_resume(t->co, rt->L, arguments, &count);
  rt->innermost = NULL;
  if (interrupt_work_done(rt)) tell_blocked(t);
  lc_loop_enter(rt->loop, before);
  turn_piece_done(rt);
  rt->current = NULL;
  lc_loop_flush(rt->loop);
  if (status == LUA_YIELD && !t->rests) {
    if (count) lua_pop(t->co, count);
    if (t->doomed) task_kill(rt->L, t);
    else if (!t->is_frozen && !t->waits_for && lc_list_is_empty(&t->in_queue))
      lc_list_append(&rt->tasks->ready,
                     &t->in_queue); /* the script called coroutine.yield: be polite */
    return;
  }
  rt->tasks->result_count = count - !t->is_handler;
  int is_sound = status == LUA_OK || t->rests;
  if (!is_sound) { /* only for lack of memory: the body catches the rest */
    t->failed = 1;
    rt->tasks->result_count = 1;
  }
  task_finish(t, is_sound);
}

/* They go on when the loop has done the work for which they gave way. */
static void release_preempted(runtime *rt)
{
  if (lc_list_is_empty(&rt->tasks->preempted) || rt->tasks->rest-- > 0) return;
  while (!lc_list_is_empty(&rt->tasks->preempted)) {
    lc_link *link = rt->tasks->preempted.next;
    lc_list_remove(link);
    lc_list_append(&rt->tasks->ready, link);
  }
}

int task_run_ready(runtime *rt)
{
  release_preempted(rt);
  collector_rest(rt);
  rt->tasks->in_turn = 1;
  rt->tasks->loop_is_wanted = 0;
  for (int i = 0;
       i < TASKS_PER_TURN && !rt->tasks->loop_is_wanted && !lc_list_is_empty(&rt->tasks->ready);
       i++) {
    task *t = LC_OWNER(rt->tasks->ready.next, task, in_queue);
    lc_list_remove(&t->in_queue);
    task_resume(rt, t);
    if (rt->turn.is_over) break; /* the remaining tasks come first in the next turn */
  }
  rt->tasks->in_turn = 0;
  return !lc_list_is_empty(&rt->tasks->ready) || !lc_list_is_empty(&rt->tasks->preempted);
}
