/* task/task.c - coroutines with an owner and a context: their birth, and how they wait.
 *
 *   ready ----> running ----> waiting ----> ready ... ----> finished
 *     ^            |             |
 *     `-- yielded -'             `--- killed: its coroutine is closed, <close> variables run
 *
 * A task waits for exactly one thing; waking it, whatever by, first makes that
 * thing forget it (`unwait`), so no wake-up comes twice and none is left behind.
 */
#include <stdlib.h>

#include "base/prefetch.h"
#include "binding.h"

enum { COROUTINE = 200 }; /* bytes of a lua_State, more or less */

/* ------------------------------------------------------------------ owners -- */

owner *owner_current(const runtime *rt) { return rt->current ? rt->current->by : NULL; }

/* ------------------------------------------------------------------- waking -- */

static void task_due(lc_timer *timer, lc_time now)
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
  lc_prefetch(t->co, COROUTINE); /* it is resumed a moment later */
  task_stop_waiting(t);
  lc_list_append(&t->rt->ready, &t->in_queue);
  if (!t->rt->running_turn) lc_loop_hurry(t->rt->loop);
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

/* Whoever else resumes a coroutine of a waiting task, by means we are not told of, gets nothing:
 * the wait goes on. */
static int go_on(lua_State *L, int status, lua_KContext kept)
{
  task *t = (task *)kept;
  if (t->rt->current != t || t->rt->innermost != L) {
    lua_settop(L, t->mark);
    return lua_yieldk(L, 0, kept, go_on);
  }
  suspension_end(L, t->rt, t->mark);
  return t->again(L, status, t->kept);
}

static int let_go(lua_State *L, task *t, lua_KContext kept, lua_KFunction again)
{
  t->again = again;
  t->kept = kept;
  t->lets_go = 1;
  t->mark = suspension_begin(L);
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
  return let_go(L, t, kept, again);
}

static int is_held_by_force(const task *t) { return t->is_forced || t->is_frozen; }

int task_is_at_rest(const task *t) { return t->at_rest && t->waits_for && !is_held_by_force(t); }

int task_may_be_ended(const task *t)
{
  if (is_held_by_force(t)) return 0;
  int was_told = !t->waits_for && t->woken && t->woken == task_ended(t);
  return t->is_wordless || (t->at_rest && was_told);
}

int task_is_spent(task *t)
{
  runtime *rt = t->rt;
  int is_over = turn_is_over(rt);
  if (--rt->operations > 0 && rt->bytes > 0 && !is_over) return 0;
  return !t->killing && lua_isyieldable(t->co); /* else it cannot; its next wait will tell */
}

int task_yield(lua_State *L, task *t, lua_KContext kept, lua_KFunction again)
{
  lc_list_append(&t->rt->ready, &t->in_queue);
  return let_go(L, t, kept, again);
}

int task_return(lua_State *L, int status, lua_KContext kept)
{
  (void)L;
  (void)status;
  (void)kept;
  return 0;
}

int task_is_deaf(const task *t) { return t->failures >= 2; }

void task_failed(task *t)
{
  if (t->failures < UINT16_MAX) t->failures++;
  if (task_is_deaf(t)) t->rt->operations = 0; /* its next operation lets the others run first */
}

/* ------------------------------------------------------------- who is running -- */

task *task_running(lua_State *L, const runtime *rt)
{
  return rt->current && rt->innermost == L ? rt->current : NULL;
}

/* What keeps a wait in the innermost coroutine from suspending the whole task. */
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
  if (t && t->co == L && rt->innermost == L && lua_isyieldable(L)) return t; /* as a rule */
  if (!t)
    raise_error(L,
                "%s waits, and only a task can wait: call it inside lastcall.run, lastcall.serve, "
                "a handler, or a function given to lastcall.go",
                what);
  if (t->killing) return t; /* it waits for nothing any more: it is told that it was canceled */
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

/* --------------------------------------------------------------- birth and death -- */

