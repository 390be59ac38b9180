/* conn.h - the birth of a connection, and what events do to it. */
#ifndef LC_CONN_H
#define LC_CONN_H

#include "conn/inside.h"

/* A connection in memory of so many bytes, which the owner may use behind it; one reference, nothing open. */
lc_conn *lc_conn_new(lc_loop *loop, const lc_owner *owner, size_t size);
int lc_conn_begin(lc_conn *conn, int fd); /* watched from here on: 0 or a code */
/* Whether the owner may hear of it now: else it does when the transport is open. */
int lc_conn_announce(lc_conn *conn);
void lc_conn_orphan(lc_conn *conn); /* it has departed, or its owner is going */

#endif
