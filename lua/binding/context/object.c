/* context/object.c - contexts for scripts: the object and its methods. */
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "context/methods.h"
#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/context.h"

/* ----------------------------------------------------------------- methods -- */

static int context_done(lua_State *L)
{
  lua_pushboolean(L, context_check(L, 1)->ended != 0);
  return 1;
}

static int context_err(lua_State *L)
{
  context *ctx = context_check(L, 1);
  if (ctx->ended) lua_pushstring(L, lc_code_name(ctx->ended));
  else lua_pushnil(L);
  return 1;
}

/* The nearest ancestor that got a Lua value when it ended has the cause. */
static int context_cause(lua_State *L)
{
  context *ctx = context_check(L, 1);
  if (!ctx->ended) return 0;
  lua_pushvalue(L, 1);
  for (context *from = ctx; from && from->ended; from = from->parent) {
    if (lua_getiuservalue(L, -1, 2) != LUA_TNIL) return 1;
    lua_pop(L, 1);
    lua_getiuservalue(L, -1, 1);
    lua_remove(L, -2);
  }
  lua_pushstring(L, ctx->cause);
  return 1;
}

static int context_get_deadline(lua_State *L)
{
  lc_time at = context_check(L, 1)->deadline;
  if (at == LC_NEVER) lua_pushnil(L);
  else lua_pushnumber(L, lc_to_seconds(at));
  return 1;
}

/* The nearest value for the key, here or above. */
static int context_value(lua_State *L)
{
  context *ctx = context_check(L, 1);
  check_any(L, 2);
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  while (ctx) {
    if (ctx->has_value) {
      lua_getiuservalue(L, 3, 3);
      lua_rawgeti(L, 4, 1);
      if (lua_rawequal(L, 2, -1)) {
        lua_rawgeti(L, 4, 2);
        return 1;
      }
    }
    lua_settop(L, 3);
    lua_getiuservalue(L, 3, 1);
    lua_replace(L, 3);
    ctx = lua_touserdata(L, 3);
  }
  lua_pushnil(L);
  return 1;
}

static int context_draining(lua_State *L)
{
  lua_pushboolean(L, context_is_draining(context_check(L, 1)));
  return 1;
}

/* on_done's stop: true when the function will not be called because of it. */
static int stop_call(lua_State *L)
{
  context *ctx = lua_touserdata(L, lua_upvalueindex(1));
  runtime_check(L, ctx->rt);
  int pending = 0;
  if (!ctx->ended && lua_getiuservalue(L, lua_upvalueindex(1), 3) == LUA_TTABLE) {
    lua_Integer number = lua_tointeger(L, lua_upvalueindex(2));
    pending = lua_rawgeti(L, -1, number) == LUA_TFUNCTION;
    lua_pushnil(L);
    lua_rawseti(L, -3, number);
    if (pending && !--ctx->functions) context_unhold_functions(ctx);
  }
  lua_pushboolean(L, pending);
  return 1;
}

static void push_functions(lua_State *L, int index)
{
  if (lua_getiuservalue(L, index, 3) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, 3);
}

/* A context that holds a value has no room for functions, so a child of it keeps them. */
static int context_on_done(lua_State *L)
{
  context *ctx = context_check(L, 1);
  check_type(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  if (ctx->ended) {
    runtime_callback(L, ctx->rt, 0);
  } else {
    if (ctx->has_value) {
      ctx = context_new_with(L, ctx->rt, ctx, 3);
      lua_replace(L, 1);
    }
    push_functions(L, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, ++ctx->last_function);
    if (!ctx->functions++ && !ctx->own_of) {
      context_hold_object(L, 1);
      ctx->is_held_by_functions = 1;
    }
  }
  lua_pushvalue(L, 1);
  lua_pushinteger(L, ctx->last_function);
  lua_pushcclosure(L, stop_call, 2);
  return 1;
}

static int context_close(lua_State *L)
{
  context_end(L, context_check(L, 1), LC_CANCELED, "closed");
  return 0;
}

static int context_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  context *ctx = check_object(L, 1, CONTEXT_TYPE);
  if (!ctx->rt || !ctx->rt->loop) return 0; /* the loop ended before */
  if (ctx->own_of)
    context_leave_conn(L, 1); /* collected in the same cycle, before the connection */
  lc_list_remove(&ctx->in_parent);
  while (!lc_list_is_empty(&ctx->children)) { /* collected in the same cycle */
    context *child = LC_OWNER(ctx->children.next, context, in_parent);
    lc_list_remove(&child->in_parent);
    child->parent = NULL;
  }
  if (ctx->timer.is_open) lc_timer_close(ctx->rt->loop, &ctx->timer);
  ctx->rt = NULL;
  return 0;
}

static int context_tostring(lua_State *L)
{
  context *ctx = context_check(L, 1);
  lua_pushfstring(L, "context: %s", ctx->ended ? lc_code_name(ctx->ended) : "live");
  return 1;
}

static int context_is(lua_State *L)
{
  lua_pushboolean(L, luaL_testudata(L, 1, CONTEXT_TYPE) != NULL);
  return 1;
}

void context_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"done", context_done},         {"err", context_err},
    {"cause", context_cause},       {"deadline", context_get_deadline},
    {"draining", context_draining}, {"on_done", context_on_done},
    {"value", context_value},       {NULL, NULL}};
  new_type(L, CONTEXT_TYPE);
  lua_newtable(L);
  register_functions(L, rt, "context:", methods);
  context_open_tasks(L, rt);
  context_open_narrowing(L, rt);
  lua_setfield(L, -2, "__index");
  static const luaL_Reg meta[] = {{"__gc", context_collect},
                                  {"__close", context_close},
                                  {"__tostring", context_tostring},
                                  {NULL, NULL}};
  register_functions(L, rt, "context:", meta);
  lua_pop(L, 1);
  lua_newtable(L);
  context_open_making(L, rt);
  lua_pushcfunction(L, context_is);
  lua_setfield(L, -2, "is");
  lua_getfield(L, LUA_REGISTRYINDEX, CONTEXT_TYPE);
  lua_getfield(L, -1, "__index");
  lua_remove(L, -2);
  lua_setfield(L, -2, "methods"); /* where the modules add theirs */
  lua_setfield(L, -2, "context");
}
