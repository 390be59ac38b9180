/* server/moves.h - the moves of connections, told to on_state. */
#ifndef LC_BINDING_SERVER_MOVES_H
#define LC_BINDING_SERVER_MOVES_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;
typedef struct server_box server_box;

/* Queues a move of a connection that is anchored, or has no handler yet, for its server's on_state.
 * Whether it is one of these, and there was room. */
int moves_tell(server_box *server, lc_conn *conn, lc_state from, lc_state to, const char *cause);
void servers_open(lua_State *L, runtime *rt);
void moves_free(runtime *rt);

#endif