static task *task_take(lua_State *L, runtime *rt)
{
  task *t;
  if (!lc_list_is_empty(&rt->pool)) {
    t = LC_OWNER(rt->pool.previous, task, in_tasks);
    lc_list_remove(&t->in_tasks);
    rt->pooled--;
    return t;
  }
  lua_State *co = lua_newthread(L);
  int anchor = runtime_anchor(L, rt);
  t = calloc(1, sizeof *t);
  if (!t || lc_timer_open(rt->loop, &t->timer, task_due) < 0) {
    free(t);
    runtime_release(rt, anchor);
    luaL_error(L, "not enough memory for a task");
    return NULL;
  }
  t->rt = rt;
  t->co = co;
  t->anchor = anchor;
  t->handle = LUA_NOREF;
  lc_list_init(&t->in_queue);
  lc_list_init(&t->in_tasks);
  lc_list_init(&t->in_context);
  return t;
}

static void task_pool(task *t)
{
  lc_list_append(&t->rt->pool, &t->in_tasks);
  t->rt->pooled++;
}

task *task_start(lua_State *L, runtime *rt, owner *by, context *ctx, int count)
{
  task *t = task_take(L, rt);
  lua_State *co = t->co;
  int fits = lua_checkstack(co, count + 3);
  task_pool(t); /* where it is found again should one of these raise */
  if (!fits) luaL_error(L, "too many arguments, or not enough memory, for a task");
  if (by) by->type->hold(L, by);
  if (ctx) context_hold(L, ctx);
  t = task_take(L, rt);
  co = t->co;
  t->by = by;
  t->ctx = ctx;
  t->id = ++rt->last_task_id;
  t->began = lc_loop_now(rt->loop);
  t->is_handler = t->is_goodbye = t->is_system = t->canceled = t->failed = t->is_exposed = 0;
  t->at_rest = t->is_wordless = t->is_main = t->doomed = t->killing = t->is_forced = t->is_frozen =
    t->has_begun = 0;
  t->failures = 0;
  lua_pushcfunction(co, task_body);
  lua_xmove(L, co, count + 1);
  lc_list_append(ctx ? &ctx->tasks : &by->own_tasks, &t->in_context);
  lc_list_append(&rt->tasks, &t->in_tasks);
  lc_list_append(&rt->ready, &t->in_queue);
  if (!by) rt->process_tasks++;
  if (!rt->running_turn) lc_loop_hurry(rt->loop);
  return t;
}

task_extra *task_need_extra(task *t)
{
  if (t->extra) return t->extra;
  t->extra = calloc(1, sizeof *t->extra);
  if (t->extra) t->extra->held = LUA_NOREF;
  return t->extra;
}

unsigned task_depth(const task *t) { return t->extra ? t->extra->depth : 0; }

scope *task_scopes(const task *t) { return t->extra ? t->extra->scopes : NULL; }

context *task_context(lua_State *L, task *t)
{
  if (!t->ctx) {
    t->by->type->push_context(L, t->by);
    lua_pop(L, 1);
  }
  return t->ctx;
}

static void task_free(task *t)
{
  lc_timer_close(t->rt->loop, &t->timer);
  if (t->extra) free(t->extra->levels);
  free(t->extra);
  free(t);
}

/* Its coroutine is kept for another task, if it is sound and there are not enough of them. */
void task_recycle(task *t, int reusable)
{
  runtime *rt = t->rt;
  if (reusable && rt->pooled < TASKS_POOLED) {
    task_pool(t);
    return;
  }
  runtime_release(rt, t->anchor);
  task_free(t);
}

void task_pool_free(runtime *rt)
{
  while (!lc_list_is_empty(&rt->pool)) {
    task *t = LC_OWNER(rt->pool.next, task, in_tasks);
    lc_list_remove(&t->in_tasks);
    task_free(t);
  }
  while (!lc_list_is_empty(&rt->tasks)) {
    task *t = LC_OWNER(rt->tasks.next, task, in_tasks);
    scopes_forget(t);
    lc_list_remove(&t->in_tasks);
    lc_list_remove(&t->in_context);
    lc_list_remove(&t->in_queue);
    task_free(t);
  }
}

/* -------------------------------------------------------------------- sleeping -- */

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

/* has_ended(): whether the calling task's context has: nothing is to be taken in it any more. */
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

void task_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"sleep", core_sleep},
                                       {"now", core_now},
                                       {"has_ended", core_has_ended},
                                       {"expect_task", core_expect_task},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
  task_open_handles(L, rt);
  task_open_process(L, rt);
  task_open_looking(L, rt);
  suspension_open(L, rt);
  coroutine_open(L, rt);
  interrupt_open(L, rt);
  watchdog_open(L, rt);
}
