/* closing.h - the end of a connection, in this order and no other.
 *
 *   flush ----> fin ----> linger ----> close()
 *     |          |          |
 *     `----------+----------+-----> close() early: the time is over, or the peer failed
 *
 *   flush   what was accepted for writing, then the farewell
 *   fin     shutdown(SHUT_WR): the FIN follows the last byte
 *   linger  read and discard until the peer's FIN, for close() with unread bytes would send a
 *           reset and take back what is still on its way. Discarding begins with the flush, for a
 *           peer in the midst of sending may read nothing before it is done; the byte limit counts
 *           from the FIN on, and ends the linger only when nothing of ours is on its way any more
 *   close   out of the poller first, then close() once, whatever it returns
 *
 * The time is either strict, so many seconds for everything, or patient: a patient closing goes on while the
 * peer's host acknowledges something within each `write_timeout`, and then waits `linger` for the peer's FIN.
 * No event tells of acknowledgements, so a patient closing looks at them by the timer. What the peer sends is
 * no progress.
 *
 * Nobody waits in here: each event, and the connection's one timer, calls the
 * step that is due. The verdict comes from the kernel: with a FIN that was sent,
 * SIOCOUTQ is 0 exactly when the peer's host has acknowledged all of it.
 */
#ifndef LC_CLOSING_H
#define LC_CLOSING_H

#include "conn/inside.h"

void lc_closing_step(lc_conn *conn);
void lc_closing_ready(lc_conn *conn); /* an event has come */
void lc_closing_due(lc_conn *conn, lc_time now);
lc_time lc_closing_deadline(const lc_conn *conn);
/* The linger is over: the kernel delivers what it has. */
void lc_closing_give_up(lc_conn *conn);

#endif
