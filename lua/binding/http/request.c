/* http/request.c - what a script sees of a request: its line, its headers, and the client. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "http/headers.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"

/* ---------------------------------------------------------------- properties -- */

static int request_headers(lua_State *L, const http_object *self)
{
  if (lua_getiuservalue(L, 1, HTTP_OF_HEADERS) == LUA_TUSERDATA) return 1;
  http_object_new(L, &HTTP_HEADERS, self->box, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, HTTP_OF_HEADERS);
  return 1;
}

typedef struct view {
  const http_object *self;
  const lc_http_head *head;
  const char *bytes;
} view;

static int push_path(lua_State *L, const view *v)
{
  if (v->head->path.length) http_push_span(L, v->bytes, &v->head->path);
  else lua_pushliteral(L, "/");
  return 1;
}

static int push_query(lua_State *L, const view *v)
{
  const lc_http_span *target = &v->head->target;
  if (memchr(v->bytes + target->at, '?', target->length))
    http_push_span(L, v->bytes, &v->head->query);
  else lua_pushnil(L);
  return 1;
}

static int push_method(lua_State *L, const view *v)
{
  http_push_span(L, v->bytes, &v->head->method);
  return 1;
}

static int push_target(lua_State *L, const view *v)
{
  http_push_span(L, v->bytes, &v->head->target);
  return 1;
}

static int push_version(lua_State *L, const view *v)
{
  lua_pushstring(L, v->head->minor ? "1.1" : "1.0");
  return 1;
}

static int push_host(lua_State *L, const view *v)
{
  if (v->head->host.length) http_push_span(L, v->bytes, &v->head->host);
  else lua_pushnil(L);
  return 1;
}

/* A client that a proxy has named, mostly without a port, is known by its host. */
static int push_peer(lua_State *L, const view *v)
{
  char text[LC_ADDRESS_TEXT_MAX], host[LC_HOST_MAX + 1];
  lc_address client;
  uint16_t port;
  lc_http_client(v->self->exchange, v->self->box->conn, &client);
  const char *family = lc_address_parts(&client, host, &port);
  int is_host = !port && strcmp(family, "unix") != 0;
  lua_pushstring(L, is_host ? host : address_text(&client, text, sizeof text));
  return 1;
}

static int push_scheme(lua_State *L, const view *v)
{
  lua_pushstring(L, lc_http_scheme(v->self->exchange, v->self->box->conn));
  return 1;
}

static int push_conn(lua_State *L, const view *v)
{
  v->self->box->is_seen = 1;
  lua_getiuservalue(L, 1, HTTP_OF_CONN);
  return 1;
}

static int push_id(lua_State *L, const view *v)
{
  lua_pushinteger(L, (lua_Integer)v->self->id);
  return 1;
}

static int push_headers(lua_State *L, const view *v) { return request_headers(L, v->self); }

static const struct property {
  const char *name;
  int (*push)(lua_State *L, const view *v);
} PROPERTIES[] = {{"method", push_method}, {"path", push_path},       {"query", push_query},
                  {"target", push_target}, {"version", push_version}, {"headers", push_headers},
                  {"host", push_host},     {"peer", push_peer},       {"conn", push_conn},
                  {"id", push_id},         {"scheme", push_scheme}};

/* Upvalue: the methods, and the properties as light userdata. */
static int request_index(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TLIGHTUSERDATA) return 1;
  const struct property *property = lua_touserdata(L, -1);
  view v = {.self = self};
  v.head = lc_http_request(self->exchange, &v.bytes);
  return property->push(L, &v);
}

/* request:trailers() -> a table of the fields behind a chunked body that has been read; nil when
 * there are none. */
static int request_trailers(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  const char *bytes;
  const lc_http_head *trailers = lc_http_trailers(self->exchange, &bytes);
  if (!trailers) return 0;
  http_push_fields(L, trailers, bytes);
  return 1;
}

static int request_tostring(lua_State *L)
{
  const http_object *self = lua_touserdata(L, 1);
  if (http_is_over(self)) {
    lua_pushliteral(L, "request (over)");
    return 1;
  }
  view v = {.self = self};
  v.head = lc_http_request(self->exchange, &v.bytes);
  lua_pushliteral(L, "request ");
  push_method(L, &v);
  lua_pushliteral(L, " ");
  push_path(L, &v);
  lua_concat(L, 4);
  return 1;
}

/* http_refuse_body(request): what its body says makes no sense. */
static int http_refuse_body(lua_State *L)
{
  lc_http_body_failed(http_self(L, &HTTP_REQUEST)->exchange, LC_HTTP_BAD);
  return 0;
}

void http_open_request(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_refuse_body", http_refuse_body}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"trailers", request_trailers}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  http_new_exchange_type(L, rt, &HTTP_REQUEST);
  lua_newtable(L);
  register_functions(L, rt, "request:", methods);
  http_open_body(L, rt);
  http_open_upgrade(L, rt);
  HTTP_SET_INDEX(L, request_index, "http_request_methods", PROPERTIES);
  lua_pushcfunction(L, request_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}
