/* http/websocket.c - WebSockets as objects: their birth, what is known of them, and their end. */
#include "http/websocket.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "conn/closing_wait.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "script/raise.h"
#include "script/register.h"
#include "sys/sys.h"
#include "task/wait.h"

/* ---------------------------------------------------------------------- log -- */

typedef struct refusal {
  runtime *rt;
  const server_base *server;
  const lc_conn *conn;
  lc_ws_fault fault;
} refusal;

static int log_refusal(lua_State *L)
{
  const refusal *r = lua_touserdata(L, 1);
  char text[LC_ADDRESS_TEXT_MAX], label[120];
  lua_settop(L, 0);
  lua_pushliteral(L, "info");
  lua_pushliteral(L, "websocket refused");
  lua_createtable(L, 0, 4);
  lua_pushstring(L, peer_text(r->conn, text, sizeof text));
  lua_setfield(L, -2, "peer");
  lua_pushinteger(L, lc_ws_fault_code(r->fault));
  lua_setfield(L, -2, "code");
  lua_pushstring(L, lc_ws_fault_text(r->fault));
  lua_setfield(L, -2, "cause");
  lua_pushstring(L, lc_conn_label(r->conn, label, sizeof label, NULL));
  lua_setfield(L, -2, "request");
  report_log(L, r->rt, r->server ? &r->server->told : NULL);
  return 0;
}

static void on_refused(const lc_conn *conn, lc_ws_fault fault, void *user)
{
  const conn_box *box = lc_conn_user(conn);
  refusal r = {user, box ? box->of_server : NULL, conn, fault};
  runtime_protect(r.rt, log_refusal, &r);
}

/* --------------------------------------------------------------------- birth -- */

/* The modules have checked the table. The label stays on the stack [0, +1]. */
static void take_options(lua_State *L, int index, runtime *rt, lc_websocket_options *options)
{
  lc_websocket_options_init(options);
  options->max_message =
    (uint64_t)option_integer(L, index, "max_message", (lua_Integer)options->max_message);
  options->message_timeout = option_time(L, index, "message_timeout", options->message_timeout);
  options->leaving_code = (int)option_integer(L, index, "drain_code", options->leaving_code);
  options->is_client = option_boolean(L, index, "is_client", 0);
  options->refused = on_refused;
  options->user = rt;
  lua_getfield(L, index, "label");
  options->label = lua_tostring(L, -1);
}

/* Pings are sent after so long a silence. */
static int set_heartbeat(lua_State *L, int index, conn_box *box)
{
  lc_settings settings = *lc_conn_settings(box->conn);
  settings.heartbeat = (lc_heartbeat){.interval = 30 * LC_SECOND, .timeout = 20 * LC_SECOND};
  option_heartbeat(L, index, &settings.heartbeat);
  return lc_conn_set_settings(box->conn, &settings);
}

/* websocket_begin(conn, options): the connection, whose handshake has been made, speaks WebSocket.
 * Returns its object; or nil, code, message. */
static int websocket_begin(lua_State *L)
{
  conn_box *box = conn_self(L);
  lc_websocket_options options;
  check_type(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  if (lc_conn_error(box->conn))
    return conn_failure(L, box, lc_conn_error(box->conn), "http.websocket");
  websocket *self = lua_newuserdatauv(L, sizeof *self, 2);
  *self = (websocket){.type = WEBSOCKET_TYPE, .box = box};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, WEBSOCKET_CONN);
  lua_getfield(L, 2, "protocol");
  lua_setiuservalue(L, 3, WEBSOCKET_PROTOCOL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, WEBSOCKET_TYPE);
  lua_setmetatable(L, 3);
  take_options(L, 2, box->rt, &options);
  int result = set_heartbeat(L, 2, box);
  if (!result) result = lc_websocket_begin(box->conn, &options, &self->ws);
  if (result < 0) return conn_failure(L, box, result, "http.websocket");
  lua_settop(L, 3);
  return 1;
}

static int websocket_collect(lua_State *L)
{
  websocket *self = websocket_of(L, 1);
  if (!self || !self->ws || !is_collected(L)) return 0;
  lc_websocket_release(self->ws);
  self->ws = NULL;
  return 0;
}

/* ---------------------------------------------------------------- properties -- */

static int push_peer(lua_State *L, const websocket *self)
{
  char text[LC_ADDRESS_TEXT_MAX];
  lua_pushstring(L, peer_text(self->box->conn, text, sizeof text));
  return 1;
}

static int push_protocol(lua_State *L, const websocket *self)
{
  (void)self;
  lua_getiuservalue(L, 1, WEBSOCKET_PROTOCOL);
  return 1;
}

static int push_conn(lua_State *L, const websocket *self)
{
  (void)self;
  lua_getiuservalue(L, 1, WEBSOCKET_CONN);
  return 1;
}

