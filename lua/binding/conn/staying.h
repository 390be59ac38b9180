/* conn/staying.h - when the object of a connection goes; those of busy connections stay for their
 * next units. */
#ifndef LC_BINDING_CONN_STAYING_H
#define LC_BINDING_CONN_STAYING_H

#include "conn/box.h"

/* Lets the object go with the last of its tasks, when the connection is over; that of a parked one
 * after a second without a unit. */
void conn_unanchor_when_over(conn_box *box);
/* An anchored box for a connection of the server that has none; NULL when there is no spare one. */
conn_box *conn_take_spare(runtime *rt, lc_conn *conn, const server_base *server);
void conn_forget_staying(runtime *rt); /* with the Lua state */

#endif
