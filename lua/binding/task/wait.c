/* task/wait.c - how tasks wait, and which task is running.
 *
 * A task waits for exactly one thing. Every wake-up first makes that
 * thing forget the task (`unwait`), so no wake-up comes twice and none is left behind.
 */
#include "task/wait.h"

#include <lua.h>
#include <stdint.h>

#include "base/list.h"
#include "base/prefetch.h"
#include "runtime/runtime.h"
#include "runtime/turn.h"
#include "script/raise.h"
#include "task/context.h"
#include "task/suspension.h"
#include "task/task.h"

enum {
  COROUTINE = 200, /* bytes of a lua_State, more or less */
  LOOK_EVERY = 4   /* operations, when they are small writes */
};

#define MARK_MOST ((1u << TASK_MARK_BITS) - 1)

/* ------------------------------------------------------------------- waking -- */

void task_due(lc_timer *timer, lc_time now)
{
  (void)now;
  task_wake(LC_OWNER(timer, task, timer), LC_TIMEOUT);
}

void task_alarm(task *t, lc_time at) { lc_timer_set(t->rt->loop, &t->timer, at); }

void task_stop_waiting(task *t)
{
  void (*unwait)(task *) = t->unwait;
  t->unwait = NULL;
  t->waits_for = NULL;
  t->wants_turn = 0;
  lc_list_remove(&t->in_queue);
  lc_timer_clear(t->rt->loop, &t->timer);
  if (unwait) unwait(t);
}

void task_wake(task *t, int code)
{
  if (!t->waits_for) return;
  t->woken = (int16_t)code;
  lc_prefetch(t->co, COROUTINE); /* the loop resumes it soon */
  task_stop_waiting(t);
  lc_list_append(&t->rt->tasks->ready, &t->in_queue);
  if (!t->rt->tasks->in_turn) lc_loop_hurry(t->rt->loop);
}

void tasks_wake(lc_link *waiting, int code)
{
  while (!lc_list_is_empty(waiting)) task_wake(LC_OWNER(waiting->next, task, in_queue), code);
}

int task_ended(const task *t)
{
  if (t->killing || t->canceled) return LC_CANCELED;
  return t->ctx ? t->ctx->ended : t->by->ended;
}

/* Other code that resumes a coroutine of a waiting task, behind our back, gets nothing: the wait
 * goes on. */
static int go_on(lua_State *L, int status, lua_KContext kept)
{
  task *t = (task *)kept;
  if (t->rt->current != t || t->rt->innermost != L) {
    lua_settop(L, t->mark);
    return lua_yieldk(L, 0, kept, go_on);
  }
  if (t->has_slot) suspension_end(L, t->rt, t->mark);
  return t->again(L, status, t->kept);
}

/* `needs_slot`: the slot at the base of its own coroutine is not enough. */
static int let_go(lua_State *L, task *t, int needs_slot, lua_KContext kept, lua_KFunction again)
{
  t->again = again;
  t->kept = kept;
  t->lets_go = 1;
  t->has_slot = L != t->co || needs_slot;
  int end = t->has_slot ? suspension_begin(L, t->rt) : lua_gettop(L);
  t->mark = (unsigned)end & MARK_MOST;
  return lua_yieldk(L, 0, (lua_KContext)t, go_on);
}

int task_suspend(lua_State *L, task *t, const char *waits_for, void *object,
                 void (*unwait)(task *t), lua_KContext kept, lua_KFunction again)
{
  t->waits_for = waits_for;
  t->wait_object = object;
  t->unwait = unwait;
  t->waits_since = lc_loop_now(t->rt->loop);
  t->woken = 0;
  return let_go(L, t, object && !t->is_kept, kept, again);
}

static int is_held_by_force(const task *t) { return t->is_forced || t->is_frozen; }

int task_is_at_rest(const task *t) { return t->at_rest && t->waits_for && !is_held_by_force(t); }

int task_may_be_ended(const task *t)
{
  if (is_held_by_force(t)) return 0;
  int was_told = !t->waits_for && t->woken && t->woken == task_ended(t);
  return t->is_wordless || (t->at_rest && was_told);
}

