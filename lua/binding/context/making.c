/* context/making.c - makes contexts for scripts: roots, and children of others. */
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "context/current.h"
#include "context/methods.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/context.h"
#include "task/task.h"

static void context_due(lc_timer *timer, lc_time now)
{
  context *ctx = LC_OWNER(timer, context, timer);
  (void)now;
  context_end(ctx->rt->L, ctx, LC_TIMEOUT, "deadline passed");
}

/* Makes a context for a script. It remembers the owner of the task that made it. The parent lies at
 * the top. */
static context *made_by_script(lua_State *L, runtime *rt, context *parent)
{
  context *ctx = context_new_with(L, rt, parent, 4);
  if (owner_push(L, owner_current(rt))) lua_setiuservalue(L, -2, 4);
  return ctx;
}

/* Checks argument 1 of a function that makes a child. */
static void check_parent(lua_State *L)
{
  check_that(L, lua_isnoneornil(L, 1) || lua_isuserdata(L, 1), 1,
             "the parent comes first: a context, or nil for the caller's own");
}

/* Pushes the context at argument `index`, or the caller's context if the argument is absent. */
static context *parent_argument(lua_State *L, runtime *rt, int index)
{
  if (lua_isnoneornil(L, index)) return context_push_current(L, rt);
  context *ctx = context_check(L, index);
  lua_pushvalue(L, index);
  return ctx;
}

/* A root that only its own cancel ends: for the functions of a shutdown. */
static int context_root(lua_State *L)
{
  context_new(L, runtime_upvalue(L), NULL);
  return 1;
}

/* The context that never ends. */
static int context_background(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  runtime_push_anchored(L, rt, rt->contexts->background_anchor);
  return 1;
}

/* The context of process-owned tasks: it ends when the connections are gone. */
static int context_of_process(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  runtime_push_anchored(L, rt, rt->contexts->process_anchor);
  return 1;
}

static int cancel_call(lua_State *L)
{
  context *ctx = lua_touserdata(L, lua_upvalueindex(1));
  runtime_check(L, ctx->rt);
  if (ctx->ended) return 0;
  if (!lua_isnoneornil(L, 1)) {
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, lua_upvalueindex(1), 2);
  }
  context_end(L, ctx, LC_CANCELED, "canceled");
  return 0;
}

static int context_with_cancel(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_parent(L);
  context *parent = parent_argument(L, rt, 1);
  made_by_script(L, rt, parent);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, cancel_call, 1);
  return 2;
}

static int with_deadline(lua_State *L, runtime *rt, context *parent, lc_time at)
{
  context *ctx = made_by_script(L, rt, parent);
  if (!ctx->ended && at < ctx->deadline) {
    ctx->deadline = at;
    if (at <= lc_loop_clock(rt->loop)) {
      context_end(L, ctx, LC_TIMEOUT, "deadline passed");
    } else if (at != LC_NEVER) {
      if (lc_timer_open(rt->loop, &ctx->timer, context_due) < 0)
        return luaL_error(L, "not enough memory for a deadline");
      lc_timer_set(rt->loop, &ctx->timer, at);
    }
  }
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, cancel_call, 1);
  return 2;
}

static int context_with_timeout(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_parent(L);
  check_number(L, 2);
  lc_time seconds = optional_seconds(L, 2);
  context *parent = parent_argument(L, rt, 1);
  return with_deadline(L, rt, parent, lc_time_add(lc_loop_clock(rt->loop), seconds));
}

static int context_with_deadline(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_parent(L);
  check_number(L, 2);
  lc_time at = optional_seconds(L, 2);
  context *parent = parent_argument(L, rt, 1);
  return with_deadline(L, rt, parent, at);
}

static int context_with_value(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_parent(L);
  check_that(L, !lua_isnoneornil(L, 2), 2, "a key is any value but nil");
  check_any(L, 3);
  lua_settop(L, 3);
  context *parent = parent_argument(L, rt, 1);
  made_by_script(L, rt, parent)->has_value = 1;
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, 2);
  lua_setiuservalue(L, -2, 3);
  return 1;
}

/* The context keeps the parent only for its values: it gets neither its end nor its deadline. */
static int context_without_cancel(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_parent(L);
  parent_argument(L, rt, 1);
  made_by_script(L, rt, NULL);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

static int context_until_drain(lua_State *L)
{
  context *parent = context_check(L, 1);
  lua_settop(L, 1);
  context *ctx = made_by_script(L, parent->rt, parent);
  ctx->drains = 1;
  if (context_is_draining(parent)) context_end(L, ctx, LC_CANCELED, "draining");
  return 1;
}

void context_open_narrowing(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"until_drain", context_until_drain}, {NULL, NULL}};
  register_functions(L, rt, "context:", methods);
}

void context_open_making(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"background", context_background},
                                       {"process", context_of_process},
                                       {"root", context_root},
                                       {"with_cancel", context_with_cancel},
                                       {"with_timeout", context_with_timeout},
                                       {"with_deadline", context_with_deadline},
                                       {"with_value", context_with_value},
                                       {"without_cancel", context_without_cancel},
                                       {NULL, NULL}};
  register_functions(L, rt, "context.", functions);
}
