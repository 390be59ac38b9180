/* task/context.c - the tree of contexts, which say when tasks must stop.
 *
 * A context ends once, by cancel, by its deadline, or with its parent. Its end
 * marks everything below it before any task runs, and wakes waiting tasks. Parents
 * do not keep their children alive: a child without references, tasks and functions
 * to call is collected, and then leaves the tree.
 *
 * User values: 1 the parent, 2 the cause (a Lua value), 3 a table: the functions
 * for on_done by number, or, for with_value, {key, value}; 4, for those that a
 * script made, the connection or server whose task it was.
 */
#include "task/context.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "base/list.h"
#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "task/task.h"
#include "task/wait.h"

const char CONTEXT_TYPE[] = "lastcall.context";

void contexts_open(lua_State *L, runtime *rt)
{
  rt->contexts = runtime_part(L, sizeof *rt->contexts);
  rt->contexts->process_anchor = rt->contexts->background_anchor = LUA_NOREF;
  lc_list_init(&rt->contexts->ending);
}

context *context_check(lua_State *L, int index)
{
  context *ctx = check_object(L, index, CONTEXT_TYPE);
  runtime_check(L, ctx->rt);
  return ctx;
}

context *context_new_with(lua_State *L, runtime *rt, context *parent, int user_values)
{
  context *ctx = lua_newuserdatauv(L, sizeof *ctx, user_values);
  *ctx = (context){.rt = rt, .deadline = LC_NEVER, .anchor = LUA_NOREF};
  lc_list_init(&ctx->in_parent);
  lc_list_init(&ctx->children);
  lc_list_init(&ctx->tasks);
  luaL_setmetatable(L, CONTEXT_TYPE);
  ctx->drained = parent ? parent->drained : ctx;
  if (!parent) return ctx;
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, 1);
  ctx->parent = parent;
  ctx->deadline = parent->deadline;
  ctx->ended = parent->ended;
  ctx->cause = parent->cause;
  if (parent->ended) { /* born ended, for the same reason */
    lua_getiuservalue(L, -2, 2);
    lua_setiuservalue(L, -2, 2);
  } else {
    lc_list_append(&parent->children, &ctx->in_parent);
  }
  return ctx;
}

context *context_new(lua_State *L, runtime *rt, context *parent)
{
  return context_new_with(L, rt, parent, 3);
}

int context_is_draining(const context *ctx)
{
  for (ctx = ctx->drained; ctx; ctx = ctx->parent ? ctx->parent->drained : NULL)
    if (ctx->is_draining) return 1;
  return 0;
}

int context_is_below(const context *ctx, const context *root)
{
  while (ctx && ctx != root) ctx = ctx->parent;
  return ctx == root;
}

/* A task, or functions to call, need the context. A task may outlive the connection that owns the
 * context. */
void context_hold(lua_State *L, context *ctx)
{
  if (!ctx->holds && !context_push(L, ctx))
    luaL_error(L, "lastcall: a context that is not anchored cannot be held without its object");
  if (!ctx->holds) ctx->anchor = runtime_anchor(L, ctx->rt);
  ctx->holds++;
}

void context_hold_object(lua_State *L, int index)
{
  context *ctx = context_check(L, index);
  if (!ctx->holds) {
    lua_pushvalue(L, index);
    ctx->anchor = runtime_anchor(L, ctx->rt);
  }
  ctx->holds++;
}

void context_unhold(context *ctx)
{
  if (!ctx->rt || --ctx->holds) return; /* without rt: collected while the state closes */
  runtime_release(ctx->rt, ctx->anchor);
  ctx->anchor = LUA_NOREF;
}

int context_push(lua_State *L, context *ctx)
{
  if (ctx->anchor != LUA_NOREF) {
    runtime_push_anchored(L, ctx->rt, ctx->anchor);
    return 1;
  }
  if (!owner_push(L, ctx->own_of)) return 0;
  ctx->own_of->type->push_context(L, ctx->own_of);
  lua_remove(L, -2);
  return 1;
}

/* Its functions no longer need the context. The connection that owns it keeps it for them; they do
 * not keep that connection. */
void context_unhold_functions(context *ctx)
{
  if (!ctx->is_held_by_functions) return;
  ctx->is_held_by_functions = 0;
  context_unhold(ctx);
}

static int by_number(const void *a, const void *b)
{
  const lua_Integer *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Queues the functions registered with on_done, in their order; it runs none itself. It is
 * protected, because a context may end inside a callback of the core, which an error must not
 * leave. */
static int queue_done_functions(lua_State *L)
{
  context *ctx = lua_touserdata(L, 1);
  if (!context_push(L, ctx)) return 0;
  lua_Integer *numbers = lua_newuserdatauv(L, ctx->functions * sizeof *numbers, 0);
  lua_getiuservalue(L, -2, 3);
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, -2) && count < ctx->functions; lua_pop(L, 1))
    numbers[count++] = lua_tointeger(L, -2);
  qsort(numbers, count, sizeof *numbers, by_number);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, numbers[i]);
    runtime_callback(L, ctx->rt, 0);
  }
  return 0;
}

