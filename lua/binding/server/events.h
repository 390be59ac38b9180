/* server/events.h - events of a server in the core. */
#ifndef LC_BINDING_SERVER_EVENTS_H
#define LC_BINDING_SERVER_EVENTS_H

#include <lua.h>

#include "server/box.h"

extern const lc_events SERVER_EVENTS;
/* Forgets the script's functions and words, because the server is done or collected. A connection
 * keeps its server alive, and the server's anchors may keep the connection: this breaks the
 * circle. */
void server_forget_functions(server_box *box);
/* Queues the first move of a connection with a box, "new", for on_state. */
void server_tell_new(lua_State *L, server_box *box, lc_conn *conn);

#endif
