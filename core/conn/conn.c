/* conn.c - one connection: its states, and what events do to it.
 *
 *   new ----> active <---> idle    lc_conn_update: by who waits for what, and what is buffered
 *    |           |           |
 *    `-----------+-----------'     lc_conn_close, _finish, _dismiss; a limit of its own
 *                v
 *             closing              closing.c; left out by an abort, a reset, a detach
 *                v
 *              closed              told once; it leaves the registry when its tasks have ended
 *
 * One that was greeted goes from new to idle directly. The descriptor is valid in
 * every state but closed.
 */
#include "conn/conn.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/keepalive.h"

static const lc_settings NONE; /* of connections that outlive their owner */

_Static_assert(sizeof(lc_conn) <= LC_WATCHED_SIZE, "the loop fetches less than a connection ahead");

/* ----------------------------------------------------------------- states -- */

const char *lc_state_name(lc_state state)
{
  static const char *const names[] = {"new", "active", "idle", "closing", "closed"};
  return state < LC_STATES ? names[state] : "unknown";
}

void lc_conn_move(lc_conn *conn, lc_state to, const char *cause)
{
  lc_state from = (lc_state)conn->state;
  if (from == to) return;
  conn->state = (uint8_t)to;
  if (to == LC_STATE_IDLE) conn->idle_since = conn->loop->now;
  if (conn->owner) conn->owner->moved(conn, from, to, cause);
}

/* Whether somebody waits for the next unit of work and nothing is under way. Decides whose
 * request is cut by a drain, so every doubt counts as work. */
int lc_conn_is_between(const lc_conn *conn)
{
  if (conn->guards || lc_buffer_size(conn->in) || lc_output_size(conn)) return 0;
  switch ((lc_wait)conn->wait) {
    case LC_WAIT_NONE: return 0;
    case LC_WAIT_AWAIT: return 1;
    case LC_WAIT_LINES:
    case LC_WAIT_READ: return conn->declared || (!conn->consumed && conn->tasks <= 1);
  }
  return 0;
}

int lc_conn_is_draining(const lc_conn *conn)
{
  return conn->owner && conn->owner->step >= LC_STEP_DRAIN && !conn->dismissed;
}

void lc_conn_consider(lc_conn *conn)
{
  if (!lc_conn_is_draining(conn)) return;
  lc_time at = conn->owner->look_at(conn);
  if (at == LC_NEVER) return;
  lc_conn_arm(conn, at > conn->loop->now ? at : conn->loop->now);
}

void lc_conn_update(lc_conn *conn)
{
  if (conn->state > LC_STATE_IDLE || conn->connecting) return;
  if (conn->dismissed && conn->state == LC_STATE_IDLE) return; /* the next move is closing */
  int idle = lc_conn_is_between(conn);
  /* A connection is new until a byte was received; one that was greeted and waits is idle. */
  if (conn->state == LC_STATE_NEW && !conn->received && !(idle && conn->wrote)) {
    lc_conn_consider(conn);
    return;
  }
  lc_conn_move(conn, idle ? LC_STATE_IDLE : LC_STATE_ACTIVE, idle ? "waiting" : "work");
  if (!idle) return;
  if (conn->aged) lc_conn_arm(conn, conn->loop->now);
  if (lc_conn_settings(conn)->idle_timeout != LC_NEVER)
    lc_conn_arm(conn, lc_time_add(conn->loop->now, lc_conn_settings(conn)->idle_timeout));
  lc_conn_consider(conn);
}

/* ------------------------------------------------------------------ waits -- */

void lc_conn_wait(lc_conn *conn, lc_wait wait, lc_time deadline)
{
  conn->wait = (uint8_t)wait;
  if (wait == LC_WAIT_NONE) {
    lc_conn_end_read(conn);
    lc_conn_update(conn);
    return;
  }
  if (conn->error) { /* ended between the attempt and the wait */
    lc_conn_tell(conn, LC_ENDED);
    return;
  }
  conn->declared = wait == LC_WAIT_AWAIT || (wait == LC_WAIT_LINES && !conn->consumed);
  if (conn->loop->output_tenant == conn) lc_output_send(conn);
  if (conn->error) return;
  lc_input_release(conn);
  if (conn->read_deadline == LC_NEVER)
    conn->read_deadline =
      lc_time_earlier(deadline, lc_conn_limit(conn, lc_conn_settings(conn)->read_timeout));
  lc_conn_arm(conn, lc_time_earlier(conn->read_deadline, conn->deadline));
  lc_conn_update(conn);
}

void lc_conn_look(lc_conn *conn)
{
  conn->in_drained = 0;
  conn->out_blocked = 0;
}

