/* mark.h - which work a drain still hands over: what begins before the connection's mark.
 *
 *   unmarked ----> due ----> marked
 *       |                      ^
 *       `----------------------'
 *
 *   unmarked  the drain has not reached the connection, or the peer has sent nothing: every unit is
 *             accepted
 *   due       the first byte came during the drain: the mark is taken `quiet` after it (mark_at)
 *   marked    `mark` bytes had arrived, counting those in the kernel. If a library of the embedder
 *             moves the bytes, `mark` is larger until the library has received them all
 *
 * The mark is taken `quiet` after the drain began, or at the ladder's first visit when a spread
 * makes that later, and at the latest when the connection is dismissed. A unit that begins before
 * the mark is handed over until cancel, however long its handlers take. A unit that begins behind
 * the mark is new work, and is refused, unless it belongs to earlier work: a guard says so, or
 * bytes that were consumed and not answered. `await` says that nothing is unanswered, so there only
 * a guard counts. Every doubt counts as work.
 */
#ifndef LC_MARK_H
#define LC_MARK_H

#include "conn/inside.h"

void lc_mark_take(lc_conn *conn); /* the time of the mark has come */
void lc_mark_here(lc_conn *conn); /* the connection is dismissed: no more work is handed over */
/* The ladder visits the connection for the first time. `is_due`: marks are being taken already. */
void lc_mark_visit(lc_conn *conn, int is_due);
void lc_mark_first_byte(lc_conn *conn); /* the first byte has been received */
void lc_mark_forget(lc_conn *conn);     /* what has come was no first byte, but a handshake's */
void lc_mark_all_taken(lc_conn *conn);  /* all that had come has been received: foreign.c */
void lc_mark_unread(lc_conn *conn);     /* bytes wait in the kernel, and no event need follow */
/* Returns when the timer is to take the mark. LC_NEVER: not by the timer. */
lc_time lc_mark_at(const lc_conn *conn);

#endif
