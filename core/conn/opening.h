/* opening.h - the handshake of a transport, before or in the middle of a connection.
 *
 * A step of a handshake may compute for long, so it runs as a slow job of the loop. The time of all
 * its steps together is limited by handshake_timeout.
 */
#ifndef LC_OPENING_H
#define LC_OPENING_H

#include "conn/inside.h"

/* The transport takes over the descriptor. Returns 0 or a code. */
int lc_opening_begin(lc_conn *conn, const lc_transport *transport);
/* An event has come for a connection that is opening. */
void lc_opening_ready(lc_conn *conn, uint32_t events);
void lc_opening_again(lc_conn *conn);          /* tries the next step, soon */
lc_time lc_opening_limit(const lc_conn *conn); /* LC_NEVER when no handshake is under way */
/* Ends the connection with the code, after the transport's last words. */
void lc_opening_fail(lc_conn *conn, int code);

#endif
