/* limits.c - the deadlines of a connection's operations, and the limits that close it. */
#include "conn/limits.h"

#include <string.h>

#include "conn/activity.h"
#include "conn/closing.h"
#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/heartbeat.h"
#include "conn/mark.h"
#include "conn/opening.h"
#include "conn/output.h"
#include "conn/protocol.h"
#include "conn/queue.h"
#include "conn/settings.h"
#include "conn/units.h"
#include "kernel/keepalive.h"

static lc_time first_byte_limit(const lc_conn *conn)
{
  if (conn->received || conn->spoke || conn->leaving) return LC_NEVER;
  if (conn->state >= LC_STATE_CLOSING) return LC_NEVER;
  return lc_time_add(conn->opened_at, lc_conn_settings(conn)->first_byte_timeout);
}

static lc_time age_limit(const lc_conn *conn)
{
  return conn->aged ? LC_NEVER : lc_conn_age_end(conn);
}

/* Where answers can say that they are the last, the peer's next request may be under way still. */
static lc_time aged_limit(const lc_conn *conn)
{
  if (!conn->aged || conn->leaving || (conn->state != LC_STATE_IDLE && conn->received))
    return LC_NEVER;
  if (!conn->received && conn->spoke) return LC_NEVER; /* what has come waits for its reader */
  if (!conn->received || !lc_protocol_of(conn)->ends_by_answer) return 0;
  return lc_time_add(conn->last_byte_at, conn->owner->drain->quiet);
}

static lc_time idle_limit(const lc_conn *conn)
{
  if (conn->state != LC_STATE_IDLE || conn->leaving) return LC_NEVER;
  const lc_protocol *protocol = lc_protocol_of(conn);
  lc_time since =
    protocol->idle_since ? protocol->idle_since(conn, lc_protocol_state(conn)) : conn->idle_since;
  return lc_time_add(since, lc_conn_settings(conn)->idle_timeout);
}

void lc_conn_rearm(lc_conn *conn)
{
  if (conn->state == LC_STATE_CLOSED) return;
  if (conn->state == LC_STATE_CLOSING) {
    lc_conn_arm(conn, lc_closing_deadline(conn));
    return;
  }
  lc_time next = conn->wait ? lc_time_earlier(conn->read_deadline, conn->deadline) : LC_NEVER;
  if (conn->out_waits)
    next = lc_time_earlier(next, lc_time_earlier(conn->write_deadline, conn->deadline));
  else if (lc_queue_size(conn)) next = lc_time_earlier(next, conn->write_deadline);
  next = lc_time_earlier(next, lc_opening_limit(conn));
  next = lc_time_earlier(next, first_byte_limit(conn));
  next = lc_time_earlier(next, idle_limit(conn));
  next = lc_time_earlier(next, aged_limit(conn));
  next = lc_time_earlier(next, lc_heartbeat_at(conn));
  next = lc_time_earlier(next, lc_conn_look_at(conn));
  next = lc_time_earlier(next, lc_mark_at(conn));
  lc_conn_arm(conn, lc_time_earlier(next, age_limit(conn)));
}

/* Closes a connection that is over a limit. Returns whether it did. */
static int over_a_limit(lc_conn *conn, lc_time now)
{
  const char *cause = NULL;
  if (lc_opening_limit(conn) <= now) {
    lc_opening_fail(conn, LC_TIMEOUT);
    return 1;
  }
  if (age_limit(conn) <= now) conn->aged = 1;
  if (first_byte_limit(conn) <= now) cause = "first byte timeout";
  else if (idle_limit(conn) <= now) cause = "idle timeout";
  else if (aged_limit(conn) <= now) cause = "max age";
  if (!cause || conn->leaving) return 0;
  if (!conn->opening && lc_crossing_unread(conn)) {
    conn->spoke = 1; /* though no task has read it yet */
    return 0;
  }
  lc_units_leave(conn, cause);
  return 1;
}

static unsigned passed_deadlines(lc_conn *conn, lc_time now)
{
  unsigned what = 0;
  if (conn->wait && lc_time_earlier(conn->read_deadline, conn->deadline) <= now) {
    conn->read_deadline = LC_NEVER;
    what |= LC_READ_TIMEOUT;
  }
  if (conn->out_waits && lc_time_earlier(conn->write_deadline, conn->deadline) <= now) {
    conn->write_deadline = LC_NEVER;
    what |= LC_WRITE_TIMEOUT;
  } else if (!conn->out_waits && conn->write_deadline <= now && lc_queue_size(conn)) {
    conn->write_deadline = LC_NEVER;
    conn->failure = LC_TIMEOUT;
    what |= LC_ENDED;
  }
  return what;
}

/* Tries again what the kernel refused for lack of memory: a step of the handshake, a send, or a
 * receive that has to write first. What waits for it goes on. */
static unsigned retry_refused(lc_conn *conn)
{
  if (!conn->out_refused) return 0;
  conn->out_refused = conn->out_blocked = 0;
  if (conn->opening) {
    lc_opening_again(conn);
    return 0;
  }
  lc_output_send(conn);
  if (conn->state == LC_STATE_CLOSED || conn->out_blocked) return 0;
  lc_conn_update(conn);
  unsigned what = conn->out_waits ? LC_WRITABLE : 0;
  if (!conn->in_wants_out) return what;
  conn->in_drained = 0;
  return what | LC_READABLE;
}

/* The reader tries again what the kernel refused for lack of memory. */
static unsigned read_refused(lc_conn *conn)
{
  if (!conn->in_refused) return 0;
  conn->in_refused = 0;
  return conn->in_drained ? 0 : LC_READABLE;
}

static void due_while_open(lc_conn *conn, lc_time now)
{
  unsigned what = read_refused(conn) | retry_refused(conn);
  if (conn->state != LC_STATE_CLOSED) what |= passed_deadlines(conn, now);
  if (conn->state < LC_STATE_CLOSING && lc_mark_at(conn) <= now) lc_mark_take(conn);
  if (conn->state < LC_STATE_CLOSING && !over_a_limit(conn, now) && lc_conn_is_draining(conn))
    conn->owner->look(conn);
  lc_heartbeat_due(conn, now);
  if (what) what = lc_units_filter(conn, what);
  if (!conn->owner) return; /* it is closed, and its server is gone */
  if (what) conn->owner->ready(conn, what);
  lc_conn_rearm(conn);
}

void lc_conn_due(lc_timer *timer, lc_time now)
{
  lc_conn *conn = lc_conn_ref(LC_OWNER(timer, lc_conn, timer));
  if (conn->state == LC_STATE_CLOSING) {
    lc_closing_due(conn, now);
    lc_conn_rearm(conn);
  } else {
    due_while_open(conn, now);
  }
  lc_conn_unref(conn);
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
  int is_writing = conn->state < LC_STATE_CLOSING && (lc_queue_size(conn) || conn->out_waits);
  if (is_writing && settings->write_timeout != before.write_timeout)
    conn->write_deadline = lc_conn_limit(conn, settings->write_timeout);
  lc_conn_rearm(conn);
  return lc_keepalive_apply(conn->loop->sys, conn->watch.fd, conn->peer.family, settings, &before);
}
