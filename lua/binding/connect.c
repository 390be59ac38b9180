/* connect.c - connections of our own making, and names to addresses. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

/* ----------------------------------------------------------------- endpoints -- */

/* endpoint(text) -> {host=, port=} or {path=}, with numeric = true when no look-up is needed; or nil,
 * problem. */
static int core_endpoint(lua_State *L)
{
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length), *problem = NULL;
  lc_endpoint endpoint;
  lc_address address;
  if (lc_endpoint_parse(text, length, &endpoint, &problem) < 0) {
    lua_pushnil(L);
    lua_pushstring(L, problem);
    return 2;
  }
  lua_createtable(L, 0, 4);
  lua_pushboolean(L, lc_endpoint_address(&endpoint, &address) == 0);
  lua_setfield(L, -2, "numeric");
  if (endpoint.is_unix) {
    lua_pushlstring(L, endpoint.path, endpoint.path_length);
    lua_setfield(L, -2, "path");
    return 1;
  }
  lua_pushstring(L, endpoint.host);
  lua_setfield(L, -2, "host");
  lua_pushinteger(L, endpoint.port);
  lua_setfield(L, -2, "port");
  return 1;
}

int check_numeric(lua_State *L, int index, lc_address *address)
{
  size_t length;
  const char *text = luaL_checklstring(L, index, &length), *problem = "it needs a look-up";
  lc_endpoint endpoint;
  if (lc_endpoint_parse(text, length, &endpoint, &problem) == 0 &&
      lc_endpoint_address(&endpoint, address) == 0)
    return 0;
  return luaL_argerror(L, index, problem);
}

/* ------------------------------------------------------------------ resolving -- */

typedef struct lookup {
  lc_query query;
  task *waiter; /* NULL when it has given up */
  runtime *rt;
} lookup;

static int push_found(lua_State *L, const lc_query *query)
{
  char text[LC_ADDRESS_TEXT_MAX];
  if (query->result <= 0)
    return push_failure(L, query->result ? query->result : LC_HOST_NOT_FOUND, query->host,
                        "resolve");
  lua_createtable(L, query->result, 0);
  for (int i = 0; i < query->result; i++) {
    lua_pushstring(L, lc_address_format(&query->found[i], text, sizeof text));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static void lookup_answered(lc_query *query)
{
  lookup *look = LC_OWNER(query, lookup, query);
  if (look->waiter) task_wake(look->waiter, 0);
}

static void lookup_unwait(task *t)
{
  lookup *look = t->wait_object;
  look->waiter = NULL;
  lc_resolve_cancel(look->rt->loop, &look->query);
}

/* Stack: host, port, seconds, the lookup. */
static int resolve_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  lookup *look = lua_touserdata(L, 4);
  task *t = look->rt->current;
  if (t->woken) return push_failure(L, t->woken, look->query.host, "resolve");
  return push_found(L, &look->query);
}

static int core_resolve(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const char *host = luaL_checkstring(L, 1);
  lua_Integer port = luaL_checkinteger(L, 2);
  lc_time seconds = optional_seconds(L, 3);
  luaL_argcheck(L, strlen(host) <= LC_HOST_MAX, 1, "longer than any host name");
  lua_settop(L, 3);
  lookup *look = lua_newuserdatauv(L, sizeof *look, 0);
  memset(look, 0, sizeof *look);
  strcpy(look->query.host, host);
  look->query.port = (uint16_t)port;
  look->rt = rt;
  if (!rt->current) { /* outside a task there is nobody to hold up */
    lc_resolve_blocking(rt->loop, &look->query);
    return push_found(L, &look->query);
  }
  task *t = task_current(L, rt, "resolving a name");
  if (task_ended(t)) return push_failure(L, task_ended(t), host, "resolve");
  look->query.answered = lookup_answered;
  look->waiter = t;
  int result = lc_resolve(rt->loop, &look->query);
  if (result < 0) return push_failure(L, result, host, "resolve");
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  return task_suspend(L, t, "resolve", look, lookup_unwait, 0, resolve_done);
}

/* ----------------------------------------------------------------- connecting -- */

static void connect_unwait(task *t)
{
  conn_box *box = t->wait_object;
  box->writer = NULL;
}

/* Stack: address, options, the connection. */
static int connect_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  conn_box *box = conn_check(L, 3);
  task *t = box->rt->current;
  int code = t->woken ? t->woken : lc_conn_error(box->conn);
  box->connecting = 0;
  if (!code) return 1;
  box->logged = 1; /* the caller is told */
  lc_conn_abort(box->conn, "connect failed");
  return push_failure(L, code, lua_tostring(L, 1), "connect");
}

/* connect(numeric address, options) -> connection, or nil, code, message. */
static int core_connect(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_address to, from;
  check_numeric(L, 1, &to);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  task *t = task_current(L, rt, "lastcall.connect");
  if (task_ended(t)) return push_failure(L, task_ended(t), lua_tostring(L, 1), "connect");
  int bound = lua_getfield(L, 2, "bind") != LUA_TNIL;
  if (bound) check_numeric(L, 3, &from);
  lc_time timeout = option_time(L, 2, "timeout", 10 * LC_SECOND);
  lua_settop(L, 2);
  lc_conn *conn;
  int result = lc_conn_connect(rt->outbound, &to, bound ? &from : NULL,
                               option_boolean(L, 2, "nodelay", 1), &conn);
  if (result < 0) return push_failure(L, result, lua_tostring(L, 1), "connect");
  conn_box *box = conn_box_new(L, rt, conn, NULL);
  conn_make_context(L, 3, context_push_current(L, rt));
  lua_settop(L, 3);
  conn_keep_weakly(L, box);
  lc_settings settings = *lc_conn_settings(conn);
  option_settings(L, 2, &settings);
  result = lc_conn_set_settings(conn, &settings);
  if (result < 0) {
    lc_conn_abort(conn, "connect failed");
    return push_failure(L, result, lua_tostring(L, 1), "connect");
  }
  box->connecting = 1;
  box->writer = t;
  task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), timeout));
  return task_suspend(L, t, "connect", box, connect_unwait, 0, connect_done);
}

/* Closes what is left of them; how many there are. */
static int core_close_outbound(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int by_force = lua_toboolean(L, 1);
  for (lc_conn *conn = NULL; (conn = lc_server_next(rt->outbound, conn));) {
    conn_box *box = lc_conn_user(conn);
    if (by_force) lc_conn_abort(conn, "shutdown");
    if (by_force && box) conn_kill_detached(L, box);
    if (!by_force) lc_conn_close(conn, LC_LINGER_BACKGROUND, "shutdown");
  }
  lua_pushinteger(L, lc_server_count(rt->outbound, LC_STATES));
  return 1;
}

static void outbound_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)user;
  conn_on_ready(conn, what);
}

static void outbound_heartbeat(lc_conn *conn, void *user) { conn_on_heartbeat(conn, user); }

static void outbound_closed(lc_conn *conn, void *user)
{
  (void)user;
  conn_on_closed(conn);
}

lc_server *conn_new_outbound(runtime *rt)
{
  static const lc_events events = {
    .ready = outbound_ready, .heartbeat = outbound_heartbeat, .closed = outbound_closed};
  lc_server_options options;
  int error;
  lc_server_options_init(&options);
  options.is_outbound = 1;
  return lc_server_new(rt->loop, &options, &events, rt, &error);
}

void connect_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"endpoint", core_endpoint},
                                       {"resolve", core_resolve},
                                       {"connect", core_connect},
                                       {"close_outbound", core_close_outbound},
                                       {NULL, NULL}};
  register_functions(L, rt, functions);
}
