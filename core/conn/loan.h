/* loan.h - where received bytes lie until they are consumed.
 *
 * Most reads are served from the loop's one shared buffer, on loan to the
 * connection that read last. When another connection needs it, what is left there
 * moves to a buffer of the first one's own, which exists only while it holds
 * something. So an idle connection has no buffer, and a busy one copies nothing.
 */
#ifndef LC_LOAN_H
#define LC_LOAN_H

#include "conn/inside.h"

/* Room to receive into, behind what is held; `want` is what the caller hopes to hold in all. 0 or -ENOMEM. */
int lc_loan_make_room(lc_conn *conn, size_t want);
/* A message of `size` bytes is only partly there: it goes on in memory of its own, where that saves copies. */
void lc_loan_settle(lc_conn *conn, size_t size);
void lc_loan_release(lc_conn *conn); /* gives the loan or the memory back when it is empty */
void lc_loan_drop(lc_conn *conn);    /* whatever it holds */
void lc_loan_keep(lc_conn *conn);    /* in memory of its own: the loop may go */

#endif
