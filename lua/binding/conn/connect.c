/* conn/connect.c - outbound connections. */
#include "conn/connect.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "conn/box.h"
#include "conn/detach.h"
#include "conn/events.h"
#include "conn/leaks.h"
#include "conn/starttls.h"
#include "conn/words.h"
#include "context/current.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "script/register.h"
#include "task/wait.h"

/* ----------------------------------------------------------------- endpoints -- */

/* endpoint(text) -> {host=, port=} or {path=}, with numeric = true when no look-up is needed; or
 * nil, problem. */
static int core_endpoint(lua_State *L)
{
  size_t length;
  const char *text = check_bytes(L, 1, &length), *problem = NULL;
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

/* ----------------------------------------------------------------- connecting -- */

/* A task may have several attempts under way. It begins each of them, waits for all at once, and
 * asks each for its result. */

/* Stack: address, options, the connection. */
static int begun(lua_State *L, runtime *rt, conn_box *box)
{
  lc_settings settings = *lc_conn_settings(box->conn);
  conn_make_context(L, 3, context_push_current(L, rt));
  lua_settop(L, 3);
  conn_keep_weakly(L, box);
  option_settings(L, 2, &settings);
  const lc_transport *transport = option_transport(L, 2);
  int result = lc_conn_set_settings(box->conn, &settings);
  if (result >= 0 && transport) result = lc_conn_set_transport(box->conn, transport);
  if (result >= 0) {
    box->connecting = 1;
    return 1;
  }
  lc_conn_abort(box->conn, "connect failed");
  return push_failure(L, result, lua_tostring(L, 1), "connect");
}

/* connect_begin(numeric address, options) -> a connection that is not connected yet; or nil, code,
 * message. */
static int core_connect_begin(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_address to, from;
  numeric_argument(L, 1, &to);
  check_type(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  task *t = task_current(L, rt, "lastcall.connect");
  if (task_ended(t)) return push_failure(L, task_ended(t), lua_tostring(L, 1), "connect");
  int bound = lua_getfield(L, 2, "bind") != LUA_TNIL;
  if (bound) numeric_argument(L, 3, &from);
  lua_settop(L, 2);
  lc_conn *conn;
  int result = lc_conn_connect(rt->conns->outbound, &to, bound ? &from : NULL,
                               option_boolean(L, 2, "nodelay", 1), &conn);
  if (result < 0) return push_failure(L, result, lua_tostring(L, 1), "connect");
  return begun(L, rt, conn_box_or_abort(L, rt, conn, NULL));
}

typedef struct attempts {
  size_t count;
  conn_box *boxes[]; /* the list on the waiting task's stack keeps them */
} attempts;

static int is_decided(const conn_box *box) { return box->connected || lc_conn_error(box->conn); }

static void connect_unwait(task *t)
{
  attempts *all = t->wait_object;
  for (size_t i = 0; i < all->count; i++) all->boxes[i]->writer = NULL;
}

/* Stack: list, seconds, address, the attempts. */
static int connect_waited(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  task *t = ((runtime *)kept)->current;
  if (t->woken) return push_failure(L, t->woken, lua_tostring(L, 3), "connect");
  lua_pushboolean(L, 1);
  return 1;
}

/* connect_wait(list of connections begun, seconds, address) -> true when one is connected or has
 * failed; or nil, code, message, which names the address. */
static int core_connect_wait(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_type(L, 1, LUA_TTABLE);
  lc_time seconds = optional_seconds(L, 2);
  check_string(L, 3);
  lua_settop(L, 3);
  task *t = task_current(L, rt, "lastcall.connect");
  if (task_ended(t)) return push_failure(L, task_ended(t), lua_tostring(L, 3), "connect");
  size_t count = lua_rawlen(L, 1);
  attempts *all = lua_newuserdatauv(L, sizeof *all + count * sizeof *all->boxes, 0);
  all->count = count;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    all->boxes[i] = conn_check(L, -1);
    lua_pop(L, 1);
    if (is_decided(all->boxes[i])) {
      lua_pushboolean(L, 1);
      return 1;
    }
  }
  for (size_t i = 0; i < count; i++) all->boxes[i]->writer = t;
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  return task_suspend(L, t, "connect", all, connect_unwait, (lua_KContext)rt, connect_waited);
}

/* connect_end(connection begun, address) -> true: connected; false: not yet; or nil, code,
 * message. */
static int core_connect_end(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  int code = lc_conn_error(box->conn);
  const char *where = check_string(L, 2);
  if (!is_decided(box)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  box->connecting = 0;
  lua_pushboolean(L, 1);
  if (!code) return 1;
  box->logged = 1; /* the caller gets the failure as a result, so it is not logged */
  /* One that closes in order still has something to say: why it does not trust the peer. */
  if (lc_conn_state(box->conn) < LC_STATE_CLOSING) lc_conn_abort(box->conn, "connect failed");
  return push_failure_because(L, code, where, "connect", lc_conn_reason(box->conn));
}

/* connect_drop(connection begun): called when another address was faster, or when the time is
 * over. */
static int core_connect_drop(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  box->connecting = 0;
  box->logged = 1;
  if (box->connected) lc_conn_close(box->conn, LC_LINGER_BACKGROUND, "not needed");
  else lc_conn_abort(box->conn, "connect given up");
  return 0;
}

/* Closes the outbound connections that are still open, and ends the linger of those whose peers
 * have everything: at the end of a program nobody waits for their FIN. Returns how many there
 * are. */
static int core_close_outbound(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int by_force = lua_toboolean(L, 1);
  for (lc_conn *conn = NULL; (conn = lc_server_next(rt->conns->outbound, conn));) {
    conn_box *box = lc_conn_user(conn);
    if (!by_force && lc_websocket_of(conn)) {
      lc_websocket_close(lc_websocket_of(conn), LC_WS_GOING_AWAY, "", 0);
      continue;
    }
    if (!by_force) {
      lc_conn_close(conn, LC_LINGER_BACKGROUND, "shutdown");
      lc_conn_end_linger(conn);
      if (box) conn_forget_detached(L, box);
      continue;
    }
    lc_conn_abort(conn, "shutdown");
    if (box) conn_kill_detached(L, box);
  }
  lua_pushinteger(L, lc_server_count(rt->conns->outbound, LC_STATES));
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

static lc_server *new_outbound(runtime *rt)
{
  static const lc_events events = {
    .ready = outbound_ready, .heartbeat = outbound_heartbeat, .closed = outbound_closed};
  lc_server_options options;
  int error;
  lc_server_options_init(&options);
  options.is_outbound = 1;
  return lc_server_new(rt->loop, &options, &events, rt, &error);
}

void conns_open(lua_State *L, runtime *rt)
{
  rt->conns->outbound = new_outbound(rt);
  if (!rt->conns->outbound) luaL_error(L, "lastcall: not enough memory");
}

void connect_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"endpoint", core_endpoint},
                                       {"connect_begin", core_connect_begin},
                                       {"connect_wait", core_connect_wait},
                                       {"connect_end", core_connect_end},
                                       {"connect_drop", core_connect_drop},
                                       {"close_outbound", core_close_outbound},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
