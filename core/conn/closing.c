/* closing.c - the end of a connection, in this order and no other. */
#include "conn/closing.h"

#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/input.h"
#include "conn/loan.h"
#include "conn/output.h"
#include "conn/parcel.h"
#include "conn/queue.h"
#include "conn/release.h"
#include "conn/settings.h"
#include "conn/state.h"
#include "conn/transport.h"
#include "conn/verdict.h"
#include "kernel/keepalive.h"

enum { DISCARD_SIZE = 16 * 1024 };
enum { LOOKS = 8 }; /* looks at the acknowledgements within one write_timeout */

/* The pauses between the looks at what the reader of a pipe has taken: each twice as long as the
 * one before. */
#define FIRST_LOOK LC_MILLISECOND
#define LONGEST_LOOK (50 * LC_MILLISECOND)

enum { MORE_TO_DISCARD, NOTHING_NOW, SEEN_FIN, FAILED };

static int is_over_limit(const lc_conn *conn)
{
  return conn->discarded > lc_conn_settings(conn)->linger_bytes;
}

static int discard(lc_conn *conn)
{
  char sink[DISCARD_SIZE];
  for (size_t turn = 0; turn < LC_BYTES_PER_TURN;) {
    if (conn->in_eof) return SEEN_FIN;
    if (is_over_limit(conn)) return NOTHING_NOW; /* the window closes, and the peer has to wait */
    if (conn->in_drained) return NOTHING_NOW;
    ssize_t got = lc_input_receive(conn, sink, sizeof sink);
    if (got == LC_AGAIN) return NOTHING_NOW;
    if (got == LC_TRUNCATED) continue; /* like a FIN in order: nothing else is to be read */
    if (lc_is_shortage(got)) {
      lc_conn_arm(conn, conn->loop->now + LC_MEMORY_RETRY);
      return NOTHING_NOW;
    }
    if (got < 0) {
      lc_conn_fail(conn, (int)got);
      return FAILED;
    }
    if (conn->out_shut) conn->discarded += (uint64_t)got;
    if (conn->counts_late) conn->late += (uint64_t)got;
    turn += (size_t)got;
  }
  return MORE_TO_DISCARD;
}

/* The time of the linger is over. */
void lc_closing_give_up(lc_conn *conn)
{
  int fin_too;
  size_t unacked = lc_verdict_unacked(conn, &fin_too);
  lc_verdict verdict = lc_verdict_of(conn, LC_TIMEOUT);
  if (lc_queue_size(conn) || !conn->out_shut) {
    /* Part of a reply must not look like a whole one: the peer gets a reset, not a FIN. */
    lc_release_reset(conn, verdict, conn->cause);
    return;
  }
  if ((unacked || fin_too) && lc_conn_is_socket(conn)) {
    lc_keepalive_bound_orphan(conn->loop->sys, conn->watch.fd, lc_conn_settings(conn));
    conn->in_drained = 0; /* close() with unread bytes would reset what the kernel is to deliver */
    discard(conn);
    if (conn->state == LC_STATE_CLOSED) return;
  }
  lc_release_close(conn, verdict, conn->cause);
}

static int send_fin(lc_conn *conn)
{
  if (conn->out_shut) return 0;
  conn->out_ending = 1;
  int result = lc_crossing_finish(conn);
  if (result == LC_AGAIN) return result;
  if (result < 0) {
    lc_conn_fail(conn, result == -ENOTCONN ? LC_RESET : result);
    return result;
  }
  conn->out_shut = 1;
  return 0;
}

/* How many bytes the peer's host has acknowledged. Where a transport sends bytes of its own it is
 * less by these, even below 0, but grows as they are acknowledged. */
static int64_t acknowledged(const lc_conn *conn, int left)
{
  return (int64_t)conn->sent - (left > 0 ? left : 0);
}

static void begin_patience(lc_conn *conn)
{
  conn->patient = 1;
  conn->taken = conn->transport->is_in_place ? 0 : acknowledged(conn, lc_crossing_unacked(conn));
  conn->progress_at = conn->loop->now;
}

/* When the closing is given up. Outside a drain, max_age limits a patient closing. */
static lc_time give_up_at(const lc_conn *conn)
{
  if (!conn->patient) return conn->write_deadline;
  lc_time end = lc_time_add(conn->progress_at, lc_conn_settings(conn)->write_timeout);
  if (conn->owner && conn->owner->step >= LC_STEP_DRAIN) return end;
  lc_time least = lc_time_add(conn->progress_at, lc_conn_linger(conn));
  lc_time age_end = lc_conn_age_end(conn);
  return lc_time_earlier(end, age_end > least ? age_end : least);
}

/* Looks whether the peer's host has acknowledged more. Once it has everything, the linger for the
 * peer's FIN begins. For a unix socket the kernel tells how much memory is left, which shrinks as
 * the peer reads. */
