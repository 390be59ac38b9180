/* mark.h - which work a drain still hands over: what begins before the connection's mark.
 *
 *   unmarked ----> due ----> marked
 *       |                      ^
 *       `----------------------'
 *
 *   unmarked  the drain has not come so far, or the peer has not said a word: everything is handed over
 *   due       the first byte came during the drain: the mark is taken `quiet` after it (mark_at)
 *   marked    `mark` bytes had arrived, those still in the kernel included
 *
 * The mark is taken `quiet` after the drain began, or at the ladder's first look when a spread makes that
 * later, and at the latest when the connection is dismissed. A unit that begins before the mark is handed over until cancel, however long its handlers take. A
 * unit that begins behind it is new work, and refused, unless something says that it belongs to what came
 * before: a guard, or bytes that were consumed and not answered. `await` says that nothing is under way, so
 * there a guard alone counts. Every doubt counts as work.
 */
#ifndef LC_MARK_H
#define LC_MARK_H

#include "conn/inside.h"

void lc_mark_take(lc_conn *conn); /* its time has come */
void lc_mark_here(lc_conn *conn); /* it is dismissed: nothing more is handed over */
/* The ladder looks at it for the first time; `is_due`: marks are taken already. */
void lc_mark_visit(lc_conn *conn, int is_due);
void lc_mark_first_byte(lc_conn *conn);  /* the first byte has been received */
lc_time lc_mark_at(const lc_conn *conn); /* when it is to be taken; LC_NEVER: not by itself */

#endif
