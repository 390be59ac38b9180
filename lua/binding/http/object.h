/* http/object.h - what requests, their headers and responses are for a script: one exchange, as
 * long as its handler runs. */
#ifndef LC_BINDING_HTTP_OBJECT_H
#define LC_BINDING_HTTP_OBJECT_H

#include <lua.h>

#include "conn/box.h"

/* User value 1: the connection; for headers their request, which keeps it. 2: for a request the
 * object of its headers, for a response its table of headers, when the script has asked for
 * them. */
typedef struct http_type {
  const char *name;
  int values; /* user values */
  int place;  /* of its metatable, in conns.of_exchanges: a number is found faster than a name */
} http_type;

typedef struct http_object {
  const http_type *type;
  lc_http_exchange *exchange;
  uint64_t id; /* of the exchange: another use of it has another one */
  conn_box *box;
} http_object;

enum { HTTP_OF_CONN = 1, HTTP_OF_HEADERS, HTTP_OF_STATUS };

extern const http_type HTTP_REQUEST, HTTP_HEADERS, HTTP_RESPONSE;

/* The metatable of a type: found by its name, or one of the three [0, +1]. */
void http_new_type(lua_State *L, const char *type);
void http_new_exchange_type(lua_State *L, runtime *rt, const http_type *type);
/* The stack ends with the module's table, a metatable, and a table of methods. That one gets the
 * properties, each the light userdata of its element, which begins with its name. `index` becomes
 * the __index, with the table as its upvalue. The module has the table as `methods`: the Lua
 * modules add methods of their own. [-1, +0] */
void http_set_index(lua_State *L, lua_CFunction index, const char *methods, const void *properties,
                    size_t size, size_t count);
#define HTTP_SET_INDEX(L, index, methods, properties)                 \
  http_set_index(L, index, methods, properties, sizeof *(properties), \
                 sizeof(properties) / sizeof *(properties))
/* Pushes a new object for the connection's exchange. What lies at `index` becomes its user value 1
 * [0, +1]. */
http_object *http_object_new(lua_State *L, const http_type *type, conn_box *box, int index);
int http_is_over(const http_object *object); /* the handler of its request has returned */
/* Argument 1 of a method. Raises for another value, and when the handler of the request has
 * returned. */
http_object *http_self(lua_State *L, const http_type *type);
/* The same for a caller that has looked at it: a userdata of `size` bytes, or NULL. */
http_object *http_check(lua_State *L, void *userdata, size_t size, const http_type *type);
void http_push_span(lua_State *L, const char *bytes, const lc_http_span *span); /* [0, +1] */

#endif