static void look_at_progress(lc_conn *conn)
{
  if (!conn->patient) return;
  int left = lc_crossing_unacked(conn);
  int64_t taken = acknowledged(conn, left);
  if (conn->out_shut && !left) {
    conn->patient = 0;
    conn->write_deadline = lc_time_add(conn->loop->now, lc_conn_linger(conn));
    return;
  }
  if (taken > conn->taken) conn->progress_at = conn->loop->now;
  conn->taken = taken;
}

/* The peer has finished, and its host has everything of ours: close() sends the FIN. */
static int needs_only_close(lc_conn *conn)
{
  if (!conn->in_eof || conn->out_ending || !lc_crossing_ends_by_close(conn)) return 0;
  return lc_crossing_unacked(conn) == 0 && !lc_verdict_has_dropped(conn);
}

void lc_closing_step(lc_conn *conn)
{
  if (conn->state != LC_STATE_CLOSING) return;
  int result = lc_output_send(conn);
  if (conn->state != LC_STATE_CLOSING) return; /* failed */
  if (!result && needs_only_close(conn)) {
    lc_release_close(conn, (lc_verdict){0, 0}, conn->cause);
    return;
  }
  if (!result) result = send_fin(conn);
  if (result < 0 && result != LC_AGAIN) return;
  result =
    result == LC_AGAIN ? NOTHING_NOW : SEEN_FIN; /* of no socket: what is unread harms nothing */
  if (lc_conn_is_socket(conn)) result = discard(conn);
  if (result == FAILED) return;
  if (lc_verdict_has_dropped(conn)) {
    lc_conn_fail(conn, lc_conn_is_socket(conn) ? LC_RESET : LC_BROKEN_PIPE);
    return;
  }
  if ((result == SEEN_FIN || is_over_limit(conn)) && lc_verdict_is_acknowledged(conn)) {
    lc_release_close(conn, (lc_verdict){0, 0}, conn->cause);
    return;
  }
  if (result == MORE_TO_DISCARD) lc_job_queue(conn->loop, &conn->job);
  lc_conn_arm(conn, lc_closing_deadline(conn));
}

/* An error comes as an event once. After the peer's FIN, or where the closing reads no more, only
 * the error of the socket tells of a reset. */
static int has_been_reset(lc_conn *conn, uint32_t events)
{
  return events & LC_POLL_ERROR && lc_conn_is_socket(conn) && lc_conn_take_error(conn) < 0;
}

/* Before the step, which could take a reset behind the peer's FIN for a clean end; and after it,
 * because the step may have come to that FIN only now. */
void lc_closing_ready(lc_conn *conn, uint32_t events)
{
  if (conn->in_eof && has_been_reset(conn, events)) {
    lc_conn_fail(conn, LC_RESET);
    return;
  }
  conn->out_blocked = 0;
  lc_closing_step(conn);
  if (conn->state != LC_STATE_CLOSING) return;
  if (has_been_reset(conn, events)) lc_conn_fail(conn, LC_RESET);
  else look_at_progress(conn);
}

lc_time lc_closing_deadline(const lc_conn *conn)
{
  if (lc_conn_is_socket(conn) && !conn->patient) return conn->write_deadline;
  lc_time pause = lc_conn_is_socket(conn) ? lc_conn_settings(conn)->write_timeout / LOOKS
                                          : conn->extra->look_pause;
  return lc_time_earlier(give_up_at(conn), lc_time_add(conn->loop->now, pause));
}

void lc_closing_due(lc_conn *conn, lc_time now)
{
  look_at_progress(conn);
  if (now >= give_up_at(conn)) {
    lc_closing_give_up(conn);
    return;
  }
  conn->out_blocked = 0;
  if (!lc_conn_is_socket(conn))
    conn->extra->look_pause = lc_time_earlier(2 * conn->extra->look_pause, LONGEST_LOOK);
  lc_closing_step(conn);
}

static void say_farewell(lc_conn *conn)
{
  lc_conn_extra *extra = conn->extra;
  conn->out_waits = 0;
  lc_output_merge_posted(conn);
  if (conn->state == LC_STATE_CLOSED) return;
  if (conn->dismissed && extra && extra->farewell_length)
    lc_queue_append(conn, extra->farewell, extra->farewell_length);
}

/* Whether bytes that no handler receives are counted, because the ladder or a limit has ended the
 * connection. Not those of a peer that has finished, unless the ladder refused what it had sent:
 * its bytes could have been read. Nor when the handler has shut the reading half. */
static int must_count_late(const lc_conn *conn)
{
  const lc_owner *owner = conn->owner;
  if (!owner || !owner->tells_late) return 0;
  if (owner->step < LC_STEP_STOP && !conn->leaving) return 0;
  if (conn->in_shut || conn->transport->is_bypassed) return 0;
  return conn->dismissed || !conn->in_eof;
}

