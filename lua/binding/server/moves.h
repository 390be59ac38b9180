/* server/moves.h - passes the moves of connections to on_state. */
#ifndef LC_BINDING_SERVER_MOVES_H
#define LC_BINDING_SERVER_MOVES_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;
typedef struct server_box server_box;

/* Queues a move for the server's on_state, if the connection is anchored, or has no handler yet,
 * and there is room. Returns whether it did. */
int moves_tell(server_box *server, lc_conn *conn, lc_state from, lc_state to, const char *cause);
void servers_open(lua_State *L, runtime *rt);
void moves_free(runtime *rt);

#endif
