/* output.c - accepts bytes for writing, and sends them.
 *
 * Large writes go straight from the caller's memory.
 */
#include "conn/output.h"

#include <string.h>

#include "conn/activity.h"
#include "conn/carry.h"
#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/input.h"
#include "conn/queue.h"
#include "conn/release.h"
#include "conn/settings.h"
#include "conn/state.h"
#include "conn/transport.h"

enum { PIECES_AT_ONCE = 64 };

/* The deadline of queued bytes counts from the last progress. An empty queue has none. */
static void made_progress(lc_conn *conn, int is_all)
{
  if (conn->state == LC_STATE_CLOSING) return; /* the closing has its own deadline */
  conn->write_deadline =
    is_all ? LC_NEVER : lc_time_add(conn->loop->now, lc_conn_settings(conn)->write_timeout);
}

/* Sends once. Returns the number of bytes taken (0 when the kernel is full), or a code. */
static ssize_t send_pieces(lc_conn *conn, struct iovec *pieces, int count, size_t total)
{
  if (conn->sends_fds)
    return lc_output_note(conn, lc_carry_send(conn, pieces, count, total), total);
  return lc_output_note(conn, lc_crossing_send(conn, pieces, count, total), total);
}

ssize_t lc_output_note(lc_conn *conn, ssize_t sent, size_t total)
{
  if (sent == LC_AGAIN) sent = 0;
  if (lc_is_shortage(sent) || sent == -ETOOMANYREFS) {
    conn->out_refused = conn->out_blocked = 1;
    lc_conn_arm(conn, conn->loop->now + LC_MEMORY_RETRY);
    sent = 0;
  }
  if (sent < 0) {
    /* what the peer has said before it left may be why */
    if (conn->state < LC_STATE_CLOSING) lc_input_rescue(conn);
    if (!lc_conn_is_socket(conn))
      conn->dropped = 1; /* these bytes: all before them may have been read */
    lc_conn_fail(conn, (int)sent);
    return conn->error;
  }
  if (sent > 0) {
    conn->sent += (uint64_t)sent;
    conn->last_byte_at = conn->loop->now;
    if (!conn->out_waits) made_progress(conn, (size_t)sent == total);
  }
  return sent;
}

/* Gathered bytes that the kernel did not take must not stay in the shared buffer. */
static int keep_gathered(lc_conn *conn, size_t from)
{
  int result = lc_queue_keep_gathered(conn, from);
  if (result < 0) lc_conn_fail(conn, result);
  return result;
}

/* Sets the deadline for queued bytes that may never leave. Keeps a deadline that is set: a further
 * attempt is no progress. */
static void watch_queue(lc_conn *conn)
{
  if (!lc_queue_size(conn) || conn->out_waits || conn->state == LC_STATE_CLOSING) return;
  if (conn->failure) return; /* the failure is known already */
  if (conn->write_deadline == LC_NEVER)
    conn->write_deadline = lc_conn_limit(conn, lc_conn_settings(conn)->write_timeout);
  lc_conn_arm(conn, conn->write_deadline);
}

int lc_output_send(lc_conn *conn)
{
  if (conn->watch.fd < 0) return conn->error;
  if (conn->connecting || conn->opening) return lc_queue_size(conn) ? LC_AGAIN : 0;
  while (lc_buffer_size(conn->out) + lc_queue_gathered(conn) || conn->out_kept) {
    if (conn->out_blocked) {
      if (lc_queue_gathered(conn)) {
        int result = keep_gathered(conn, 0);
        if (result < 0) return result;
      }
      watch_queue(conn);
      return LC_AGAIN;
    }
    size_t queued = lc_buffer_size(conn->out), loaned = lc_queue_gathered(conn);
    struct iovec pieces[2];
    int count = 0;
    if (queued) pieces[count++] = (struct iovec){lc_buffer_bytes(conn->out), queued};
    if (loaned) pieces[count++] = (struct iovec){conn->loop->output, loaned};
    ssize_t sent = send_pieces(conn, pieces, count, queued + loaned);
    if (sent < 0) return (int)sent;
    size_t from_queue = (size_t)sent < queued ? (size_t)sent : queued;
    lc_buffer_drop(conn->out, from_queue);
    if (loaned && keep_gathered(conn, (size_t)sent - from_queue) < 0) return conn->error;
  }
  if (!lc_buffer_size(conn->out)) lc_buffer_free(&conn->out);
  return 0;
}

