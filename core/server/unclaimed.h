/* unclaimed.h - connections that wait until an embedder that accepts by hand asks for them.
 *
 *   kernel's queue ---> unclaimed ---> claimed     the embedder asks: in the order of arrival
 *    the listener stops     |--------> served      the embedder serves from now on
 *                           |--------> closing     as any connection: silent, reset, ...
 *                           `--------> lost        cancel has come, or the server retires: reset
 *
 * An unclaimed connection is in the registry, in state new, and the embedder has not heard of it. A
 * lost one makes its listener's stop one with a loss.
 */
#ifndef LC_UNCLAIMED_H
#define LC_UNCLAIMED_H

#include "server/inside.h"

/* The connection was accepted from the listener of this number. */
void lc_unclaimed_add(lc_conn *conn, unsigned listener);
/* Returns the one that has waited longest, and lets the embedder hear of it; or NULL. */
lc_conn *lc_unclaimed_claim(lc_server *server);
/* It is closing or closed: it waits no more. Any other connection is left alone. */
void lc_unclaimed_leave(lc_conn *conn);
/* Resets it if it is unclaimed. Returns whether it was. */
int lc_unclaimed_lose(lc_conn *conn);
/* Serves some of them when the embedder serves; loses some when the server retires. Called from the
 * server's job; queues it again while there are more. */
void lc_unclaimed_share(lc_server *server);

#endif
