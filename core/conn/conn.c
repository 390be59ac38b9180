/* conn.c - makes a connection, and passes events to it. */
#include "conn/conn.h"

#include <stdlib.h>

#include "conn/activity.h"
#include "conn/closing.h"
#include "conn/crossing.h"
#include "conn/heartbeat.h"
#include "conn/input.h"
#include "conn/limits.h"
#include "conn/loan.h"
#include "conn/opening.h"
#include "conn/output.h"
#include "conn/protocol.h"
#include "conn/queue.h"
#include "conn/release.h"
#include "conn/state.h"
#include "conn/units.h"
#include "conn/verdict.h"

_Static_assert(sizeof(lc_conn) <= LC_WATCHED_SIZE, "the loop fetches less than a connection ahead");

/* ----------------------------------------------------------------- events -- */

static unsigned finish_connect(lc_conn *conn)
{
  int error = lc_conn_take_error(conn);
  if (error < 0) {
    lc_conn_fail(conn, error);
    return 0;
  }
  conn->connecting = 0;
  conn->out_blocked = 0;
  lc_heartbeat_begin(conn);
  if (conn->opening) return 0;
  lc_output_send(conn);
  return conn->error ? 0 : LC_CONNECTED;
}

int lc_conn_announce(lc_conn *conn)
{
  conn->unheard = conn->opening;
  return !conn->opening;
}

void lc_conn_hear(lc_conn *conn)
{
  unsigned what = conn->in_finished && !conn->in_shut ? LC_FINISHED : 0;
  conn->unheard = 0;
  if (conn->opening) return;
  if (lc_protocol_of(conn)->arrived) what |= LC_READABLE;
  if (what) lc_conn_tell(conn, what);
}

static unsigned on_writable(lc_conn *conn)
{
  conn->out_blocked = 0;
  if (lc_buffer_size(conn->out) || conn->out_kept) {
    int result = lc_output_send(conn);
    if (result < 0) return 0;
    lc_conn_update(conn);
  }
  return conn->out_waits ? LC_WRITABLE : 0;
}

/* Whether bytes may go both ways. */
static int is_open(const lc_conn *conn)
{
  return conn->state < LC_STATE_CLOSING && !conn->connecting && !conn->opening;
}

/* What an event means to a connection that is not open, or has failed. */
static __attribute__((noinline, cold)) unsigned on_other(lc_conn *conn, uint32_t events)
{
  unsigned what = 0;
  if (conn->state == LC_STATE_CLOSING) {
    lc_closing_ready(conn, events);
    lc_conn_rearm(conn);
  } else if (conn->connecting) {
    if (events & (LC_POLL_OUT | LC_POLL_ERROR | LC_POLL_HANG_UP)) what = finish_connect(conn);
  } else if (events & LC_POLL_ERROR) {
    int error = lc_conn_take_error(conn);
    if (error < 0) {
      lc_input_rescue(conn);
      if (conn->opening) lc_opening_fail(conn, error);
      else lc_conn_fail(conn, error);
    }
  }
  if (conn->opening && !conn->connecting && conn->state < LC_STATE_CLOSING)
    lc_opening_ready(conn, events);
  return what;
}

static void conn_ready(lc_watch *watch, uint32_t events)
{
  const uint32_t finish = LC_POLL_FINISHED | LC_POLL_HANG_UP;
  lc_conn *conn = lc_conn_ref(LC_OWNER(watch, lc_conn, watch));
  events = lc_crossing_meaning(conn, events);
  unsigned what = 0, is_finish = events & finish && !conn->in_finished;
  if (events & (LC_POLL_IN | finish)) conn->in_drained = 0;
  if (events & finish) conn->in_finished = 1;
  if (events & LC_POLL_URGENT) conn->in_marked = 1;
  if (!is_open(conn) || events & LC_POLL_ERROR) what = on_other(conn, events);
  if (is_open(conn)) {
    if (events & LC_POLL_OUT) what |= on_writable(conn);
    if (events & (LC_POLL_IN | finish)) what |= LC_READABLE;
    if (is_finish && !conn->in_shut) what |= LC_FINISHED;
  }
  if (what) what = lc_units_filter(conn, what);
  if (what && conn->owner && conn->state < LC_STATE_CLOSING) conn->owner->ready(conn, what);
  lc_conn_unref(conn);
}

/* The end of a connection: `closed` is called once; `departed` when its tasks have ended, too. */
static void conn_depart(lc_conn *conn)
{
  if (!conn->told_closed) {
    conn->told_closed = 1;
    if (conn->owner) conn->owner->closed(conn);
  }
  if (!conn->tasks && !conn->detached && conn->owner) conn->owner->departed(conn);
}

