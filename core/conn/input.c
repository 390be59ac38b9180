/* input.c - receives bytes, and consumes them in the ways of lastcall/read.h. */
#include "conn/input.h"

#include <string.h>

#include "conn/carry.h"
#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/loan.h"
#include "conn/mark.h"
#include "conn/release.h"
#include "conn/state.h"
#include "conn/transport.h"

/* Whether a recv that left nothing in the kernel has taken everything. Not when a FIN or an
 * urgent byte was announced: recv stops before either, and no further event comes for the bytes
 * behind. On a unix socket recv stops behind each message with descriptors (the kernel closes them,
 * since no one asked for them), and behind each message of another sender. */
static int has_taken_all(const lc_conn *conn)
{
  return !conn->in_finished && !conn->in_marked && lc_conn_is_tcp(conn);
}

static inline __attribute__((always_inline)) ssize_t receive(lc_conn *conn, void *into, size_t room)
{
  int is_empty;
  ssize_t got = conn->takes_fds ? lc_carry_receive(conn, into, room, &is_empty)
                                : lc_crossing_receive(conn, into, room, &is_empty);
  if (got == LC_AGAIN) {
    conn->in_drained = 1;
    conn->in_marked = 0;
    return LC_AGAIN;
  }
  if (got == 0 || got == LC_TRUNCATED) {
    conn->in_eof = 1;
    conn->in_torn = got ? 1 : 0;
  }
  if (got > 0 && is_empty && has_taken_all(conn)) conn->in_drained = 1;
  return got;
}

ssize_t lc_input_receive(lc_conn *conn, void *into, size_t room)
{
  return receive(conn, into, room);
}

/* Returns why nothing can be received now, or 0. */
static int nothing_to_receive(const lc_conn *conn)
{
  if (conn->in_eof && conn->in_torn && !conn->in_shut) return LC_TRUNCATED;
  if (conn->in_eof || conn->in_shut) return lc_conn_can_read(conn) ? LC_EOF : -EOPNOTSUPP;
  return conn->in_drained || conn->connecting || conn->opening ? LC_AGAIN : 0;
}

/* Turns the result of lc_input_receive into the code of a read, and counts the bytes. */
static int received(lc_conn *conn, ssize_t got)
{
  if (got == LC_AGAIN) return LC_AGAIN;
  if (got == 0) return LC_EOF;
  if (got == LC_TRUNCATED) return LC_TRUNCATED; /* the peer may still read */
  if (lc_is_shortage(got)) {                    /* the peer is well */
    conn->in_refused = 1;
    lc_conn_arm(conn, conn->loop->now + LC_MEMORY_RETRY);
    return (int)got;
  }
  if (got < 0) {
    lc_conn_fail(conn, (int)got);
    return conn->error;
  }
  if (!conn->received) lc_mark_first_byte(conn);
  conn->received += (uint64_t)got;
  conn->last_byte_at = conn->loop->now;
  if (conn->state == LC_STATE_NEW || conn->state == LC_STATE_IDLE)
    lc_conn_move(conn, LC_STATE_ACTIVE, "data");
  return got > INT32_MAX ? INT32_MAX : (int)got;
}

static inline __attribute__((always_inline)) int fill(lc_conn *conn, size_t want)
{
  int result = nothing_to_receive(conn);
  if (!result) result = lc_loan_make_room(conn, want);
  if (result < 0) return result;
  size_t room = conn->in->capacity - conn->in->end;
  ssize_t got = receive(conn, conn->in->data + conn->in->end, room);
  if (got > 0) conn->in->end += (size_t)got;
  else if (got == LC_AGAIN || got == 0 || got == LC_TRUNCATED) lc_loan_release(conn);
  return received(conn, got);
}

int lc_input_fill(lc_conn *conn, size_t want) { return fill(conn, want); }

void lc_input_rescue(lc_conn *conn)
{
  if (conn->opening || conn->transport->is_bypassed) return;
  while (!conn->in_eof && !conn->in_shut) {
    if (lc_loan_make_room(conn, lc_buffer_size(conn->in) + LC_SHARED_BUFFER) < 0) return;
    size_t room = conn->in->capacity - conn->in->end;
    ssize_t got = lc_input_receive(conn, conn->in->data + conn->in->end, room);
    if (got <= 0) break;
    conn->in->end += (size_t)got;
    conn->received += (uint64_t)got;
  }
  lc_loan_release(conn);
}

/* Each attempt to read ends the wait before it. When the attempt gets nothing, the next wait keeps
 * the deadline of the operation: also where the kernel lacks memory for ever, a wait ends. */
static int begin(lc_conn *conn)
{
  conn->wait = LC_WAIT_NONE;
  if (conn->error) return conn->error;
  if (conn->deadline <= conn->loop->now) return LC_TIMEOUT;
  return 0;
}

static int over(lc_conn *conn, int result)
{
  if (result != LC_AGAIN && !lc_is_shortage(result)) lc_conn_end_read(conn);
  return result;
}

void lc_conn_end_read(lc_conn *conn)
{
  if (conn->state < LC_STATE_CLOSING) conn->read_deadline = LC_NEVER;
  if (conn->in) conn->in->scanned = 0; /* the next read may search for another delimiter */
}