static void send_gathered(lc_job *job)
{
  lc_conn *tenant = LC_OWNER(job, lc_loop, output_job)->output_tenant;
  lc_output_send(tenant);
  if (!tenant->has_unit) lc_conn_update(tenant); /* a unit under way keeps the connection active */
}

/* Returns 0, or why nothing more is accepted. */
static int output_state(const lc_conn *conn)
{
  if (conn->error) return conn->error;
  if (conn->out_ending) return lc_conn_can_write(conn) ? LC_CLOSED : -EOPNOTSUPP;
  return conn->failure;
}

int lc_output_writable(const lc_conn *conn)
{
  int result = output_state(conn);
  return !result && conn->deadline <= conn->loop->now ? LC_TIMEOUT : result;
}

size_t lc_pieces_total(const struct iovec *pieces, int count)
{
  size_t total = 0;
  for (int i = 0; i < count; i++) total += pieces[i].iov_len;
  return total;
}

static void copy_pieces(char *to, const struct iovec *pieces, int count)
{
  for (int i = 0; i < count; i++) {
    if (pieces[i].iov_len) memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
    to += pieces[i].iov_len;
  }
}

char *lc_output_place(lc_conn *conn, size_t *room)
{
  lc_loop *loop = conn->loop;
  if (loop->output_tenant && loop->output_tenant != conn) lc_loop_flush(loop);
  *room = LC_SHARED_BUFFER - loop->output_length;
  return loop->output + loop->output_length;
}

void lc_output_placed(lc_conn *conn, size_t size)
{
  lc_loop *loop = conn->loop;
  if (!loop->output_tenant) {
    loop->output_tenant = conn;
    loop->output_job.run = send_gathered;
    lc_job_hurry(loop, &loop->output_job);
  }
  loop->output_length += size;
}

/* Copies the pieces into the shared buffer, which the connection gets on loan. */
static int gather(lc_conn *conn, const struct iovec *pieces, int count, size_t total)
{
  size_t room;
  char *place = lc_output_place(conn, &room);
  if (conn->error) return conn->error;
  copy_pieces(place, pieces, count);
  lc_output_placed(conn, total);
  return 0;
}

/* The kernel is full: appends to the queue what fits under the gathering limit. */
static ssize_t enqueue(lc_conn *conn, const struct iovec *pieces, int count, size_t skip)
{
  size_t held = lc_buffer_size(conn->out), limit = lc_conn_settings(conn)->gather, taken = 0;
  for (int i = 0; i < count && held < limit; i++) {
    size_t length = pieces[i].iov_len;
    if (skip >= length) {
      skip -= length;
      continue;
    }
    size_t size = length - skip < limit - held ? length - skip : limit - held;
    int result = lc_buffer_append(&conn->out, (const char *)pieces[i].iov_base + skip, size);
    if (result < 0) return taken ? (ssize_t)taken : result;
    taken += size;
    held += size;
    skip = 0;
  }
  watch_queue(conn);
  return (ssize_t)taken;
}

