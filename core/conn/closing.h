/* closing.h - the end of a connection, in this order and no other.
 *
 *   flush ----> fin ----> linger ----> close()
 *     |          |          |
 *     `----------+----------+-----> close() early: the time is over, or the peer failed
 *
 *   flush   sends what was accepted for writing, then the farewell
 *   fin     shutdown(SHUT_WR): the FIN follows the last byte
 *   linger  reads and discards until the peer's FIN: close() with unread bytes would send a reset,
 *           and bytes of ours on their way would be lost. Discarding begins with the flush, for a
 *           peer that is sending may read nothing before it is done. The byte limit counts from
 *           the FIN on, and ends the linger only when no bytes of ours are on their way
 *   close   removes the descriptor from the poller, then calls close() once, whatever it returns
 *
 * A strict closing has one time for everything. A patient closing goes on while the peer's host
 * acknowledges more within each `write_timeout`, and then waits `linger` for the peer's FIN. No
 * event announces acknowledgements, so the timer looks at them. Bytes from the peer do not count.
 *
 * A pipe or a device has no FIN, and what is unread in it harms nothing: close() alone ends it, as
 * soon as its reader has taken everything. No event tells of that either, so the timer looks, at
 * first often.
 *
 * No function here waits: each event, and the connection's timer, makes the step that is due. The
 * verdict comes from the kernel: once the FIN was sent, SIOCOUTQ is 0 exactly when the peer's host
 * has acknowledged everything.
 */
#ifndef LC_CLOSING_H
#define LC_CLOSING_H

#include "conn/inside.h"

void lc_closing_step(lc_conn *conn);
void lc_closing_ready(lc_conn *conn, uint32_t events); /* an event has come */
void lc_closing_due(lc_conn *conn, lc_time now);
lc_time lc_closing_deadline(const lc_conn *conn);
/* The transport did not open: ends it, and closes with the code. */
void lc_closing_refuse(lc_conn *conn, int code);
/* The linger is over: the kernel delivers the bytes that it has. */
void lc_closing_give_up(lc_conn *conn);

#endif
