/* conn/detach.h - a connection handed over. */
#ifndef LC_BINDING_CONN_DETACH_H
#define LC_BINDING_CONN_DETACH_H

#include <lua.h>

#include "conn/box.h"

/* For the ladder: runs what detach was given; at the kill it is counted no longer. */
void conn_drain_detached(lua_State *L, conn_box *box);
void conn_kill_detached(lua_State *L, conn_box *box);
void conn_end_detached(conn_box *box);

#endif
