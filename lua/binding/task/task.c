/* task/task.c - tasks, which are coroutines with an owner and a context: their birth and death.
 *
 *   ready ----> running ----> waiting ----> ready ... ----> finished
 *     ^            |             |
 *     `-- yielded -'             `--- killed: its coroutine is closed, <close> variables run
 */
#include "task/task.h"

#include <assert.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "base/list.h"
#include "runtime/runtime.h"
#include "task/body.h"
#include "task/context.h"
#include "task/scope.h"
#include "task/wait.h"

/* ------------------------------------------------------------------ owners -- */

owner *owner_current(const runtime *rt) { return rt->current ? rt->current->by : NULL; }

/* --------------------------------------------------------------- birth and death -- */

void tasks_open(lua_State *L, runtime *rt)
{
  tasks *all = rt->tasks = runtime_part(L, sizeof *all);
  lc_link *const lists[] = {&all->ready,     &all->all,   &all->pool,
                            &all->preempted, &all->walks, &all->process_waiters};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) lc_list_init(lists[i]);
  lua_newtable(L);
  all->busy = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushlightuserdata(L, rt);
  lua_pushcclosure(L, task_body, 1);
  all->body = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void task_free(task *t)
{
  lc_timer_close(t->rt->loop, &t->timer);
  if (t->extra) free(t->extra->levels);
  free(t->extra);
  free(t);
}

/* NULL when the pool is empty. Other code may have closed a coroutine that rests. */
static task *take_pooled(runtime *rt)
{
  while (!lc_list_is_empty(&rt->tasks->pool)) {
    task *t = LC_OWNER(rt->tasks->pool.previous, task, in_tasks);
    lc_list_remove(&t->in_tasks);
    rt->tasks->pooled--;
    if (!t->rests || lua_status(t->co) == LUA_YIELD) return t;
    runtime_release(rt, t->anchor);
    task_free(t);
  }
  return NULL;
}

static task *task_take(lua_State *L, runtime *rt)
{
  task *t = take_pooled(rt);
  if (t) return t;
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
  lc_list_append(&t->rt->tasks->pool, &t->in_tasks);
  t->rt->tasks->pooled++;
}

/* The task, which has been taken and whose function and arguments lie on its stack, begins its life. */
static task *enlist(task *t, owner *by, context *ctx)
{
  runtime *rt = t->rt;
  t->by = by;
  t->ctx = ctx;
  t->id = ++rt->tasks->last_id;
  t->began = lc_loop_now(rt->loop);
  t->is_handler = t->is_goodbye = t->is_awaited = t->is_system = t->canceled = t->failed =
    t->is_exposed = 0;
  t->at_rest = t->is_wordless = t->is_kept = t->is_main = t->doomed = t->killing = t->is_forced =
    t->is_frozen = t->has_begun = t->has_failed = t->is_deaf = 0;
  t->noted = 0;
  assert(ctx || by); /* only a connection's tasks need no context */
  lc_list_append(ctx ? &ctx->tasks : &by->own_tasks, &t->in_context);
  lc_list_append(&rt->tasks->all, &t->in_tasks);
  lc_list_append(&rt->tasks->ready, &t->in_queue);
  if (!by) rt->tasks->of_process++;
  if (!rt->tasks->in_turn) lc_loop_hurry(rt->loop);
  return t;
}

void task_provide(lua_State *L, runtime *rt, owner *by, context *ctx, int count, int anchors)
{
  task *t = task_take(L, rt);
  int fits = lua_checkstack(t->co, count + 3);
  task_pool(t); /* keeps it reachable if one of these raises */
  if (!fits) luaL_error(L, "too many arguments, or not enough memory, for a task");
  if (by && by->anchor == LUA_NOREF) anchors++;
  if (ctx && !ctx->holds) anchors++;
  if (anchors) runtime_reserve(L, rt, anchors);
}

/* Nothing is held before everything is there: a hold that is left behind would keep its owner for ever. */
task *task_start(lua_State *L, runtime *rt, owner *by, context *ctx, int count)
{
  task_provide(L, rt, by, ctx, count, 0);
  if (by) by->type->hold(L, by);
  if (ctx) context_hold(L, ctx);
  task *t = take_pooled(rt);
  lua_State *co = t->co;
  if (!t->rests) lua_rawgeti(co, LUA_REGISTRYINDEX, rt->tasks->body);
  lua_xmove(L, co, count + 1);
  return enlist(t, by, ctx);
}

task *task_start_anchored(runtime *rt, owner *by, int function, int argument)
{
  enum { TABLE = 2, ROOM = 4 };
  task *t = take_pooled(rt);
  if (t && !lua_checkstack(t->co, ROOM)) {
    task_pool(t);
    t = NULL;
  }
  if (!t) return NULL;
  by->type->hold(rt->L, by);
  if (!t->rests) lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->tasks->body);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, rt->anchors);
  lua_rawgeti(t->co, TABLE, argument);
  lua_rawgeti(t->co, TABLE, function);
  lua_replace(t->co, TABLE);
  return enlist(t, by, NULL);
}

task_extra *task_need_extra(task *t)
{
  if (t->extra) return t->extra;
  t->extra = calloc(1, sizeof *t->extra);
  if (t->extra) t->extra->held = LUA_NOREF;
  return t->extra;
}

context *task_context(lua_State *L, task *t)
{
  if (!t->ctx) {
    t->by->type->push_context(L, t->by);
    lua_pop(L, 1);
  }
  return t->ctx;
}

/* Keeps its coroutine for another task, if the coroutine is sound and the pool has room. */
void task_recycle(task *t, int reusable)
{
  runtime *rt = t->rt;
  if (reusable && rt->tasks->pooled < TASKS_POOLED) {
    task_pool(t);
    return;
  }
  runtime_release(rt, t->anchor);
  task_free(t);
}

void task_pool_free(runtime *rt)
{
  while (!lc_list_is_empty(&rt->tasks->pool)) {
    task *t = LC_OWNER(rt->tasks->pool.next, task, in_tasks);
    lc_list_remove(&t->in_tasks);
    task_free(t);
  }
  while (!lc_list_is_empty(&rt->tasks->all)) {
    task *t = LC_OWNER(rt->tasks->all.next, task, in_tasks);
    scopes_forget(t);
    lc_list_remove(&t->in_tasks);
    lc_list_remove(&t->in_context);
    lc_list_remove(&t->in_queue);
    task_free(t);
  }
}
