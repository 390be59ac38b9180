/* context/tasks.c - starts tasks in a context, and makes calls that use another context while they
 * run. */
#include <lauxlib.h>
#include <lua.h>

#include "context/methods.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/context.h"
#include "task/handle.h"
#include "task/scope.h"
#include "task/task.h"

/* The owner of a task in the context at `index`: the owner of the task that made the context, or
 * the connection that owns it. If that one is over already, its heir. */
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
  return task_go(L, ctx->rt, by, ctx, 1, top - 2);
}

/* ----------------------------------------------------------------------- scopes -- */

static const char SCOPE_TYPE[] = "lastcall.scope";

/* Also as its finalizer. */
static int scope_close(lua_State *L)
{
  scope *now = check_object(L, 1, SCOPE_TYPE);
  context *ctx = now->ctx;
  now->ctx = NULL;
  if (!ctx || !ctx->rt || !ctx->rt->loop) return 0;
  scope_end(L, ctx->rt, now);
  context_unhold(ctx);
  return 0;
}

static int call_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  return lua_gettop(L) - 2;
}

/* ctx:call(fn, ...): returns fn's results; ctx bounds the waits of fn. */
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
  if (t) {              /* outside a task no call waits, so there is nothing to bound */
    task_context(L, t); /* makes sure that the context to go back to exists */
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
  scopes_open(L);
}
