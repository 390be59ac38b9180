/* loan.h - where received bytes are until they are consumed.
 *
 * Most reads use the loop's one shared buffer, on loan to the connection that read
 * last. When another connection needs the buffer, the bytes left in it move to a
 * buffer of the first connection's own, which exists only while it holds bytes. So
 * an idle connection has no buffer, and a busy one copies nothing.
 */
#ifndef LC_LOAN_H
#define LC_LOAN_H

#include "conn/inside.h"

/* Makes room to receive behind the bytes that are held. `want` is how many bytes the caller hopes
 * to hold in all. Returns 0 or -ENOMEM. */
int lc_loan_make_room(lc_conn *conn, size_t want);
/* Only a part of a message of `size` bytes has come: moves it to memory of its own, where that
 * saves copies. */
void lc_loan_settle(lc_conn *conn, size_t size);
void lc_loan_release(lc_conn *conn); /* ends the loan or frees the memory when it is empty */
void lc_loan_drop(lc_conn *conn);    /* the same, whatever it holds */
/* moves the bytes to memory of their own: the loop may be freed */
void lc_loan_keep(lc_conn *conn);

#endif
