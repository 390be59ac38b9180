/* context_tasks.c - tasks in a context, and a call that goes by another one for its time. */
#include "binding.h"

context *context_push_current(lua_State *L, runtime *rt)
{
  context *ctx = rt->current ? rt->current->ctx : rt->process;
  if (!context_push(L, ctx)) luaL_error(L, "lastcall: the context of a connection that is gone");
  return ctx;
}

/* Who answers for a task in the context at `index`: whose task made it, or whose own it is. When that
 * one has left already, whoever answered for it. */
static owner maker_of(lua_State *L, const context *ctx, int index)
{
  conn_box *conn = ctx->box;
  server_box *server = NULL;
  if (!conn && lua_getiuservalue(L, index, 4) == LUA_TUSERDATA) {
    conn = luaL_testudata(L, -1, CONN_TYPE);
    if (!conn) server = server_check(L, -1);
  }
  if (conn && (conn->tasks || lc_conn_state(conn->conn) != LC_STATE_CLOSED))
    return (owner){.kind = OWNER_CONN, .of.conn = conn};
  if (conn) server = conn->server;
  if (server && !server->is_done) return (owner){.kind = OWNER_SERVER, .of.server = server};
  return (owner){.kind = OWNER_PROCESS};
}

/* ctx:go(fn, ...) -> task */
static int context_go(lua_State *L)
{
  context *ctx = context_check(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  int top = lua_gettop(L);
  owner by = maker_of(L, ctx, 1);
  lua_settop(L, top);
  context_hold_object(L, 1); /* the task takes a hold of its own */
  int results = task_go(L, ctx->rt, by, ctx, top - 2);
  context_unhold(ctx);
  return results;
}

/* A call under way. The closing of its slot on the stack ends it, whichever way it is left. */
typedef struct call {
  task *by;
  context *ctx;
  context *before;
} call;

static const char CALL_TYPE[] = "lastcall.call";

static void go_by(task *t, context *ctx)
{
  t->ctx = ctx;
  lc_list_remove(&t->in_context);
  lc_list_append(&ctx->tasks, &t->in_context);
}

static int call_close(lua_State *L)
{
  call *now = luaL_checkudata(L, 1, CALL_TYPE);
  if (!now->by) return 0;
  go_by(now->by, now->before);
  now->by = NULL;
  context_unhold(now->ctx);
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
  luaL_checktype(L, 2, LUA_TFUNCTION);
  task *t = ctx->rt->current;
  call *now = lua_newuserdatauv(L, sizeof *now, 0);
  *now = (call){NULL, ctx, NULL};
  luaL_setmetatable(L, CALL_TYPE);
  lua_insert(L, 2);
  lua_toclose(L, 2);
  if (t) { /* outside a task nothing waits, so there is nothing to bound */
    context_hold_object(L, 1);
    now->before = t->ctx;
    now->by = t;
    go_by(t, ctx);
  }
  lua_callk(L, lua_gettop(L) - 3, LUA_MULTRET, 0, call_done);
  return call_done(L, LUA_OK, 0);
}

void context_open_tasks(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"go", context_go}, {"call", context_call}, {NULL, NULL}};
  register_functions(L, rt, methods);
  if (luaL_newmetatable(L, CALL_TYPE)) {
    lua_pushcfunction(L, call_close);
    lua_setfield(L, -2, "__close");
  }
  lua_pop(L, 1);
}
