/* conn/exchange.c - the HTTP request that the handler of a connection works for. */
#include "conn/exchange.h"

#include "script/raise.h"

void conn_leave_exchange(conn_box *box)
{
  lc_http_exchange *exchange = box->exchange;
  box->exchange = NULL;
  if (!exchange) return;
  lc_http_note_replied(exchange, box->conn);
  lc_http_release(exchange);
}

void conn_raise_http(lua_State *L, const conn_box *box, const char *operation)
{
  if (!conn_speaks_http(box))
    raise_error(
      L, "%s: this connection speaks WebSocket: use the methods of what http.websocket returned",
      operation);
  raise_error(L,
              "%s: this connection speaks HTTP: read from the request, and write to the response",
              operation);
}
