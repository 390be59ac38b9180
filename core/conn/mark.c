/* mark.c - which work a drain still hands over: what begins before the connection's mark. */
#include "conn/mark.h"

#include "conn/activity.h"
#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/transport.h"

/* The most that a library which moves the bytes itself may have taken and not given to the
 * embedder: a record and a buffer. */
enum { HELD = 32 * 1024 };

/* Whether what comes is a handshake's, which is no work. */
static int is_shaking(const lc_conn *conn)
{
  return conn->opening || (conn->transport->is_bypassed && !conn->received);
}

/* How many bytes may have come that were not received. */
static uint64_t unreceived(const lc_conn *conn)
{
  if (is_shaking(conn)) return 0;
  return (uint64_t)lc_crossing_unread(conn) + (conn->transport->is_bypassed ? HELD : 0);
}

static lc_time quiet_from_now(const lc_conn *conn)
{
  return lc_time_add(conn->loop->now, conn->owner->drain->quiet);
}

static void become_due(lc_conn *conn)
{
  conn->mark_due = 1;
  conn->mark_at = quiet_from_now(conn);
  lc_conn_arm(conn, conn->mark_at);
}

static void set(lc_conn *conn, uint64_t arrived)
{
  conn->mark_due = 0;
  conn->marked = 1;
  conn->mark = arrived;
}

void lc_mark_take(lc_conn *conn)
{
  if (!lc_conn_is_draining(conn) || conn->state >= LC_STATE_CLOSING || conn->marked) return;
  if (conn->mark_due && conn->mark_at > conn->loop->now) return;
  uint64_t unread = unreceived(conn);
  if (conn->received || conn->spoke || conn->mark_due) set(conn, conn->received + unread);
  else if (unread) become_due(conn);
}

void lc_mark_forget(lc_conn *conn) { conn->spoke = conn->mark_due = conn->marked = 0; }

void lc_mark_all_taken(lc_conn *conn)
{
  if (conn->marked && !lc_crossing_unread(conn)) lc_mark_here(conn);
}

void lc_mark_here(lc_conn *conn)
{
  if (!conn->marked || conn->mark > conn->received) set(conn, conn->received);
}

/* Bytes that wait in the kernel when the drain begins came before it. */
void lc_mark_visit(lc_conn *conn, int is_due)
{
  if (conn->visited) return;
  conn->visited = 1;
  if (is_due) lc_mark_take(conn);
  else if (conn->state < LC_STATE_CLOSING && !conn->received && unreceived(conn)) conn->spoke = 1;
}

void lc_mark_first_byte(lc_conn *conn)
{
  if (!lc_conn_is_draining(conn) || conn->spoke || conn->marked || conn->mark_due) return;
  become_due(conn);
}

void lc_mark_unread(lc_conn *conn)
{
  if (is_shaking(conn)) conn->last_byte_at = conn->loop->now;
  if (is_shaking(conn) || conn->received) return;
  lc_mark_first_byte(conn);
  conn->spoke = 1;
}

lc_time lc_mark_at(const lc_conn *conn)
{
  return conn->state < LC_STATE_CLOSING && conn->mark_due ? conn->mark_at : LC_NEVER;
}

static int begins_behind(const lc_conn *conn, lc_wait wait)
{
  if (!conn->marked || conn->guards || conn->in_part || conn->out_part) return 0;
  if (conn->received - lc_buffer_size(conn->in) < conn->mark) return 0;
  if (wait == LC_WAIT_AWAIT) return 1;
  return !conn->consumed && (wait == LC_WAIT_LINES || conn->tasks <= 1);
}

int lc_conn_admit(lc_conn *conn, lc_wait wait)
{
  const lc_owner *owner = conn->owner;
  if (!owner || owner->step < LC_STEP_DRAIN || conn->state >= LC_STATE_CLOSING) return 0;
  int is_refused = begins_behind(conn, wait);
  /* An ordinary read may be in the middle of a unit: only the mark refuses it. */
  if (wait != LC_WAIT_READ && (conn->dismissed || owner->step >= LC_STEP_CANCEL)) is_refused = 1;
  if (!is_refused) return 0;
  conn->dismissed = 1;
  return LC_DRAINING;
}
