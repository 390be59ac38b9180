/* server/events.h - what the core tells a server. */
#ifndef LC_BINDING_SERVER_EVENTS_H
#define LC_BINDING_SERVER_EVENTS_H

#include <lua.h>

#include "server/box.h"

extern const lc_events SERVER_EVENTS;
/* What it was to call or say; it is done, or goes. A connection keeps its server alive, and what is
 * anchored for the server may keep the connection: here the circle is broken. */
void server_forget_functions(server_box *box);
/* on_state's first word of a connection, whose box there is: "new". */
void server_tell_new(lua_State *L, server_box *box, lc_conn *conn);

#endif
