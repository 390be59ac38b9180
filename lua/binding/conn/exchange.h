/* conn/exchange.h - the HTTP request that the handler of a connection works for. */
#ifndef LC_BINDING_CONN_EXCHANGE_H
#define LC_BINDING_CONN_EXCHANGE_H

#include "conn/box.h"
#include "runtime/runtime.h"
#include "task/task.h"

void conn_leave_exchange(conn_box *box); /* its request is over */
/* Whether the bytes of the connection are those of an HTTP request and its reply, which has not
 * upgraded it. */
static inline int conn_speaks_http(const conn_box *box)
{
  return box->exchange && !lc_http_is_upgraded(box->exchange);
}
/* The running task writes the reply of the connection's exchange. While it waits, that one may end,
 * and another begin: conn_is_reply_open is false then. */
static inline void conn_begin_reply(const conn_box *box)
{
  if (box->rt->current) box->rt->current->reply = lc_http_exchange_id(box->exchange);
}
static inline int conn_is_reply_open(const conn_box *box)
{
  const task *t = box->rt->current;
  return conn_speaks_http(box) && !lc_http_has_ended(box->exchange) &&
         (!t || t->reply == lc_http_exchange_id(box->exchange));
}
void conn_raise_http(lua_State *L, const conn_box *box, const char *operation)
  __attribute__((noreturn, cold));
/* Raises if so, and for WebSocket: the bytes may not be read or written past the request and its
 * reply, or past the messages. */
static inline void conn_refuse_http(lua_State *L, const conn_box *box, const char *operation)
{
  if (conn_speaks_http(box) || lc_websocket_of(box->conn)) conn_raise_http(L, box, operation);
}

#endif