void lc_conn_note(lc_conn *conn, size_t received, size_t sent)
{
  if (conn->state >= LC_STATE_CLOSING || !(received + sent)) return;
  conn->foreign = 1;
  conn->last_byte_at = conn->loop->now;
  if (received && !conn->received) lc_mark_first_byte(conn);
  conn->received += received;
  conn->sent += sent;
  if (received) {
    conn->consumed = 1;
    if (conn->state != LC_STATE_ACTIVE) lc_conn_move(conn, LC_STATE_ACTIVE, "data");
  }
  if (sent) {
    conn->wrote = 1;
    conn->consumed = 0;
  }
}

void lc_conn_answered(lc_conn *conn)
{
  conn->consumed = 0;
  lc_conn_update(conn);
}

void lc_conn_tell(lc_conn *conn, unsigned what)
{
  if (!conn->owner) return; /* nobody to tell */
  conn->pending = (uint8_t)(conn->pending | what);
  lc_job_queue(conn->loop, &conn->job);
}

/* ----------------------------------------------------------------- events -- */

int lc_conn_take_error(lc_conn *conn)
{
  const lc_sys *sys = conn->loop->sys;
  int error = 0;
  socklen_t length = sizeof error;
  int result = sys->getsockopt(sys, conn->watch.fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return result < 0 ? result : -error;
}

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
  lc_output_send(conn);
  return conn->error ? 0 : LC_CONNECTED;
}

static unsigned on_writable(lc_conn *conn)
{
  conn->out_blocked = 0;
  if (lc_buffer_size(conn->out)) {
    int result = lc_output_send(conn);
    if (result < 0) return 0;
    lc_conn_update(conn);
  }
  return conn->out_waits ? LC_WRITABLE : 0;
}

static void conn_ready(lc_watch *watch, uint32_t events)
{
  lc_conn *conn = lc_conn_ref(LC_OWNER(watch, lc_conn, watch));
  unsigned what = 0, is_finish = events & (EPOLLRDHUP | EPOLLHUP) && !conn->in_finished;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) conn->in_drained = 0;
  if (events & (EPOLLRDHUP | EPOLLHUP)) conn->in_finished = 1;
  if (events & EPOLLPRI) conn->in_marked = 1;
  if (conn->state == LC_STATE_CLOSING) {
    lc_closing_ready(conn);
  } else if (conn->connecting) {
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) what = finish_connect(conn);
  } else if (events & EPOLLERR) {
    int error = lc_conn_take_error(conn);
    if (error < 0) {
      lc_input_rescue(conn);
      lc_conn_fail(conn, error);
    }
  }
  if (conn->state < LC_STATE_CLOSING && !conn->connecting) {
    if (events & EPOLLOUT) what |= on_writable(conn);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) what |= LC_READABLE;
    if (is_finish && !conn->in_shut) what |= LC_FINISHED;
  }
  if (what && conn->owner && conn->state < LC_STATE_CLOSING) conn->owner->ready(conn, what);
  lc_conn_unref(conn);
}

/* The last stations: `closed` is told once, and it departs when the tasks have ended. */
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
  if (what && conn->owner) conn->owner->ready(conn, what);
  if (conn->state == LC_STATE_CLOSING) lc_closing_step(conn);
  if (conn->state == LC_STATE_CLOSED && !lc_job_is_queued(&conn->job)) conn_depart(conn);
  lc_conn_unref(conn);
}

/* ---------------------------------------------------------- birth and death -- */

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

lc_conn *lc_conn_ref(lc_conn *conn)
{
  conn->references++;
  return conn;
}

void lc_conn_unref(lc_conn *conn)
{
  if (--conn->references) return;
  if (conn->extra) {
    lc_buffer_free(&conn->extra->posted);
    free(conn->extra->farewell);
    free(conn->extra);
  }
  if (conn->owner) { /* else the loop itself may be gone */
    lc_input_drop(conn);
    lc_timer_close(conn->loop, &conn->timer);
  }
  lc_buffer_free(&conn->in);
  lc_buffer_free(&conn->out);
  free(conn);
}

int lc_conn_begin(lc_conn *conn, int fd)
{
  lc_loop *loop = conn->loop;
  int result = lc_heartbeat_begin(conn);
  if (result < 0) return result;
  conn->watch.fd = fd;
  result = lc_loop_watch(loop, &conn->watch, LC_WATCH_ALL);
  if (result < 0) {
    conn->watch.fd = -1;
    lc_timer_clear(loop, &conn->timer); /* its heartbeat has not begun after all */
    return result;
  }
  conn->id = ++loop->last_id;
  conn->opened_at = conn->last_byte_at = conn->idle_since = loop->now;
  loop->stats.connections++;
  lc_conn_rearm(conn);
  return 0;
}

/* What somebody still holds stays readable, and touches neither owner nor loop any more, for they may go first. */
void lc_conn_orphan(lc_conn *conn)
{
  lc_job_cancel(&conn->job);
  lc_input_keep(conn);
  lc_timer_close(conn->loop, &conn->timer);
  conn->owner = NULL;
}

