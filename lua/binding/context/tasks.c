/* context/tasks.c - tasks in a context, and a call that goes by another one for its time. */
#include "binding.h"

context *context_push_current(lua_State *L, runtime *rt)
{
  context *ctx = rt->current ? task_context(L, rt->current) : rt->process;
  if (!context_push(L, ctx)) luaL_error(L, "lastcall: the context of a connection that is gone");
  return ctx;
}

/* The owner of a task in the context at `index`: whose task made the context, or whose own it is. When that one
 * is over already, its heir. */
static owner *maker_of(lua_State *L, const context *ctx, int index)
{
  owner *by = ctx->own_of;
  if (!by && lua_getiuservalue(L, index, 4) == LUA_TUSERDATA) by = lua_touserdata(L, -1);
  return by ? by->type->heir(by) : NULL;
}

/* ctx:go(fn, ...) -> task */
static int context_go(lua_State *L)
{
  context *ctx = context_check(L, 1);
  check_type(L, 2, LUA_TFUNCTION);
  int top = lua_gettop(L);
  owner *by = maker_of(L, ctx, 1);
  lua_settop(L, top);
  context_hold_object(L, 1); /* the task takes a hold of its own */
  int results = task_go(L, ctx->rt, by, ctx, top - 2);
  context_unhold(ctx);
  return results;
}

/* ----------------------------------------------------------------------- scopes -- */

/* A call of ctx:call under way: the closing of its slot on the stack ends it, whichever way it is left. While the
 * generator that it was made in is suspended it is set aside, so that it bounds nobody else; its user
 * value is that generator, lest one of the two be collected before the other. */
struct scope {
  task *by; /* whose context it has changed; NULL while it is set aside, or over */
  context *ctx;
  context *before;
  lua_State *co;
  scope *outer; /* of the same task, or set aside with it */
  int is_aside;
};

static const char SCOPE_TYPE[] = "lastcall.scope";
static const char ASIDE_KEY = 0; /* registry: coroutine -> its innermost call that was set aside */

static void go_by(task *t, context *ctx)
{
  t->ctx = ctx;
  lc_list_remove(&t->in_context);
  lc_list_append(&ctx->tasks, &t->in_context);
}

static void scope_enter(scope *now, task *t)
{
  now->by = t;
  now->before = t->ctx;
  now->outer = t->extra->scopes;
  t->extra->scopes = now;
  go_by(t, now->ctx);
}

/* The innermost, as a rule; a coroutine that we are not told of may leave them in another order. */
static void scope_leave(scope *now)
{
  task *t = now->by;
  scope *inner = t->extra->scopes;
  now->by = NULL;
  if (inner == now) {
    t->extra->scopes = now->outer;
    go_by(t, now->before);
    return;
  }
  while (inner->outer != now) inner = inner->outer;
  inner->outer = now->outer;
  inner->before = now->before;
}

void scopes_forget(task *t)
{
  while (task_scopes(t)) scope_leave(t->extra->scopes);
}

static scope *set_aside(lua_State *L, lua_State *co, scope *innermost)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ASIDE_KEY);
  lua_rawgetp(L, -1, co);
  scope *before = lua_touserdata(L, -1);
  if (innermost) lua_pushlightuserdata(L, innermost);
  else lua_pushnil(L);
  lua_rawsetp(L, -3, co);
  lua_pop(L, 2);
  return before;
}

void scopes_leave(lua_State *L, task *t, lua_State *co)
{
  scope *outermost = NULL;
  while (task_scopes(t) && t->extra->scopes->co == co) {
    scope *now = t->extra->scopes;
    scope_leave(now);
    now->is_aside = 1;
    now->outer = outermost; /* the chain set aside begins with the one that was entered first */
    outermost = now;
    t->rt->scopes_aside++;
  }
  if (outermost) set_aside(L, co, outermost);
}

void scopes_enter(lua_State *L, task *t, lua_State *co)
{
  for (scope *now = set_aside(L, co, NULL), *inner; now; now = inner) {
    inner = now->outer;
    now->is_aside = 0;
    t->rt->scopes_aside--;
    scope_enter(now, t);
  }
}

/* Set aside with others, in a generator that is closed or collected. */
static void forget_aside(lua_State *L, runtime *rt, scope *now)
{
  scope *first = set_aside(L, now->co, NULL), **place = &first;
  while (*place && *place != now) place = &(*place)->outer;
  if (*place) *place = now->outer;
  set_aside(L, now->co, first);
  now->is_aside = 0;
  rt->scopes_aside--;
}

/* Also as its finalizer. */
static int scope_close(lua_State *L)
{
  scope *now = check_object(L, 1, SCOPE_TYPE);
  context *ctx = now->ctx;
  now->ctx = NULL;
  if (!ctx || !ctx->rt || !ctx->rt->loop) return 0;
  if (now->by) scope_leave(now);
  else if (now->is_aside) forget_aside(L, ctx->rt, now);
  context_unhold(ctx);
  return 0;
}

static int call_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  return lua_gettop(L) - 2;
}

/* ctx:call(fn, ...): fn's results; what it waits for is bounded by ctx. */
static int context_call(lua_State *L)
{
  context *ctx = context_check(L, 1);
  check_type(L, 2, LUA_TFUNCTION);
  task *t = ctx->rt->current;
  scope *now = lua_newuserdatauv(L, sizeof *now, 1);
  *now = (scope){.co = L};
  luaL_setmetatable(L, SCOPE_TYPE);
  lua_pushthread(L);
  lua_setiuservalue(L, -2, 1);
  lua_insert(L, 2);
  lua_toclose(L, 2);
  if (t) {              /* outside a task nothing waits, so there is nothing to bound */
    task_context(L, t); /* what it goes back to is there */
    if (!task_need_extra(t)) return luaL_error(L, "not enough memory for ctx:call");
    context_hold_object(L, 1);
    now->ctx = ctx;
    scope_enter(now, t);
  }
  lua_callk(L, lua_gettop(L) - 3, LUA_MULTRET, 0, call_done);
  return call_done(L, LUA_OK, 0);
}

void context_open_tasks(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"go", context_go}, {"call", context_call}, {NULL, NULL}};
  register_functions(L, rt, "context:", methods);
  new_type(L, SCOPE_TYPE);
  lua_pushcfunction(L, scope_close);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, scope_close);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ASIDE_KEY);
}
