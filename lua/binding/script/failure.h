/* script/failure.h - the form of a failure for a script: nil, a code, a message. */
#ifndef LC_BINDING_SCRIPT_FAILURE_H
#define LC_BINDING_SCRIPT_FAILURE_H

#include <lua.h>

#include "lastcall.h"

/* Its address, in printable characters. */
const char *address_text(const lc_address *address, char *text, size_t size); /* likewise */
const char *peer_text(const lc_conn *conn, char *text, size_t size);
/* Pushes nil, code, message; returns 3. */
int push_failure(lua_State *L, int code, const char *peer, const char *operation);
/* The same, with a reason beside the words for the code, or NULL. */
int push_failure_because(lua_State *L, int code, const char *peer, const char *operation,
                         const char *reason);
/* Likewise, with the peer of a connection. */
int push_conn_failure(lua_State *L, int code, const lc_conn *conn, const char *operation,
                      const char *reason);

#endif
