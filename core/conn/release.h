/* release.h - ends the descriptor of a connection, in order or by a reset. */
#ifndef LC_RELEASE_H
#define LC_RELEASE_H

#include "conn/inside.h"

/* Removes the descriptor from the poller, closes it, and tells the owner. */
void lc_release_close(lc_conn *conn, lc_verdict verdict, const char *cause);
void lc_release_reset(lc_conn *conn, lc_verdict verdict, const char *cause);
/* The peer or the network has ended the connection: closes the descriptor, sets `error` and
 * verdict, ends the waits. */
void lc_conn_fail(lc_conn *conn, int code) __attribute__((cold));
/* The peer is lost: LC_PEER_LOST and a reset. */
void lc_conn_lose(lc_conn *conn, const char *cause);

#endif