int lc_conn_give_back(lc_conn *conn, const char *data, size_t size)
{
  lc_buffer *whole = NULL;
  size_t held = lc_buffer_size(conn->in);
  if (!size) return 0;
  int result = lc_buffer_reserve(&whole, size + held);
  if (result < 0) return result;
  lc_buffer_append(&whole, data, size);
  if (held) lc_buffer_append(&whole, lc_buffer_bytes(conn->in), held);
  lc_loan_drop(conn);
  conn->in = whole;
  return 0;
}

int lc_conn_must_wait(const lc_conn *conn)
{
  return nothing_to_receive(conn) == LC_AGAIN && !lc_buffer_size(conn->in) && !conn->error &&
         conn->deadline > conn->loop->now;
}

void lc_conn_buffered(const lc_conn *conn, lc_slice *slice)
{
  slice->length = lc_buffer_size(conn->in);
  slice->data = slice->length ? lc_buffer_bytes(conn->in) : "";
}

void lc_conn_take(lc_conn *conn, size_t size)
{
  size_t held = lc_buffer_size(conn->in);
  if (size > held) size = held;
  if (!size) return;
  /* The bytes stay where they are until the next receive, because the caller looks at them. */
  conn->in->start += size;
  conn->in->scanned = conn->in->scanned > size ? conn->in->scanned - size : 0;
  conn->consumed = 1;
}

static int take(lc_conn *conn, size_t size, lc_slice *slice)
{
  *slice = (lc_slice){"", 0};
  if (size) {
    *slice = (lc_slice){lc_buffer_bytes(conn->in), size};
    conn->in->start += size;
    conn->consumed = 1;
  }
  return over(conn, 0);
}

int lc_conn_read_some(lc_conn *conn, size_t max, lc_slice *slice)
{
  int result = begin(conn);
  if (result < 0) return over(conn, result);
  if (!lc_buffer_size(conn->in)) {
    result = fill(conn, LC_SHARED_BUFFER);
    if (result < 0) return over(conn, result);
  }
  size_t held = lc_buffer_size(conn->in);
  return take(conn, held < max ? held : max, slice);
}

ssize_t lc_conn_read_into(lc_conn *conn, void *into, size_t room)
{
  lc_slice slice;
  int result = begin(conn);
  if (result < 0) return over(conn, result);
  if (lc_buffer_size(conn->in)) {
    lc_conn_read_some(conn, room, &slice);
    memcpy(into, slice.data, slice.length);
    return (ssize_t)slice.length;
  }
  result = nothing_to_receive(conn);
  if (!result) result = received(conn, lc_input_receive(conn, into, room));
  if (result > 0) conn->consumed = 1;
  return over(conn, result);
}

int lc_conn_read_exact(lc_conn *conn, size_t size, lc_slice *slice)
{
  int result = begin(conn);
  if (result < 0) return over(conn, result);
  if (size > lc_conn_settings(conn)->max_read) return over(conn, LC_TOO_LONG);
  while (lc_buffer_size(conn->in) < size) {
    result = lc_input_fill(conn, size);
    if (result == LC_AGAIN) lc_loan_settle(conn, size);
    if (result < 0) return over(conn, result);
  }
  return take(conn, size, slice);
}

int lc_conn_read_until(lc_conn *conn, const char *delimiter, size_t length, size_t max,
                       lc_slice *slice)
{
  int result = begin(conn);
  if (result < 0) return over(conn, result);
  for (;;) {
    size_t held = lc_buffer_size(conn->in);
    if (held >= length && length) {
      size_t scanned = conn->in->scanned;
      const char *bytes = lc_buffer_bytes(conn->in);
      const char *found = length == 1 ? memchr(bytes + scanned, delimiter[0], held - scanned)
                                      : memmem(bytes + scanned, held - scanned, delimiter, length);
      if (found) {
        size_t size = (size_t)(found - bytes) + length;
        if (size > max) return over(conn, LC_TOO_LONG);
        return take(conn, size, slice);
      }
      /* its last bytes may be the beginning of a delimiter */
      conn->in->scanned = held - (length - 1);
    }
    if (held >= max) return over(conn, LC_TOO_LONG);
    size_t want = held < LC_SHARED_BUFFER ? LC_SHARED_BUFFER : held * 2;
    result = fill(conn, want);
    if (result < 0) return over(conn, result);
  }
}

int lc_conn_read_all(lc_conn *conn, size_t max, lc_slice *slice)
{
  int result = begin(conn);
  if (result < 0) return over(conn, result);
  for (;;) {
    size_t held = lc_buffer_size(conn->in);
    if (held > max) return over(conn, LC_TOO_LONG);
    result = lc_input_fill(conn, held < LC_SHARED_BUFFER ? LC_SHARED_BUFFER : held * 2);
    if (result == LC_EOF) return take(conn, lc_buffer_size(conn->in), slice);
    if (result < 0) return over(conn, result);
  }
}

int lc_conn_await(lc_conn *conn)
{
  int result = begin(conn);
  if (result < 0) return over(conn, result);
  if (lc_buffer_size(conn->in)) return over(conn, 0);
  result = lc_input_fill(conn, LC_SHARED_BUFFER);
  return over(conn, result < 0 ? result : 0);
}

int lc_conn_read_more(lc_conn *conn)
{
  int result = begin(conn);
  if (!result) result = lc_input_fill(conn, lc_buffer_size(conn->in) + LC_SHARED_BUFFER);
  return over(conn, result < 0 ? result : 0);
}

/* What the loop has heard of the descriptor may be older than what its kernel knows. */
int lc_conn_is_silent(lc_conn *conn)
{
  conn->in_drained = 0;
  return lc_conn_await(conn) == LC_AGAIN;
}