/* Sends straight from the caller's memory, behind the gathered bytes. */
static ssize_t write_through(lc_conn *conn, const struct iovec *pieces, int count, size_t skip)
{
  struct iovec all[PIECES_AT_ONCE + 1];
  size_t loaned = lc_queue_gathered(conn);
  int used = loaned > 0;
  all[0] = (struct iovec){conn->loop->output, loaned};
  for (int i = 0; i < count && used <= PIECES_AT_ONCE; i++) {
    size_t length = pieces[i].iov_len, passed = skip < length ? skip : length;
    skip -= passed;
    if (passed == length) continue;
    all[used++] = (struct iovec){(char *)pieces[i].iov_base + passed, length - passed};
  }
  ssize_t sent = send_pieces(conn, all, used, lc_pieces_total(all, used));
  if (sent < 0) return sent;
  size_t from_loan = (size_t)sent < loaned ? (size_t)sent : loaned;
  if (loaned && keep_gathered(conn, from_loan) < 0) return conn->error;
  return (ssize_t)((size_t)sent - from_loan);
}

/* Until the kernel is full; the queue comes first. How much of the pieces it took, or a code. */
static ssize_t write_all_through(lc_conn *conn, const struct iovec *pieces, int count, size_t total)
{
  size_t done = 0;
  while (done < total && !conn->out_blocked) {
    int result = lc_buffer_size(conn->out) ? lc_output_send(conn) : 0;
    if (result == LC_AGAIN) break;
    if (result < 0) return result;
    ssize_t sent = write_through(conn, pieces, count, done);
    if (sent < 0) return sent;
    done += (size_t)sent;
  }
  return (ssize_t)done;
}

static ssize_t accept_pieces(lc_conn *conn, const struct iovec *pieces, int count, size_t total)
{
  size_t limit = lc_conn_settings(conn)->gather, done = 0;
  int result;
  if (lc_buffer_size(conn->out)) { /* the queue comes first */
    result = lc_output_send(conn);
    if (result < 0 && result != LC_AGAIN) return result;
  }
  if (!lc_buffer_size(conn->out) && !conn->out_blocked && !conn->connecting && !conn->opening) {
    if (lc_queue_gathered(conn) + total < limit) {
      result = gather(conn, pieces, count, total);
      return result < 0 ? result : (ssize_t)total;
    }
    ssize_t sent = write_all_through(conn, pieces, count, total);
    if (sent < 0) return sent;
    done = (size_t)sent;
    if (done == total) return sent;
  } else if (lc_queue_gathered(conn)) {
    if (keep_gathered(conn, 0) < 0) return conn->error;
  }
  ssize_t queued = enqueue(conn, pieces, count, done);
  if (queued < 0) return done ? (ssize_t)done : queued;
  return (ssize_t)(done + (size_t)queued);
}

/* What was accepted in part is no answer yet. */
ssize_t lc_conn_write(lc_conn *conn, const struct iovec *pieces, int count)
{
  int result = lc_output_writable(conn);
  if (result < 0) return result;
  size_t total = lc_pieces_total(pieces, count);
  if (!total) return 0;
  conn->wrote = 1;
  conn->consumed = 0;
  ssize_t accepted = accept_pieces(conn, pieces, count, total);
  if (accepted >= 0) conn->out_part = (size_t)accepted < total;
  return accepted;
}

void lc_conn_wait_write(lc_conn *conn, lc_time deadline)
{
  if (conn->error) {
    lc_conn_tell(conn, LC_ENDED);
    return;
  }
  if (!conn->out_waits) {
    lc_time limit = lc_conn_limit(conn, lc_conn_settings(conn)->write_timeout);
    conn->write_deadline = lc_time_earlier(deadline, limit);
  }
  /* A write that has had its share waits for its turn: no event needs to come. What the kernel has
   * refused to the embedder itself is not seen here. */
  int must_wait =
    conn->out_blocked || conn->connecting || conn->opening || conn->transport->is_bypassed;
  if (!must_wait && !lc_buffer_size(conn->out)) lc_conn_tell(conn, LC_WRITABLE);
  conn->out_waits = 1; /* the whole write has one deadline, however often it waits */
  lc_conn_arm(conn, lc_time_earlier(conn->write_deadline, conn->deadline));
}

