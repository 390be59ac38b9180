/* activity.c - keeps the state of a connection up to date: active or idle. */
#include "conn/activity.h"

#include "conn/deadline.h"
#include "conn/protocol.h"
#include "conn/queue.h"
#include "conn/state.h"

int lc_conn_is_half_way(const lc_conn *conn)
{
  return conn->in_wants_out || conn->out_kept || conn->in_part || conn->out_part;
}

int lc_conn_is_between(const lc_conn *conn)
{
  if (conn->guards || conn->has_unit || lc_queue_size(conn) || !conn->owner) return 0;
  if (lc_conn_is_half_way(conn)) return 0;
  return lc_protocol_of(conn)->is_between(conn, lc_protocol_state(conn));
}

int lc_conn_is_draining(const lc_conn *conn)
{
  return conn->owner && conn->owner->reached >= LC_STEP_DRAIN && !conn->dismissed;
}

lc_time lc_conn_look_at(lc_conn *conn)
{
  const lc_owner *owner = conn->owner;
  return owner && lc_conn_is_draining(conn) ? owner->look_at(conn) : LC_NEVER;
}

void lc_conn_consider(lc_conn *conn)
{
  lc_time at = lc_conn_look_at(conn);
  if (at == LC_NEVER) return;
  lc_conn_arm(conn, at > conn->loop->now ? at : conn->loop->now);
}

void lc_conn_update(lc_conn *conn)
{
  if (conn->state > LC_STATE_IDLE || conn->connecting) return;
  if (conn->dismissed && conn->state == LC_STATE_IDLE) return; /* its next state is closing */
  int idle = lc_conn_is_between(conn);
  /* A connection is new until it has received a byte, with one exception: when the embedder has
   * written first and waits for the answer, the connection is idle. */
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

void lc_conn_answered(lc_conn *conn)
{
  conn->consumed = 0;
  lc_conn_update(conn);
}

void lc_conn_hold(lc_conn *conn)
{
  conn->tasks++;
  if (conn->wait) lc_conn_update(conn);
}

/* An idle connection stays idle with a task less. */
void lc_conn_release(lc_conn *conn)
{
  conn->tasks--;
  if (conn->state == LC_STATE_IDLE) return;
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
