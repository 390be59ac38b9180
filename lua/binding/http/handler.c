/* http/handler.c - what a task runs for a request: the script's function, between a request and its
 * response. */
#include <lua.h>

#include "conn/box.h"
#include "conn/eof.h"
#include "http/methods.h"
#include "http/object.h"
#include "http/response.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"

enum { FUNCTION = 1, STREAM }; /* upvalues of the units */

static int stream_done(lua_State *L, int status, lua_KContext kept)
{
  (void)L;
  (void)status;
  (void)kept;
  return 0;
}

/* The function that gives the pieces lies at the top. A Lua function writes them. */
static int stream(lua_State *L, conn_box *box)
{
  lua_pushvalue(L, lua_upvalueindex(STREAM));
  if (lua_touserdata(L, 1) == box) http_object_new(L, &HTTP_RESPONSE, box, 1);
  else lua_pushvalue(L, 1);
  lua_pushvalue(L, -3);
  lua_callk(L, 2, 0, 0, stream_done);
  return stream_done(L, LUA_OK, 0);
}

/* The results lie behind the response, or the connection. */
static int handler_returned(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = (conn_box *)kept;
  (void)status;
  return http_answer(L, box) ? stream(L, box) : 0;
}

/* The connection at 1, whose request the handler works for from now on. */
static conn_box *begin_unit(lua_State *L)
{
  conn_box *box = conn_self(L);
  lc_http_exchange *exchange = lc_http_exchange_of(box->conn);
  if (!exchange || box->exchange)
    raise_error(L, "http: this connection has no request that waits for a handler");
  lc_http_hold(exchange);
  box->exchange = exchange;
  conn_cancel_when_finished(box);
  return box;
}

/* Stack: the response, or the connection; the script's function, and its arguments. */
static int call_handler(lua_State *L, conn_box *box, int count)
{
  lua_callk(L, count, LUA_MULTRET, (lua_KContext)box, handler_returned);
  return handler_returned(L, LUA_OK, (lua_KContext)box);
}

/* The three units, each (conn, context), serve the request that the connection has. What the
 * script's function does not take is not made. */
static int unit_alone(lua_State *L)
{
  conn_box *box = begin_unit(L);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  return call_handler(L, box, 0);
}

static int unit_with_request(lua_State *L)
{
  conn_box *box = begin_unit(L);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  http_object_new(L, &HTTP_REQUEST, box, 1);
  return call_handler(L, box, 1);
}

static int unit_with_response(lua_State *L)
{
  conn_box *box = begin_unit(L);
  lua_settop(L, 2);
  http_object_new(L, &HTTP_RESPONSE, box, 1);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  http_object_new(L, &HTTP_REQUEST, box, 1);
  lua_pushvalue(L, 3);
  lua_pushvalue(L, 2);
  lua_remove(L, 2); /* the context; the response takes the connection's place */
  lua_remove(L, 1);
  return call_handler(L, box, 3);
}

/* http_handler(function, how many parameters it has, function(response, next_piece) that writes
 * pieces) -> a handler of connections. */
static int http_handler(lua_State *L)
{
  check_type(L, 1, LUA_TFUNCTION);
  lua_Integer parameters = check_integer(L, 2);
  check_type(L, 3, LUA_TFUNCTION);
  lua_settop(L, 3);
  lua_remove(L, 2);
  lua_CFunction unit = parameters == 1 ? unit_with_request : unit_with_response;
  lua_pushcclosure(L, parameters ? unit : unit_alone, STREAM);
  return 1;
}

/* http_is_network(text): whether it names a set of addresses. */
static int http_is_network(lua_State *L)
{
  size_t length;
  lc_network network;
  const char *text = check_bytes(L, 1, &length);
  lua_pushboolean(L, !lc_network_parse(text, length, &network));
  return 1;
}

void http_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {
    {"http_handler", http_handler}, {"http_is_network", http_is_network}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  http_open_headers(L, rt);
  http_open_fields(L, rt);
  http_open_reply_head(L, rt);
  http_open_reply_body(L, rt);
  http_open_request(L, rt);
  http_open_response(L, rt);
  http_open_serving(L, rt);
  http_open_stream(L, rt);
  http_open_websocket(L, rt);
  http_open_broadcast(L, rt);
  http_open_file(L, rt);
  http_open_files(L, rt);
}
