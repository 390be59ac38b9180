/* http/object.h - what requests, their headers and responses are for a script: one exchange, as long as its handler
 * runs. */
#ifndef LC_BINDING_HTTP_OBJECT_H
#define LC_BINDING_HTTP_OBJECT_H

#include <lua.h>

#include "conn/box.h"

/* User value 1: the connection. 2: for a request the object of its headers, for a response its table of headers, when
 * the script has asked for them. */
typedef struct http_object {
  const char *type; /* the address of its type's name: what it is */
  lc_http_exchange *exchange;
  uint64_t id; /* of the exchange: another use of it has another one */
  conn_box *box;
} http_object;

enum { HTTP_CONN = 1, HTTP_HEADERS, HTTP_STATUS };

extern const char HTTP_REQUEST_TYPE[], HTTP_HEADERS_TYPE[], HTTP_RESPONSE_TYPE[];

void http_new_type(lua_State *L, const char *type); /* its metatable [0, +1] */
/* Pushes a new object for the exchange of the connection at `index` [0, +1]. */
http_object *http_object_new(lua_State *L, const char *type, conn_box *box, int index);
int http_is_over(const http_object *object); /* the handler of its request has returned */
/* Argument 1 of a method. Raises for another value, and when the handler of the request has returned. */
http_object *http_self(lua_State *L, const char *type);
void http_push_span(lua_State *L, const char *bytes, const lc_http_span *span); /* [0, +1] */

#endif