/* ------------------------------------------------------------- properties -- */

uint64_t lc_conn_id(const lc_conn *conn) { return conn->id; }
int lc_conn_fd(const lc_conn *conn) { return conn->watch.fd; }
lc_state lc_conn_state(const lc_conn *conn) { return (lc_state)conn->state; }
void *lc_conn_user(const lc_conn *conn) { return conn->user; }
void lc_conn_set_user(lc_conn *conn, void *user) { conn->user = user; }
int lc_conn_is_finished(const lc_conn *conn)
{
  return (conn->in_finished || conn->in_eof) && !conn->in_shut;
}
int lc_conn_is_dismissed(const lc_conn *conn) { return conn->dismissed; }
int lc_conn_error(const lc_conn *conn) { return conn->error ? conn->error : conn->failure; }
int lc_conn_is_tcp(const lc_conn *conn) { return conn->peer.family != AF_UNIX; }

const lc_settings *lc_conn_settings(const lc_conn *conn)
{
  if (conn->extra && conn->extra->has_settings) return &conn->extra->settings;
  return conn->owner ? conn->owner->settings : &NONE;
}

void lc_conn_peer(const lc_conn *conn, lc_address *address)
{
  lc_peer_unpack(&conn->peer, address);
  if (address->of.any.sa_family != AF_UNIX || conn->watch.fd < 0 || conn->outbound) return;
  lc_address named = {.length = sizeof named.of}; /* a path is too long to be kept with each */
  if (conn->loop->sys->getpeername(conn->loop->sys, conn->watch.fd, &named.of.any, &named.length) >=
      0)
    *address = named;
}

void lc_conn_stats_get(const lc_conn *conn, lc_conn_stats *stats)
{
  *stats = (lc_conn_stats){.opened_at = conn->opened_at,
                           .last_byte_at = conn->last_byte_at,
                           .received = conn->received,
                           .sent = conn->sent,
                           .late = conn->state >= LC_STATE_CLOSING ? conn->late : 0};
  if (conn->watch.fd < 0) {
    stats->unacked = conn->verdict.unacked;
    return;
  }
  stats->unsent = lc_output_size(conn);
  stats->unacked = lc_closing_unacked(conn);
}

lc_conn_extra *lc_conn_need_extra(lc_conn *conn)
{
  if (!conn->extra) conn->extra = calloc(1, sizeof *conn->extra);
  return conn->extra;
}

void lc_settings_fit(lc_settings *settings)
{
  if (settings->gather > LC_SHARED_BUFFER) settings->gather = LC_SHARED_BUFFER;
}

int lc_conn_set_settings(lc_conn *conn, const lc_settings *settings)
{
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  if (!extra) return -ENOMEM;
  lc_settings before = *lc_conn_settings(conn);
  extra->settings = *settings;
  lc_settings_fit(&extra->settings);
  extra->has_settings = 1;
  if (conn->watch.fd < 0) return 0;
  if (memcmp(&settings->heartbeat, &before.heartbeat, sizeof before.heartbeat))
    lc_heartbeat_begin(conn); /* what it needs has been allocated */
  if (conn->wait && settings->read_timeout != before.read_timeout)
    conn->read_deadline = lc_conn_limit(conn, settings->read_timeout);
  int is_writing = conn->state < LC_STATE_CLOSING && (lc_output_size(conn) || conn->out_waits);
  if (is_writing && settings->write_timeout != before.write_timeout)
    conn->write_deadline = lc_conn_limit(conn, settings->write_timeout);
  lc_conn_rearm(conn);
  return lc_keepalive_apply(conn->loop->sys, conn->watch.fd, conn->peer.family, settings, &before);
}

int lc_conn_set_farewell(lc_conn *conn, const char *data, size_t length)
{
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  char *copy = extra && length ? malloc(length) : NULL;
  if (!extra || (length && !copy)) return -ENOMEM;
  if (length) memcpy(copy, data, length);
  free(extra->farewell);
  extra->farewell = copy;
  extra->farewell_length = length;
  return 0;
}

void lc_conn_hold(lc_conn *conn)
{
  conn->tasks++;
  if (conn->wait) lc_conn_update(conn);
}

void lc_conn_release(lc_conn *conn)
{
  conn->tasks--;
  if (conn->state != LC_STATE_CLOSED) lc_conn_update(conn);
  else if (conn->owner) lc_job_queue(conn->loop, &conn->job);
}

void lc_conn_guard(lc_conn *conn)
{
  conn->guards++;
  lc_conn_update(conn);
}

void lc_conn_unguard(lc_conn *conn)
{
  conn->guards--;
  lc_conn_update(conn);
}
