/* conn/detach.h - hands over a connection. */
#ifndef LC_BINDING_CONN_DETACH_H
#define LC_BINDING_CONN_DETACH_H

#include <lua.h>

#include "conn/box.h"

/* For the ladder: runs the functions given to detach. At the kill the connection no longer
 * counts. */
void conn_drain_detached(lua_State *L, conn_box *box);
void conn_kill_detached(lua_State *L, conn_box *box);

/* When no task is left that could say that the connection is done: it no longer counts, unless the
 * ladder has a function to call. */
void conn_forget_detached(lua_State *L, conn_box *box);

#endif
