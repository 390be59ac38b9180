/* lastcall/read.h - reading from a connection, and waiting for more. */
#ifndef LASTCALL_READ_H
#define LASTCALL_READ_H

#include <stddef.h>
#include <sys/types.h>

#include "lastcall/state.h"
#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reading never waits. At LC_AGAIN, call lc_conn_wait and try again at `ready`. At -ENOMEM and
 * -ENOBUFS the kernel lacks memory: the same, or give up by lc_conn_end_read. A slice points into
 * the library's memory, and is valid until the next call on any connection of the loop; its bytes
 * have been consumed. At LC_EOF, LC_TOO_LONG or another error, the bytes that were left stay in
 * lc_conn_buffered. */
typedef struct lc_slice {
  const char *data;
  size_t length;
} lc_slice;
int lc_conn_read_some(lc_conn *conn, size_t max, lc_slice *slice);
/* The same into the caller's memory. `room` is 1 to INT32_MAX. Returns the number of bytes, at
 * least one, or a code. Large pieces are copied once less. */
ssize_t lc_conn_read_into(lc_conn *conn, void *into, size_t room);
/* Reads exactly `size` bytes, at most settings.max_read. */
int lc_conn_read_exact(lc_conn *conn, size_t size, lc_slice *slice);
/* Reads up to and including the delimiter. LC_TOO_LONG when the delimiter is not within `max`
 * bytes. */
int lc_conn_read_until(lc_conn *conn, const char *delimiter, size_t length, size_t max,
                       lc_slice *slice);
/* Reads everything until the peer finishes. LC_TOO_LONG when there are more than `max` bytes. */
int lc_conn_read_all(lc_conn *conn, size_t max, lc_slice *slice);
/* Returns 0 when at least one byte has arrived. Consumes nothing. */
int lc_conn_await(lc_conn *conn);
/* Receives more behind the bytes that are buffered. Returns 0 when at least one byte has come.
 * Consumes nothing. */
int lc_conn_read_more(lc_conn *conn);
/* Whether nothing has come that was not consumed, and no FIN: it asks the kernel. Ends a read that
 * waited. */
int lc_conn_is_silent(lc_conn *conn);
/* Whether an attempt to read would end with LC_AGAIN, and would not receive anything. */
int lc_conn_must_wait(const lc_conn *conn);
/* The bytes that have been received and not consumed. lc_conn_take consumes `size` of them. */
void lc_conn_buffered(const lc_conn *conn, lc_slice *slice);
void lc_conn_take(lc_conn *conn, size_t size);
/* Puts consumed bytes back, in front of those that are buffered: for a read of several parts that
 * was canceled between two of them. The bytes are copied. Returns 0 or -ENOMEM. */
int lc_conn_give_back(lc_conn *conn, const char *data, size_t size);

/* What the embedder waits for. It decides whether the connection counts as idle. */
typedef enum lc_wait {
  LC_WAIT_NONE,  /* nothing: the embedder works for the connection */
  LC_WAIT_READ,  /* the bytes of any read */
  LC_WAIT_LINES, /* the next line of an iterator */
  LC_WAIT_AWAIT  /* the next unit of work: the embedder says that the connection is idle */
} lc_wait;
/* Begins the wait of a read that returned LC_AGAIN, with a deadline (LC_NEVER: only
 * settings.read_timeout counts). A read that waits several times keeps the deadline of its first
 * wait until it succeeds, fails, or is given up. */
void lc_conn_wait(lc_conn *conn, lc_wait wait, lc_time deadline);
/* For a read that returned LC_AGAIN and does not wait: it counts as a wait that ends at once, so
 * that a connection that is asked again and again can be idle. Returns LC_AGAIN; LC_DRAINING when
 * the ladder closes the connection as idle; or the code of its end. */
int lc_conn_ask(lc_conn *conn);
/* The deadline of the read that waits, or that an event has just woken; LC_NEVER when there is
 * none. A read of several parts passes it to lc_conn_wait for the next part, and so has one
 * deadline for all. */
lc_time lc_conn_read_deadline(const lc_conn *conn);
/* Gives up the read that waited: forgets its deadline, and how far it had searched for its
 * delimiter. */
void lc_conn_end_read(lc_conn *conn);

/* Whether a draining server still hands over the unit of work that a read would begin: 0 or
 * LC_DRAINING. After LC_DRAINING the connection ends with the farewell. Ask before the first
 * attempt to read a unit, and again after a wait during which none of it came.
 *
 * Each connection has a mark: the bytes that have arrived `quiet` after the drain began, or after
 * the connection's first byte if that came later. A unit that begins before the mark is handed
 * over, until cancel. A unit that begins behind it is refused, unless the connection is guarded, or
 * bytes were consumed and not answered (by a write, or lc_conn_answered). With LC_WAIT_AWAIT the
 * embedder says that nothing is unanswered. */
int lc_conn_admit(lc_conn *conn, lc_wait wait);
/* The bytes that were read need no answer: the connection is between two units of work, as after a
 * write. */
void lc_conn_answered(lc_conn *conn);

#ifdef __cplusplus
}
#endif

#endif