static void end_one(lua_State *L, context *ctx, int code, const char *cause)
{
  ctx->ended = code;
  ctx->cause = cause;
  if (ctx->timer.is_open) lc_timer_close(ctx->rt->loop, &ctx->timer);
  for (lc_link *link = ctx->tasks.next; link != &ctx->tasks; link = link->next) {
    task *t = LC_OWNER(link, task, in_context);
    if (t->waits_for) task_wake(t, code);
  }
  if (!ctx->functions) return;
  runtime_protect_on(L, ctx->rt, queue_done_functions, ctx);
  ctx->functions = 0;
  context_unhold_functions(ctx);
}

/* The Lua object of a descendant is reachable only if something holds it. So the cause is not
 * copied down: a look-up finds it through the parents, at the canceled context. */
void context_end(lua_State *L, context *ctx, int code, const char *cause)
{
  if (ctx->ended) return;
  lc_link *pending = &ctx->rt->contexts->ending;
  lc_list_remove(&ctx->in_parent);
  lc_list_append(pending, &ctx->in_parent);
  while (!lc_list_is_empty(pending)) { /* no recursion: a chain may be very deep */
    context *next = LC_OWNER(pending->next, context, in_parent);
    lc_list_remove(&next->in_parent);
    while (!lc_list_is_empty(&next->children)) {
      lc_link *child = next->children.next;
      lc_list_remove(child);
      lc_list_append(pending, child);
    }
    end_one(L, next, code, cause);
  }
}

/* The context lies at the top. Calls that may raise come first. */
void context_adopt(lua_State *L, context *ctx, owner *by)
{
  if (!lc_list_is_empty(&by->own_tasks)) context_hold_object(L, -1);
  for (lc_link *link = by->own_tasks.next; link != &by->own_tasks; link = link->next) {
    LC_OWNER(link, task, in_context)->ctx = ctx;
    ctx->holds++;
  }
  if (ctx->holds) ctx->holds--; /* the hold of the first function is counted twice */
  lc_list_take(&ctx->tasks, &by->own_tasks);
  if (by->ended && !ctx->ended) context_end(L, ctx, by->ended, by->end_cause);
  by->ctx = ctx;
  by->has_context = 1;
  ctx->own_of = by;
}

void context_leave_conn(lua_State *L, int index)
{
  context *ctx = context_check(L, index);
  context_hold_object(L, index); /* keeps its functions reachable */
  ctx->own_of->has_context = 0;
  ctx->own_of->ended = LC_CANCELED;
  ctx->own_of->end_cause = "collected";
  ctx->own_of = NULL;
  context_end(L, ctx, LC_CANCELED, "collected");
  context_unhold(ctx);
}

/* The context after `at` in a walk over everything below `root`, with or without the contexts below
 * `at`; NULL at the end. It does not recurse, because a chain may be very deep. */
static context *next_below(const context *root, context *at, int is_passed_by)
{
  if (!is_passed_by && !lc_list_is_empty(&at->children))
    return LC_OWNER(at->children.next, context, in_parent);
  for (; at != root; at = at->parent)
    if (at->in_parent.next != &at->parent->children)
      return LC_OWNER(at->in_parent.next, context, in_parent);
  return NULL;
}

void context_each_task(context *root, void (*visit)(task *t, void *user), void *user)
{
  for (context *at = root; at; at = next_below(root, at, 0))
    for (lc_link *link = at->tasks.next; link != &at->tasks; link = link->next)
      visit(LC_OWNER(link, task, in_context), user);
}

/* Takes the contexts below `root` that end when draining begins out of the tree. */
static void take_those_that_drain(context *root, lc_link *taken)
{
  for (context *at = next_below(root, root, 0), *next; at; at = next) {
    next = next_below(root, at, at->drains);
    if (!at->drains) continue;
    lc_list_remove(&at->in_parent);
    lc_list_append(taken, &at->in_parent);
  }
}

/* Ending a context may collect garbage, and with it other contexts that are not held. So the walk
 * is over before. */
void context_drain(lua_State *L, context *root)
{
  lc_link taken;
  lc_list_init(&taken);
  root->is_draining = 1;
  take_those_that_drain(root, &taken);
  while (!lc_list_is_empty(&taken))
    context_end(L, LC_OWNER(taken.next, context, in_parent), LC_CANCELED, "draining");
}