/* A negative `linger` is patient, any other is strict. */
static void begin_closing(lc_conn *conn, lc_time linger, const char *cause)
{
  size_t unread = lc_buffer_size(conn->in);
  conn->wait = LC_WAIT_NONE;
  if (!conn->out_ending) say_farewell(conn);
  if (conn->state == LC_STATE_CLOSED) return; /* no memory for the posted bytes */
  conn->error = LC_CLOSED;
  lc_loan_drop(conn);
  lc_row_end(conn);
  conn->cause = cause;
  conn->discarded = 0;
  conn->counts_late = must_count_late(conn) ? 1 : 0;
  conn->late = conn->counts_late ? unread : 0;
  if (!lc_conn_is_socket(conn)) conn->extra->look_pause = FIRST_LOOK;
  if (linger < 0) begin_patience(conn);
  else conn->write_deadline = lc_time_add(conn->loop->now, linger);
  lc_conn_move(conn, LC_STATE_CLOSING, cause);
  lc_conn_tell(conn, LC_ENDED);
}

void lc_conn_close(lc_conn *conn, lc_time linger, const char *cause)
{
  if (conn->state == LC_STATE_CLOSED) return;
  if (linger == 0 || conn->connecting || conn->opening || conn->torn) {
    lc_conn_abort(conn, cause);
    return;
  }
  if (conn->state < LC_STATE_CLOSING) {
    begin_closing(conn, linger, cause);
  } else if (linger > 0) {
    lc_time end = lc_time_add(conn->loop->now, linger), before = give_up_at(conn);
    conn->patient = 0;
    conn->write_deadline = lc_time_earlier(end, before);
  }
  lc_closing_step(conn);
}

void lc_conn_finish(lc_conn *conn, const char *cause)
{
  if (conn->state >= LC_STATE_CLOSING) return;
  if (conn->failure || lc_conn_settings(conn)->linger == 0 || conn->connecting || conn->opening) {
    /* Bytes that could not be sent until now will not be sent. */
    lc_conn_close(conn, lc_conn_settings(conn)->linger, cause);
    return;
  }
  begin_closing(conn, LC_LINGER_BACKGROUND, cause);
  lc_closing_step(conn);
}

/* Nothing that was accepted for writing may be sent in clear. No handler gets what still comes. */
void lc_closing_refuse(lc_conn *conn, int code)
{
  if (code == LC_RESET || code == LC_PEER_LOST || code == -ENOMEM) {
    lc_conn_fail(conn, code);
    return;
  }
  lc_crossing_end(conn);
  lc_queue_drop(conn);
  conn->opening = conn->out_kept = 0;
  conn->out_ending = 1; /* no farewell */
  begin_closing(conn, LC_LINGER_BACKGROUND, lc_code_name(code));
  if (conn->state == LC_STATE_CLOSED) return;
  conn->error = (int16_t)code;
  conn->counts_late = 0;
  conn->late = 0;
  conn->in_drained = 0;
  lc_closing_step(conn);
}

int lc_conn_let_go(lc_conn *conn)
{
  if (conn->state != LC_STATE_CLOSING || !conn->out_shut) return 0;
  lc_closing_give_up(conn);
  return 1;
}

int lc_conn_end_linger(lc_conn *conn)
{
  if (!lc_verdict_is_delivered(conn)) return 0;
  lc_closing_give_up(conn);
  return 1;
}

int lc_conn_shutdown(lc_conn *conn, int how)
{
  if (conn->error) return conn->error;
  const lc_sys *sys = conn->loop->sys;
  /* Only close() tells the reader of a pipe that no more comes. */
  if (how != SHUT_RD && !lc_conn_is_socket(conn) && !lc_conn_can_read(conn)) return -EOPNOTSUPP;
  if (how == SHUT_RD || how == SHUT_RDWR) {
    /* Only the flag counts. TCP has no such thing on the wire, and after shutdown(SHUT_RD) recv
     * would return 0 as if the peer's FIN had come. The linger waits for the real FIN. */
    if (!conn->in_shut && lc_conn_is_socket(conn) && !lc_conn_is_tcp(conn))
      sys->shutdown(sys, conn->watch.fd, SHUT_RD);
    conn->in_shut = 1;
    if (conn->wait) lc_conn_tell(conn, LC_READABLE);
  }
  if (how == SHUT_RD || conn->out_shut) return 0;
  int result = conn->out_ending ? 0 : lc_conn_flush(conn);
  if (!result) result = lc_output_send_all(conn);
  if (result < 0) return result;
  result = send_fin(conn);
  if (result == LC_AGAIN) return result;
  return result < 0 ? conn->error : 0;
}

int lc_conn_detach(lc_conn *conn, int *fd)
{
  if (conn->error) return conn->error;
  if (conn->transport->begin) return -EOPNOTSUPP; /* the state of the transport would be lost */
  int result = lc_output_send_all(conn);
  if (result < 0) return result;
  *fd = conn->watch.fd;
  conn->detached = 1;
  conn->error = LC_CLOSED;
  lc_release_close(conn, (lc_verdict){0, 0}, "detached");
  return 0;
}

void lc_conn_release_detached(lc_conn *conn)
{
  if (!conn->detached) return;
  conn->detached = 0;
  if (conn->owner) lc_job_queue(conn->loop, &conn->job);
}
