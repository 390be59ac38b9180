/* lastcall/close.h - how a connection ends, and what is known of the delivery. */
#ifndef LASTCALL_CLOSE_H
#define LASTCALL_CLOSE_H

#include <stddef.h>

#include "lastcall/state.h"
#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Half-closes. SHUT_WR sends the FIN after everything that was written (LC_AGAIN until then: call
 * again at LC_WRITABLE). After SHUT_RD, reads return LC_EOF. SHUT_RDWR does both. Idempotent.
 * Returns 0 or a code. */
int lc_conn_shutdown(lc_conn *conn, int how);

/* Closes in order: sends what was written, then the FIN, discards what the peer sends until its
 * FIN, and closes the descriptor, all within `linger`. With `linger` 0, or after a write that was
 * given up half-way, the connection is reset; a negative `linger` closes as lc_conn_finish does.
 * Idempotent: a further call can only shorten the linger. `closed` is called at the end, when
 * lc_conn_verdict is known. */
void lc_conn_close(lc_conn *conn, lc_time linger, const char *cause);
/* Closes in order after the handler has returned, as long as the peer's host acknowledges more
 * within each settings.write_timeout: in a drain until the end of the ladder, else until
 * settings.max_age. Once everything is acknowledged, the peer has settings.linger to finish. */
void lc_conn_finish(lc_conn *conn, const char *cause);
/* The same on behalf of the ladder: the farewell is written last. A connection that is between two
 * units of its protocol says the protocol's goodbye first, and closes when the peer has answered;
 * the peer has settings.linger for it. */
void lc_conn_dismiss(lc_conn *conn, const char *cause);
/* Ends a linger early, once nothing waits to be sent, when its descriptor is needed elsewhere. The
 * kernel delivers the bytes that it has. Returns 1, or 0 for a connection that is not closing or
 * has not sent its FIN. */
int lc_conn_let_go(lc_conn *conn);
/* The same once the peer's host has acknowledged everything, our FIN too, and the peer only keeps
 * its own side open. Returns 1, or 0 while the linger goes on. */
int lc_conn_end_linger(lc_conn *conn);
/* Resets: unsent bytes are discarded. Idempotent. */
void lc_conn_abort(lc_conn *conn, const char *cause);

/* How a connection ended. */
typedef struct lc_verdict {
  /* 0: the peer's host acknowledged every byte, and our FIN unless its own came before; or a
   * unix-domain peer read everything. */
  int code;
  /* Bytes that were accepted for writing and are not known to have arrived; or LC_UNKNOWN. */
  size_t unacked;
} lc_verdict;
/* Returns 0 when the verdict is known, LC_AGAIN before. */
int lc_conn_verdict(const lc_conn *conn, lc_verdict *verdict);

/* Whether the peer reset the connection after it had read all that was sent, with no request under
 * way. */
int lc_conn_was_at_rest(const lc_conn *conn);
/* Whether the report of its server counts the connection in failed_flushes. */
int lc_conn_is_undelivered(const lc_conn *conn);

/* Hands the descriptor to the caller, after the output has been sent (LC_AGAIN until then). Bytes
 * that were read already stay in lc_conn_buffered. The connection is closed, its descriptor is
 * open. It stays registered, as detached, until lc_conn_release_detached. -EOPNOTSUPP when the
 * transport keeps something of the connection. */
int lc_conn_detach(lc_conn *conn, int *fd);
void lc_conn_release_detached(lc_conn *conn);

#ifdef __cplusplus
}
#endif

#endif
