/* server/http.c - servers whose connections speak HTTP. */
#include "server/http.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/options.h"
#include "script/raise.h"

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
  server_box *box;
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
  lc_slice head;
  lua_settop(L, 0);
  runtime_push_anchored(L, r->box->rt, r->box->access_log);
  lc_http_head_bytes(r->exchange, &head);
  lua_pushlstring(L, head.data, head.length);
  lua_pushinteger(L, lc_http_status(r->exchange));
  lua_pushinteger(L, (lua_Integer)lc_http_sent(r->exchange));
  lc_time took = lc_loop_clock(r->box->rt->loop) - lc_http_began(r->exchange);
  lua_pushnumber(L, lc_to_seconds(took));
  push_client(L, r);
  runtime_callback(L, r->box->rt, 5);
  return 0;
}

static void on_replied(const lc_http_exchange *exchange, const lc_conn *conn, void *user)
{
  replied r = {user, exchange, conn};
  if (r.box->access_log != LUA_NOREF) runtime_protect(r.box->rt, queue_reply, &r);
}

static void take_access_log(lua_State *L, server_box *box, int index, lc_http_options *options)
{
  if (lua_getfield(L, index, "access_log") == LUA_TFUNCTION) {
    lua_pushvalue(L, -1);
    box->access_log = runtime_anchor(L, box->rt);
    options->replied = on_replied;
    options->user = box;
  }
  lua_pop(L, 1);
}

void server_speak_http(lua_State *L, server_box *box, int index)
{
  lc_http_options options;
  take_options(L, index, &options);
  take_access_log(L, box, index, &options);
  if (!box->http) box->http = lc_http_service_new(&options);
  if (!box->http) luaL_error(L, "not enough memory for a server");
  lua_pop(L, 2);
  lc_settings settings = lc_server_options_get(box->server)->settings;
  box->idle_timeout = settings.idle_timeout;
  if (settings.idle_timeout == LC_NEVER)
    settings.idle_timeout = option_time(L, index, "keepalive_timeout", KEEPALIVE_TIMEOUT);
  if (lc_server_set_protocol(box->server, lc_http_service_protocol(box->http), &settings) < 0)
    raise_error(L,
                "server:serve: the server has connections already, and cannot begin to speak HTTP");
  box->starts_with_data = 1;
}
