/* release.c - ends the descriptor of a connection, in order or by a reset. */
#include "conn/release.h"

#include "conn/crossing.h"
#include "conn/parcel.h"
#include "conn/queue.h"
#include "conn/state.h"
#include "conn/verdict.h"

/* Counts the bytes that are left in the kernel when the descriptor ends. */
static void count_unread(lc_conn *conn)
{
  if (conn->state != LC_STATE_CLOSING) conn->late = 0; /* the memory was that of another field */
  else if (conn->counts_late) {
    conn->late += (uint64_t)lc_crossing_unread(conn);
  }
}

/* Removes the descriptor from the poller, closes it, and tells the owner. No other function ends
 * the descriptor of a connection. */
static void release(lc_conn *conn, lc_verdict verdict, const char *cause, int by_reset)
{
  lc_loop *loop = conn->loop;
  const lc_sys *sys = loop->sys;
  count_unread(conn);
  conn->verdict = verdict;
  conn->reset_at_rest = lc_verdict_is_at_rest(conn) ? 1 : 0;
  if (conn->owner) conn->owner->ended(conn, by_reset);
  if (lc_crossing_ends_by_close(conn)) lc_loop_forget(loop, &conn->watch);
  else lc_loop_unwatch(loop, &conn->watch);
  lc_crossing_end(conn);
  if (!conn->detached) sys->close(sys, conn->watch.fd);
  conn->watch.fd = -1;
  conn->wait = LC_WAIT_NONE;
  conn->out_waits = 0;
  lc_queue_drop(conn);
  lc_timer_clear(loop, &conn->timer);
  loop->stats.connections--;
  if (conn->state != LC_STATE_CLOSING) conn->cause = cause;
  lc_conn_move(conn, LC_STATE_CLOSED, conn->cause);
  lc_conn_tell(conn, LC_ENDED);
}

void lc_release_close(lc_conn *conn, lc_verdict verdict, const char *cause)
{
  release(conn, verdict, cause, 0);
}

void lc_release_reset(lc_conn *conn, lc_verdict verdict, const char *cause)
{
  const lc_sys *sys = conn->loop->sys;
  struct linger none = {.l_onoff = 1, .l_linger = 0};
  int result;
  LC_RETRY(result, sys->setsockopt(sys, conn->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none));
  release(conn, verdict, cause, 1);
}

/* Outside a connect, an unreachable peer is a lost peer: both mean that the network gave up. */
static int failure_of(const lc_conn *conn, int code)
{
  if (conn->connecting) return code == -ETIMEDOUT ? LC_TIMEOUT : code;
  if (code == -EHOSTUNREACH || code == -ENETUNREACH) return LC_PEER_LOST;
  return code;
}

void lc_conn_fail(lc_conn *conn, int code)
{
  if (conn->state == LC_STATE_CLOSED) return;
  code = failure_of(conn, code);
  lc_verdict verdict = lc_verdict_of(conn, code);
  if (!conn->error) conn->error = (int16_t)code;
  if (code == -ENOMEM) /* we lack memory; the peer is well, and lacks bytes */
    lc_release_reset(conn, verdict, lc_code_name(code));
  else release(conn, verdict, lc_code_name(code), 0);
}

void lc_conn_lose(lc_conn *conn, const char *cause)
{
  if (conn->state == LC_STATE_CLOSED) return;
  if (!conn->error) conn->error = LC_PEER_LOST;
  lc_release_reset(conn, lc_verdict_of(conn, LC_PEER_LOST), cause);
}

void lc_conn_abort(lc_conn *conn, const char *cause)
{
  if (conn->state == LC_STATE_CLOSED) return;
  lc_verdict verdict = lc_verdict_of(conn, conn->failure ? conn->failure : LC_CLOSED);
  if (!conn->error) conn->error = LC_CLOSED;
  lc_row_end(conn);
  lc_release_reset(conn, verdict, cause);
}
