/* verdict.h - what is known of the delivery: by the kernel's count of bytes that are not acknowledged. */
#ifndef LC_VERDICT_H
#define LC_VERDICT_H

#include "conn/inside.h"

int lc_conn_take_error(
  lc_conn *conn); /* the socket's own, as a code; 0: none, or it was taken before */
/* Bytes with the kernel that the peer's host has not acknowledged, LC_UNKNOWN where the kernel does not tell; whether
 * they or our FIN are under way. */
size_t lc_verdict_unacked(const lc_conn *conn, int *fin_too);
/* Whether a unix peer has closed without reading everything. The kernel drops the rest, and counts nothing as
 * unacknowledged any more: only the socket's error tells, and only once. */
int lc_verdict_has_dropped(lc_conn *conn);
/* Whether the peer's host has everything, our FIN too. */
int lc_verdict_is_acknowledged(lc_conn *conn);
int lc_verdict_is_delivered(lc_conn *conn); /* it lingers, and the peer's host has everything */
/* The verdict where the connection ends now, for this reason. */
lc_verdict lc_verdict_of(lc_conn *conn, int code);
/* A peer whose reset ends this connection may go so: neither owes the other anything. */
int lc_verdict_is_at_rest(const lc_conn *conn);

#endif
