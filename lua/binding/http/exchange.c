/* http/exchange.c - a request and its response, made for the handler of a connection. */
#include <lua.h>

#include "conn/box.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/runtime.h"
#include "script/raise.h"
#include "script/register.h"

/* http_exchange(conn, with_response) -> request, response: of the request that the connection's handler begins to work
 * for. A response that the handler does not look at need not be made. */
static int http_exchange(lua_State *L)
{
  conn_box *box = conn_self(L);
  lc_http_exchange *exchange = lc_http_exchange_of(box->conn);
  if (!exchange || box->exchange)
    raise_error(L, "http: this connection has no request that waits for a handler");
  lc_http_hold(exchange);
  box->exchange = exchange;
  int with_response = lua_toboolean(L, 2);
  http_object_new(L, HTTP_REQUEST_TYPE, box, 1);
  if (with_response) http_object_new(L, HTTP_RESPONSE_TYPE, box, 1);
  return 1 + with_response;
}

/* http_response(conn) -> the response, for a handler that did not take it. */
static int http_response(lua_State *L)
{
  conn_box *box = conn_self(L);
  if (!box->exchange) raise_error(L, "http: this connection has no request under way");
  http_object_new(L, HTTP_RESPONSE_TYPE, box, 1);
  return 1;
}

void http_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {
    {"http_exchange", http_exchange}, {"http_response", http_response}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  http_open_request(L, rt);
  http_open_response(L, rt);
}
