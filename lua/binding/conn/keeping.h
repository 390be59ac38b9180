/* conn/keeping.h - keeps the object of a connection alive, finds it, and keeps values with it. */
#ifndef LC_BINDING_CONN_KEEPING_H
#define LC_BINDING_CONN_KEEPING_H

#include <lua.h>

#include "conn/box.h"

void conn_keep_value(lua_State *L, int index,
                     int key);                         /* pops the value to keep as `key` [-1, 0] */
int conn_kept_value(lua_State *L, int index, int key); /* pushes it; its type [0, +1] */
/* Makes the box, whose `conn` is NULL, the connection's. */
void conn_bind(conn_box *box, lc_conn *conn);
void conn_unbind(conn_box *box); /* it can be bound to another connection of its server */
/* From then on a script may have it. */
int conn_push(lua_State *L,
              conn_box *box); /* [0, +1]; or returns 0 and pushes nothing when the box is gone */
void conn_keep(lua_State *L, conn_box *box); /* anchors the box at the top [0, 0] */
/* Anchors it, if its handler has not begun. [0, 0] */
void conn_keep_unstarted(lua_State *L, int index);
void conn_unanchor(conn_box *box);
/* Lets the object of a parked connection go, unless something is kept with it. */
void conn_let_go(conn_box *box);
/* Its handler begins anew with the next unit. */
void conn_park(conn_box *box);
/* Without an anchor, until it is collected. */
void conn_remember(lua_State *L, conn_box *box, int index);

#endif
