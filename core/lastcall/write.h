/* lastcall/write.h - writing to a connection, and waiting for room. */
#ifndef LASTCALL_WRITE_H
#define LASTCALL_WRITE_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "lastcall/loop.h"
#include "lastcall/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writing never waits. Returns the number of bytes accepted, from 0 to all, or a code. When it is
 * less than all, call lc_conn_wait_write, and go on with the rest at LC_WRITABLE; until then
 * nothing else is sent in between. Small writes are gathered, and sent at the latest at the
 * end of the turn, or in the next turn when they are made between two. */
ssize_t lc_conn_write(lc_conn *conn, const struct iovec *pieces, int count);
/* Begins the wait of a write for room (deadline as for lc_conn_wait). */
void lc_conn_wait_write(lc_conn *conn, lc_time deadline);
/* The write that waited has finished, or is given up: others may write. */
void lc_conn_end_write(lc_conn *conn);
/* The write was given up half-way, and nothing may follow it. Further writes fail with `code`, and
 * closing resets: the peer must not take half a message for a whole one. */
void lc_conn_break_write(lc_conn *conn, int code);
/* Returns 0 when the kernel has everything, LC_AGAIN, or a code. */
int lc_conn_flush(lc_conn *conn);
/* Queues a whole message, to be sent between two writes. LC_FULL when the queue would exceed
 * settings.max_queue and the kernel does not take enough of it at once. */
int lc_conn_post(lc_conn *conn, const struct iovec *pieces, int count);
/* Sends the gathered bytes of the connection that wrote last. The loop does so after each event and
 * at the end of each turn; an embedder with tasks of its own calls it when a task is suspended. */
void lc_loop_flush(lc_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
