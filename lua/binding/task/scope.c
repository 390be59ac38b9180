/* task/scope.c - ctx:call: calls that use another context while they run. */
#include "task/scope.h"

#include <lua.h>

#include "base/list.h"
#include "runtime/runtime.h"
#include "task/context.h"
#include "task/task.h"

static const char ASIDE_KEY = 0; /* registry: coroutine -> its innermost call set aside */

static void go_by(task *t, context *ctx)
{
  t->ctx = ctx;
  lc_list_remove(&t->in_context);
  lc_list_append(&ctx->tasks, &t->in_context);
}

void scope_enter(scope *now, task *t)
{
  now->by = t;
  now->before = t->ctx;
  now->outer = t->extra->scopes;
  t->extra->scopes = now;
  go_by(t, now->ctx);
}

/* Usually the innermost call; a coroutine that lastcall does not know may leave them in another
 * order. */
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
    now->outer = outermost; /* the chain set aside begins with the call entered first */
    outermost = now;
    t->rt->tasks->scopes_aside++;
  }
  if (outermost) set_aside(L, co, outermost);
}

void scopes_enter(lua_State *L, task *t, lua_State *co)
{
  for (scope *now = set_aside(L, co, NULL), *inner; now; now = inner) {
    inner = now->outer;
    now->is_aside = 0;
    t->rt->tasks->scopes_aside--;
    scope_enter(now, t);
  }
}

/* The call was set aside with others, in a generator that is closed or collected. */
static void forget_aside(lua_State *L, runtime *rt, scope *now)
{
  scope *first = set_aside(L, now->co, NULL), **place = &first;
  while (*place && *place != now) place = &(*place)->outer;
  if (*place) *place = now->outer;
  set_aside(L, now->co, first);
  now->is_aside = 0;
  rt->tasks->scopes_aside--;
}

void scope_end(lua_State *L, runtime *rt, scope *now)
{
  if (now->by) scope_leave(now);
  else if (now->is_aside) forget_aside(L, rt, now);
}

void scopes_open(lua_State *L)
{
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ASIDE_KEY);
}
