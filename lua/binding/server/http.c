/* server/http.c - servers whose connections speak HTTP. */
#include "server/http.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/callbacks.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "script/raise.h"
#include "server/methods.h"
#include "task/wait.h"

/* Longer than the 60 s after which balancers usually close, so that they do it first. */
#define KEEPALIVE_TIMEOUT (75 * LC_SECOND)

/* Leaves the list on the stack [0, +1]. The modules have checked it by http_is_network. */
static void take_trusted(lua_State *L, int index, lc_http_options *options)
{
  lua_getfield(L, index, "trusted");
  size_t count = lua_istable(L, -1) ? (size_t)lua_rawlen(L, -1) : 0;
  lc_network *list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  for (size_t i = 0, length; i < count; i++, lua_pop(L, 1)) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    const char *text = lua_tolstring(L, -1, &length);
    lc_network_parse(text, length, &list[i]);
  }
  lua_remove(L, -2);
  options->trusted = list;
  options->trusted_count = count;
}

/* A server has one for each handler of requests that serves its connections. */
typedef struct http_service {
  struct http_service *next;
  server_box *box;
  const void *key; /* the handler's table of options, by its address */
  int options;     /* anchor of that table */
  int access_log;  /* anchor of the function that gets each reply; LUA_NOREF */
  lc_http_service *service;
} http_service;

/* The path and the list stay on the stack, because the options refer to them [0, +2]. */
static void take_options(lua_State *L, int index, lc_http_options *options)
{
  lc_http_options_init(options);
  options->head_timeout = option_time(L, index, "head_timeout", options->head_timeout);
  options->body_timeout = option_time(L, index, "body_timeout", options->body_timeout);
  options->body_rate = (uint32_t)option_integer(L, index, "body_rate", options->body_rate);
  options->max_body =
    (uint64_t)option_integer(L, index, "max_body", (lua_Integer)options->max_body);
  options->max_head = (uint32_t)option_integer(L, index, "max_head", options->max_head);
  options->max_fields = (uint32_t)option_integer(L, index, "max_fields", options->max_fields);
  options->max_in_flight =
    (uint32_t)option_integer(L, index, "max_in_flight", options->max_in_flight);
  lua_getfield(L, index, "ready");
  options->ready_path = lua_tostring(L, -1);
  take_trusted(L, index, options);
}

/* ---------------------------------------------------------------- the access log -- */

typedef struct replied {
  const http_service *of;
  const lc_http_exchange *exchange;
  const lc_conn *conn;
} replied;

static void push_client(lua_State *L, const replied *r)
{
  lc_address client;
  char host[LC_HOST_MAX + 1];
  uint16_t port;
  lc_http_client(r->exchange, r->conn, &client);
  const char *family = lc_address_parts(&client, host, &port);
  lua_pushstring(L, strcmp(family, "unix") == 0 ? "unix:" : host);
}

/* Queues a call of the function: head, status, bytes of the body, seconds, client. */
static int queue_reply(lua_State *L)
{
  const replied *r = lua_touserdata(L, 1);
  runtime *rt = r->of->box->rt;
  lc_slice head;
  lua_settop(L, 0);
  runtime_push_anchored(L, rt, r->of->access_log);
  lc_http_head_bytes(r->exchange, &head);
  lua_pushlstring(L, head.data, head.length);
  lua_pushinteger(L, lc_http_status(r->exchange));
  lua_pushinteger(L, (lua_Integer)lc_http_sent(r->exchange));
  lc_time took = lc_loop_clock(rt->loop) - lc_http_began(r->exchange);
  lua_pushnumber(L, lc_to_seconds(took));
  push_client(L, r);
  runtime_callback(L, rt, 5);
  return 0;
}

static void on_replied(const lc_http_exchange *exchange, const lc_conn *conn, void *user)
{
  replied r = {user, exchange, conn};
  if (r.of->access_log != LUA_NOREF) runtime_protect(r.of->box->rt, queue_reply, &r);
}

/* ---------------------------------------------------------------------- the log -- */

typedef struct refusal {
  const server_box *box;
  const lc_conn *conn;
  int status;
  const char *why;
} refusal;

static int log_refusal(lua_State *L)
{
  const refusal *r = lua_touserdata(L, 1);
  char text[LC_ADDRESS_TEXT_MAX];
  lua_settop(L, 0);
  lua_pushliteral(L, "info");
  lua_pushliteral(L, "request refused");
  lua_createtable(L, 0, 3);
  lua_pushstring(L, peer_text(r->conn, text, sizeof text));
  lua_setfield(L, -2, "peer");
  lua_pushinteger(L, r->status);
  lua_setfield(L, -2, "status");
  lua_pushstring(L, r->why);
  lua_setfield(L, -2, "cause");
  report_log(L, r->box->rt, &r->box->told);
  return 0;
}

static void on_refused(const lc_conn *conn, int status, const char *why, void *user)
{
  const http_service *of = user;
  refusal r = {of->box, conn, status, why};
  runtime_protect(of->box->rt, log_refusal, &r);
}

/* ---------------------------------------------------------------------- services -- */

