/* release.h - the end of the descriptor, in order or by a reset. */
#ifndef LC_RELEASE_H
#define LC_RELEASE_H

#include "conn/inside.h"

/* Out of the poller, closed, told. */
void lc_release_close(lc_conn *conn, lc_verdict verdict, const char *cause);
void lc_release_reset(lc_conn *conn, lc_verdict verdict, const char *cause);
/* The peer or the network ended it: descriptor closed, `error` and verdict set, waits told. */
void lc_conn_fail(lc_conn *conn, int code);
/* We give the peer up: LC_PEER_LOST and a reset. */
void lc_conn_lose(lc_conn *conn, const char *cause);

#endif
