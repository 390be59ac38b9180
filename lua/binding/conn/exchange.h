/* conn/exchange.h - the HTTP request that the handler of a connection works for. */
#ifndef LC_BINDING_CONN_EXCHANGE_H
#define LC_BINDING_CONN_EXCHANGE_H

#include "conn/box.h"

void conn_leave_exchange(conn_box *box); /* its request is over */
/* Whether the bytes of the connection are those of an HTTP request and its reply, which has not upgraded it. */
static inline int conn_speaks_http(const conn_box *box)
{
  return box->exchange && !lc_http_is_upgraded(box->exchange);
}
void conn_raise_http(lua_State *L, const conn_box *box, const char *operation)
  __attribute__((noreturn, cold));
/* Raises if so, and for WebSocket: the bytes may not be read or written past the request and its reply, or past the
 * messages. */
static inline void conn_refuse_http(lua_State *L, const conn_box *box, const char *operation)
{
  if (conn_speaks_http(box) || lc_websocket_of(box->conn)) conn_raise_http(L, box, operation);
}

#endif