/* Whether it has had its share, apart from the time that it has taken since the last look at the
 * clock. */
static int has_done_enough(const task *t, int is_over)
{
  const struct tasks *all = t->rt->tasks;
  if (all->operations > 0 && all->bytes > 0 && !is_over) return 0;
  return !t->killing && lua_isyieldable(t->co); /* if not, it cannot yield; its next wait says so */
}

int task_is_spent(task *t)
{
  t->rt->tasks->operations--;
  return has_done_enough(t, turn_piece_done(t->rt));
}

/* A look at the clock costs as much as all of our own work for a small piece of output. */
int task_is_spent_writing(task *t)
{
  const runtime *rt = t->rt;
  if (rt->tasks->operations % LOOK_EVERY == 1) return task_is_spent(t);
  rt->tasks->operations--;
  return has_done_enough(t, rt->turn.is_over);
}

int task_yield(lua_State *L, task *t, lua_KContext kept, lua_KFunction again)
{
  lc_list_append(&t->rt->tasks->ready, &t->in_queue);
  return let_go(L, t, 0, kept, again);
}

int task_yield_wordless(lua_State *L, task *t, lua_KContext kept, lua_KFunction again)
{
  t->is_wordless = task_ended(t) != 0;
  return task_yield(L, t, kept, again);
}

int task_return(lua_State *L, int status, lua_KContext kept)
{
  (void)L;
  (void)status;
  (void)kept;
  return 0;
}

lc_time task_breath(const runtime *rt) { return lc_loop_clock(rt->loop) + TASK_BREATH; }

int task_is_deaf(const task *t) { return t->is_deaf; }

void task_failed(task *t)
{
  t->is_deaf = t->has_failed;
  t->has_failed = 1;
  if (task_is_deaf(t))
    t->rt->tasks->operations = 0; /* its next operation lets other tasks run first */
}

int task_freeze(lua_State *L, task *t, lua_KContext kept, lua_KFunction again)
{
  const server_base *server = owner_server(t->by);
  t->lets_go = 1;
  t->is_frozen = 1;
  if (server && server->server && lc_server_step(server->server) >= LC_STEP_KILL)
    t->doomed = 1; /* nothing else will kill it */
  t->rt->tasks->loop_is_wanted = 1;
  return lua_yieldk(L, 0, kept, again);
}

/* ------------------------------------------------------------- who is running -- */

task *task_running(lua_State *L, const runtime *rt)
{
  return rt->current && rt->innermost == L ? rt->current : NULL;
}

/* What prevents a wait in the innermost coroutine from suspending the whole task. */
int task_barrier(lua_State *L, const task *t)
{
  if (t->rt->innermost != L) return LEVEL_FOREIGN;
  unsigned depth = task_depth(t);
  if (depth && t->extra->levels[depth - 1].barrier) return (int)t->extra->levels[depth - 1].barrier;
  return lua_isyieldable(L) ? LEVEL_OPEN : LEVEL_IN_C;
}

task *task_that_can_wait(lua_State *L, const runtime *rt)
{
  task *t = rt->current;
  return t && !t->killing && task_barrier(L, t) == LEVEL_OPEN ? t : NULL;
}

task *task_current(lua_State *L, runtime *rt, const char *what)
{
  task *t = rt->current;
  if (t && t->co == L && rt->innermost == L && lua_isyieldable(L)) return t; /* the usual case */
  if (!t)
    raise_error(L,
                "%s waits, and only a task can wait: call it inside lastcall.run, lastcall.serve, "
                "a handler, or a function given to lastcall.go",
                what);
  if (t->killing) return t; /* it never waits again: its waits return "canceled" */
  switch (task_barrier(L, t)) {
    case LEVEL_FOREIGN:
      raise_error(L,
                  "%s cannot wait inside a coroutine that lastcall does not know: make and resume "
                  "it with lastcall.coroutine, or give the work to lastcall.go",
                  what);
    case LEVEL_IN_C:
      raise_error(L,
                  "%s cannot wait here: a C function that cannot be suspended (table.sort, "
                  "string.gsub, ...) called this one",
                  what);
    default: break;
  }
  return t;
}