static http_service *find_service(const server_box *box, const void *key)
{
  http_service *one = box->http;
  while (one && one->key != key) one = one->next;
  return one;
}

/* The table of options at `index` is the service's key, and is kept for that. */
static http_service *make_service(lua_State *L, server_box *box, int index)
{
  lc_http_options options;
  int top = lua_gettop(L);
  http_service *made = calloc(1, sizeof *made);
  if (!made) {
    luaL_error(L, "not enough memory for a server");
    return NULL;
  }
  *made = (http_service){.next = box->http,
                         .box = box,
                         .key = lua_topointer(L, index),
                         .options = LUA_NOREF,
                         .access_log = LUA_NOREF};
  box->http = made;
  lua_pushvalue(L, index);
  made->options = runtime_anchor(L, box->rt);
  if (lua_getfield(L, index, "access_log") == LUA_TFUNCTION)
    made->access_log = runtime_anchor(L, box->rt);
  take_options(L, index, &options);
  if (made->access_log != LUA_NOREF) options.replied = on_replied;
  options.refused = on_refused;
  options.user = made;
  made->service = lc_http_service_new(&options);
  lua_settop(L, top);
  return made;
}

static lc_http_service *service_of(lua_State *L, server_box *box, int index)
{
  http_service *one = find_service(box, lua_topointer(L, index));
  if (!one) one = make_service(L, box, index);
  if (!one->service) luaL_error(L, "not enough memory for a server");
  return one->service;
}

void http_services_forget(server_box *box)
{
  for (http_service *one = box->http; one; one = one->next) {
    runtime_release(box->rt, one->options);
    runtime_release(box->rt, one->access_log);
    one->options = one->access_log = LUA_NOREF;
    one->key = NULL;
  }
}

void http_services_free(server_box *box)
{
  while (box->http) {
    http_service *one = box->http;
    box->http = one->next;
    lc_http_service_free(one->service);
    free(one);
  }
}

void http_services_count(const server_box *box, uint64_t *served, uint64_t *failed,
                         uint64_t *in_flight)
{
  *served = *failed = *in_flight = 0;
  for (const http_service *one = box->http; one; one = one->next) {
    if (!one->service) continue;
    *served += lc_http_service_served(one->service);
    *failed += lc_http_service_failed(one->service);
    *in_flight += lc_http_service_in_flight(one->service);
  }
}

/* ------------------------------------------------------------------ speaking HTTP -- */

/* Words of the server's own would stand among the replies. */
static void refuse_words(lua_State *L, const server_box *box, const lc_settings *settings)
{
  if (settings->heartbeat.interval != LC_NEVER)
    raise_error(L,
                "http.handler: HTTP has no words for a heartbeat: leave the option out, and "
                "call conn:heartbeat after an upgrade");
  if (box->farewell != LUA_NOREF)
    raise_error(L,
                "http.handler: HTTP has no words for a farewell: leave the option out, and "
                "call conn:set_farewell after an upgrade");
}

/* Before its first request and between two, a connection is closed after this time. */
static void set_keepalive(lua_State *L, int index, lc_settings *settings)
{
  lc_time time = option_time(L, index, "keepalive_timeout", KEEPALIVE_TIMEOUT);
  if (settings->first_byte_timeout == LC_NEVER) settings->first_byte_timeout = time;
  if (settings->idle_timeout == LC_NEVER) settings->idle_timeout = time;
}

void server_speak_http(lua_State *L, server_box *box, int index)
{
  const lc_http_service *service = service_of(L, box, index);
  lc_settings settings = lc_server_options_get(box->server)->settings;
  refuse_words(L, box, &settings);
  set_keepalive(L, index, &settings);
  if (lc_server_set_protocol(box->server, lc_http_service_protocol(service), &settings) < 0)
    raise_error(L,
                "server:serve: the server has connections already, and cannot begin to speak HTTP");
  box->starts_with_data = box->hides_conns = 1;
}

/* http_take(conn, options): the connection of the calling handler speaks HTTP from now on. Returns true; or nil, code,
 * message. */
static int http_take(lua_State *L)
{
  conn_box *box = conn_self(L);
  check_type(L, 2, LUA_TTABLE);
  task_current(L, box->rt, "a handler of requests");
  if (!box->of_server || !box->of_server->server)
    raise_error(L, "http.handler: it serves connections of a server alone");
  if (box->exchange || lc_http_exchange_of(box->conn) || box->reader)
    raise_error(L, "http.handler: this connection speaks HTTP already, or another task reads it");
  const lc_http_service *service = service_of(L, server_of(box), 2);
  lc_settings settings = *lc_conn_settings(box->conn);
  refuse_words(L, server_of(box), &settings);
  set_keepalive(L, 2, &settings);
  int result = lc_conn_set_protocol(box->conn, lc_http_service_protocol(service));
  if (!result) result = lc_conn_set_settings(box->conn, &settings);
  if (result < 0) return conn_failure(L, box, result, "http");
  lua_pushboolean(L, 1);
  return 1;
}

void server_open_http(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_take", http_take}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  server_register(L, rt, none, functions);
}
