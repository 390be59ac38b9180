/* server/conns.h - the objects of a server's connections. Some are made only when needed. */
#ifndef LC_BINDING_SERVER_CONNS_H
#define LC_BINDING_SERVER_CONNS_H

#include <lua.h>

#include "server/box.h"

/* Whether its handler has not begun, and will begin with the first byte. */
int server_is_to_start(const server_box *box, const lc_conn *conn);
/* Pushes the object of one of its connections, made now if the handler has not begun. Returns 0 and
 * pushes nothing if the object has been collected. */
int server_push_conn(lua_State *L, server_box *box, lc_conn *conn);
/* Makes the object of a connection whose handler has not begun, and that has none. Pushes it. */
conn_box *server_make_conn(lua_State *L, server_box *box, lc_conn *conn);

#endif
