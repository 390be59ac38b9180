/* conn.h - makes a connection, and passes events to it. */
#ifndef LC_CONN_H
#define LC_CONN_H

#include "conn/inside.h"

/* Makes a connection at the beginning of `size` bytes; the owner uses the rest. It has one
 * reference, and no descriptor. */
lc_conn *lc_conn_new(lc_loop *loop, const lc_owner *owner, size_t size);
int lc_conn_begin(lc_conn *conn, int fd); /* begins to watch the descriptor: 0 or a code */
/* Returns whether the owner may hear of the connection now. If not, it hears of it when the
 * transport is open. */
int lc_conn_announce(lc_conn *conn);
/* Called when the embedder asks for an unheard connection. From now on the owner hears of it. */
void lc_conn_hear(lc_conn *conn);
void lc_conn_orphan(lc_conn *conn); /* the connection has departed, or its owner ends */

#endif