static int push_code(lua_State *L, const websocket *self)
{
  lc_websocket_verdict verdict;
  lc_websocket_verdict_get(self->ws, &verdict);
  if (verdict.code) lua_pushinteger(L, verdict.code);
  else lua_pushnil(L);
  return 1;
}

static int push_reason(lua_State *L, const websocket *self)
{
  lc_websocket_verdict verdict;
  lc_websocket_verdict_get(self->ws, &verdict);
  if (verdict.code) lua_pushlstring(L, verdict.reason, verdict.reason_length);
  else lua_pushnil(L);
  return 1;
}

static const struct property {
  const char *name;
  int (*push)(lua_State *L, const websocket *self);
} PROPERTIES[] = {{"peer", push_peer},
                  {"protocol", push_protocol},
                  {"conn", push_conn},
                  {"code", push_code},
                  {"reason", push_reason}};

/* Upvalue: the methods, and the properties as light userdata. */
static int websocket_index(lua_State *L)
{
  lua_settop(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TLIGHTUSERDATA) return 1;
  const struct property *property = lua_touserdata(L, -1);
  return property->push(L, websocket_self(L));
}

static int websocket_tostring(lua_State *L)
{
  char label[120], text[LC_ADDRESS_TEXT_MAX];
  const conn_box *box = websocket_self(L)->box;
  if (!lc_conn_label(box->conn, label, sizeof label, NULL)) strcpy(label, "WebSocket");
  lua_pushfstring(L, "%s from %s", label, peer_text(box->conn, text, sizeof text));
  return 1;
}

/* ----------------------------------------------------------------------- end -- */

/* ws:close([code [, reason]]) -> as conn:close. */
static int websocket_close(lua_State *L)
{
  const websocket *self = websocket_self(L);
  conn_box *box = self->box;
  size_t length = 0;
  lua_Integer given = optional_integer(L, 2, 0);
  const char *reason = lua_isnoneornil(L, 3) ? "" : check_bytes(L, 3, &length);
  int waits = conn_may_await_end(L, box);
  int code = given < 0 || given > UINT16_MAX ? UINT16_MAX : (int)given; /* which is no code */
  check_that(L, length + 2 <= LC_WS_CONTROL_MOST, 3, "a reason has 123 bytes at most");
  int result = lc_websocket_close(self->ws, code, reason, length);
  check_that(L, result != -EINVAL, lc_ws_is_code(code) || !code ? 3 : 2,
             lc_ws_is_code(code) || !code
               ? "a reason is UTF-8"
               : "a code is 1000 to 1003, 1007 to 1014, or 3000 to 4999");
  if (box->reader) task_wake(box->reader, 0);
  conn_end_context(box, "closed");
  lua_getiuservalue(L, 1, WEBSOCKET_CONN);
  lua_replace(L, 1);
  lua_settop(L, 1);
  return conn_await_end(L, box, waits);
}

/* websocket_accept(key) -> what answers it; nil for what is no key. */
static int websocket_accept(lua_State *L)
{
  size_t length;
  char accept[LC_WS_ACCEPT_SIZE];
  const char *key = check_bytes(L, 1, &length);
  if (!lc_ws_is_key(key, length)) return 0;
  lc_ws_accept(accept, key);
  lua_pushlstring(L, accept, sizeof accept);
  return 1;
}

/* random_key(what) -> 16 random bytes in base64, such as the key of a handshake; or nil, code, and
 * the message of the function `what`. */
static int random_key(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  const char *what = check_string(L, 1);
  uint8_t random[16];
  char key[LC_WS_KEY_SIZE];
  int result = rt->sys->random(rt->sys, random, sizeof random);
  if (result < 0) return push_failure(L, result, NULL, what);
  lc_ws_key_write(key, random);
  lua_pushlstring(L, key, sizeof key);
  return 1;
}

static int websocket_is_code(lua_State *L)
{
  lua_Integer code = check_integer(L, 1);
  lua_pushboolean(L, code >= 0 && code <= UINT16_MAX && lc_ws_is_code((int)code));
  return 1;
}

void http_open_websocket(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"websocket_begin", websocket_begin},
                                       {"websocket_accept", websocket_accept},
                                       {"random_key", random_key},
                                       {"websocket_is_code", websocket_is_code},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"close", websocket_close}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  http_new_type(L, WEBSOCKET_TYPE);
  lua_newtable(L);
  register_functions(L, rt, "ws:", methods);
  websocket_open_reading(L, rt);
  websocket_open_sending(L, rt);
  HTTP_SET_INDEX(L, websocket_index, "websocket_methods", PROPERTIES);
  lua_pushcfunction(L, websocket_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, websocket_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
