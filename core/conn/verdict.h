/* verdict.h - what is known of the delivery, by the kernel's count of unacknowledged bytes. */
#ifndef LC_VERDICT_H
#define LC_VERDICT_H

#include "conn/inside.h"

/* Returns the error of the socket as a code; 0: none, or it was taken before. Linux keeps EPIPE for
 * a reset that follows the peer's FIN. It is a reset like any other, for nobody may have
 * written. */
int lc_conn_take_error(lc_conn *conn);
/* Returns how many bytes the peer's host has not acknowledged; LC_UNKNOWN where the kernel does not
 * tell. `*fin_too`: whether bytes or our FIN are under way. */
size_t lc_verdict_unacked(const lc_conn *conn, int *fin_too);
/* Whether a unix peer has closed without reading everything. The kernel drops the rest, and counts
 * no byte as unacknowledged any more. Only the error of the socket tells, and only once. */
int lc_verdict_has_dropped(lc_conn *conn);
/* Whether the peer's host has everything, our FIN too. */
int lc_verdict_is_acknowledged(lc_conn *conn);
int lc_verdict_is_delivered(lc_conn *conn); /* it lingers, and the peer's host has everything */
/* The verdict of a connection that ends now with `code`. */
lc_verdict lc_verdict_of(lc_conn *conn, int code);
/* Whether the peer's reset is a normal end: neither side owed the other anything. */
int lc_verdict_is_at_rest(const lc_conn *conn);

#endif