static void conn_job(lc_job *job)
{
  lc_conn *conn = lc_conn_ref(LC_OWNER(job, lc_conn, job));
  if (conn->flush_queued) {
    conn->flush_queued = 0;
    if (conn->state < LC_STATE_CLOSING) {
      lc_output_send(conn);
      lc_conn_update(conn);
    }
  }
  unsigned what = conn->pending;
  conn->pending = 0;
  if (what) what = lc_units_filter(conn, what);
  if (what && conn->owner) conn->owner->ready(conn, what);
  if (conn->state == LC_STATE_CLOSING) lc_closing_step(conn);
  if (conn->state == LC_STATE_CLOSED && !lc_job_is_queued(&conn->job)) conn_depart(conn);
  lc_conn_unref(conn);
}

/* ------------------------------------------------------------------ birth -- */

lc_conn *lc_conn_new(lc_loop *loop, const lc_owner *owner, size_t size)
{
  lc_conn *conn = calloc(1, size);
  if (!conn) return NULL;
  if (lc_timer_open(loop, &conn->timer, lc_conn_due) < 0) {
    free(conn);
    return NULL;
  }
  conn->watch.fd = -1;
  conn->watch.ready = conn_ready;
  conn->loop = loop;
  conn->owner = owner;
  conn->references = 1;
  conn->deadline = conn->read_deadline = conn->write_deadline = LC_NEVER;
  lc_job_init(&conn->job, conn_job);
  return conn;
}

/* What the transport and the protocol keep of it, and what watches it. */
static int begin(lc_conn *conn, int fd)
{
  int result = lc_heartbeat_begin(conn);
  if (!result) result = lc_opening_begin(conn, conn->owner->transport);
  if (!result) result = lc_protocol_begin(conn);
  if (result < 0) return result;
  conn->watch.fd = fd;
  return lc_loop_watch(conn->loop, &conn->watch, LC_WATCH_ALL);
}

int lc_conn_begin(lc_conn *conn, int fd)
{
  lc_loop *loop = conn->loop;
  int result = begin(conn, fd);
  if (result < 0) { /* it is a spare again */
    lc_protocol_end(conn);
    lc_crossing_end(conn);
    conn->opening = 0;
    conn->watch.fd = -1;
    lc_timer_clear(loop, &conn->timer);
    return result;
  }
  conn->id = ++loop->last_id;
  conn->opened_at = conn->last_byte_at = conn->idle_since = loop->now;
  loop->stats.connections++;
  lc_conn_rearm(conn);
  return 0;
}

/* A connection that the embedder holds stays readable. It uses neither owner nor loop any more, for
 * both may be freed before it. */
void lc_conn_orphan(lc_conn *conn)
{
  lc_job_cancel(&conn->job);
  lc_protocol_end(conn);
  lc_loan_keep(conn);
  lc_timer_close(conn->loop, &conn->timer);
  conn->owner = NULL;
}

/* ------------------------------------------------------------- properties -- */

uint64_t lc_conn_id(const lc_conn *conn) { return conn->id; }
int lc_conn_fd(const lc_conn *conn) { return conn->watch.fd; }

int lc_conn_lend(lc_conn *conn)
{
  conn->sole = 0;
  return conn->watch.fd;
}

lc_state lc_conn_state(const lc_conn *conn) { return (lc_state)conn->state; }
void *lc_conn_user(const lc_conn *conn) { return conn->user; }
void lc_conn_set_user(lc_conn *conn, void *user) { conn->user = user; }

int lc_conn_is_finished(const lc_conn *conn)
{
  return (conn->in_finished || conn->in_eof) && !conn->in_shut;
}

int lc_conn_is_dismissed(const lc_conn *conn) { return conn->dismissed; }
int lc_conn_error(const lc_conn *conn) { return conn->error ? conn->error : conn->failure; }

void lc_conn_peer(const lc_conn *conn, lc_address *address)
{
  lc_peer_unpack(&conn->peer, address);
  if (address->of.any.sa_family != AF_UNIX || conn->watch.fd < 0 || conn->outbound) return;
  /* a path is too long to keep one for each connection */
  lc_address named = {.length = sizeof named.of};
  if (conn->loop->sys->getpeername(conn->loop->sys, conn->watch.fd, &named.of.any, &named.length) >=
      0)
    *address = named;
}

void lc_conn_stats_get(const lc_conn *conn, lc_conn_stats *stats)
{
  int fin_too;
  *stats = (lc_conn_stats){.opened_at = conn->opened_at,
                           .last_byte_at = conn->last_byte_at,
                           .received = conn->received,
                           .sent = conn->sent,
                           .late = conn->state >= LC_STATE_CLOSING ? conn->late : 0};
  if (conn->watch.fd < 0) {
    stats->unacked = conn->verdict.unacked;
    return;
  }
  stats->unsent = lc_queue_size(conn);
  stats->unacked = lc_verdict_unacked(conn, &fin_too);
}
