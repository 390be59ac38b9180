/* http/websocket.h - what a WebSocket is for a script. */
#ifndef LC_BINDING_HTTP_WEBSOCKET_H
#define LC_BINDING_HTTP_WEBSOCKET_H

#include <lua.h>

#include "conn/box.h"

/* User value 1: the connection. 2: the subprotocol, or nil. */
typedef struct websocket {
  const char *type; /* the address of its type's name: what it is */
  conn_box *box;
  lc_websocket *ws; /* held */
} websocket;

enum { WEBSOCKET_CONN = 1, WEBSOCKET_PROTOCOL };

extern const char WEBSOCKET_TYPE[];

websocket *websocket_of(lua_State *L, int index); /* NULL for anything else */
websocket *websocket_self(lua_State *L); /* argument 1 of a method; raises for anything else */
/* Pushes nil, code, message for a failure; returns 3. */
int websocket_failure(lua_State *L, const websocket *self, int code, const char *operation);
/* The index of argument `argument`: "text" (the default) or "binary". */
lc_ws_opcode websocket_kind(lua_State *L, int argument);

/* Their methods, into the table at the top. */
void websocket_open_reading(lua_State *L, runtime *rt);
void websocket_open_sending(lua_State *L, runtime *rt);

#endif