void lc_conn_end_write(lc_conn *conn)
{
  if (conn->out_waits && conn->state < LC_STATE_CLOSING) conn->write_deadline = LC_NEVER;
  conn->out_waits = 0; /* the deadline was that of the write; the queue has its own */
  watch_queue(conn);
  lc_output_merge_posted(conn);
}

void lc_conn_break_write(lc_conn *conn, int code)
{
  if (!conn->failure) conn->failure = (int16_t)code;
  conn->torn = 1;
}

int lc_conn_flush(lc_conn *conn)
{
  int result = lc_output_writable(conn);
  if (result < 0) return result;
  result = lc_output_send(conn);
  if (!result) lc_conn_update(conn);
  return result;
}

/* Posted bytes join the queue as soon as no write is half-way through. Behind one that was given up
 * half-way they would be taken for its rest: they are dropped. */
void lc_output_merge_posted(lc_conn *conn)
{
  lc_conn_extra *extra = conn->extra;
  if (!extra || conn->out_waits || !lc_buffer_size(extra->posted)) return;
  if (conn->torn) {
    lc_buffer_free(&extra->posted);
    return;
  }
  if (!lc_buffer_size(conn->out) && conn->loop->output_tenant != conn) {
    lc_buffer_free(&conn->out);
    conn->out = extra->posted;
    extra->posted = NULL;
  } else if (lc_queue_append(conn, lc_buffer_bytes(extra->posted), lc_buffer_size(extra->posted)) <
             0) {
    lc_conn_fail(conn, -ENOMEM); /* what was posted counts as undelivered */
    return;
  }
  lc_buffer_free(&extra->posted);
  conn->flush_queued = 1;
  lc_job_queue(conn->loop, &conn->job);
}

int lc_output_send_all(lc_conn *conn)
{
  int result = lc_output_send(conn);
  if (result || !conn->extra || !lc_buffer_size(conn->extra->posted)) return result;
  conn->out_waits = 0;
  lc_output_merge_posted(conn);
  return conn->error ? conn->error : lc_output_send(conn);
}

/* Offers the queue to the kernel before a post is refused: it may have room by now, and the event
 * would come in a later turn. Returns 0, LC_FULL, or a code. */
static int make_room(lc_conn *conn, size_t total)
{
  size_t limit = lc_conn_settings(conn)->max_queue;
  if (lc_queue_size(conn) + total <= limit) return 0;
  conn->out_blocked = 0;
  int result = lc_output_send(conn);
  if (conn->error) return conn->error;
  if (!result && conn->out_waits) lc_conn_tell(conn, LC_WRITABLE); /* no event needs to come */
  lc_conn_update(conn);
  return lc_queue_size(conn) + total > limit ? LC_FULL : 0;
}

int lc_output_post(lc_conn *conn, const struct iovec *pieces, int count)
{
  int result = output_state(conn); /* a post does not wait, so no deadline counts */
  if (result < 0) return result;
  size_t total = lc_pieces_total(pieces, count);
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  if (!extra) return -ENOMEM;
  result = lc_buffer_reserve(&extra->posted, total);
  /* And where it is merged at once: what is refused must not count as undelivered as well. */
  if (!result && !conn->out_waits && lc_queue_size(conn))
    result = lc_buffer_reserve(&conn->out, lc_queue_gathered(conn) + total);
  if (result < 0) return result;
  for (int i = 0; i < count; i++)
    lc_buffer_append(&extra->posted, pieces[i].iov_base, pieces[i].iov_len);
  conn->wrote = 1;
  lc_output_merge_posted(conn);
  lc_conn_update(conn);
  return conn->error;
}

int lc_conn_post(lc_conn *conn, const struct iovec *pieces, int count)
{
  int result = output_state(conn);
  if (!result) result = make_room(conn, lc_pieces_total(pieces, count));
  return result ? result : lc_output_post(conn, pieces, count);
}
