/* waiting.c - what happens while the embedder waits, or works: events of the connection, and times
 * that are over. */
#include "conn/activity.h"
#include "conn/closing.h"
#include "conn/deadline.h"
#include "conn/loan.h"
#include "conn/settings.h"
#include "websocket/inside.h"

/* When the peer has had time enough to answer our Close: it has been silent for `linger`, or has
 * sent other messages for as long as a write may take. */
static lc_time goodbye_end(const lc_websocket *ws)
{
  const lc_conn *conn = ws->conn;
  if (!ws->said || ws->heard) return LC_NEVER;
  lc_time last = conn->last_byte_at > ws->said_at ? conn->last_byte_at : ws->said_at;
  lc_time in_all = lc_time_add(ws->said_at, lc_conn_settings(conn)->write_timeout);
  return lc_time_earlier(lc_time_add(last, lc_conn_linger(conn)), in_all);
}

/* Of the wait for a message. */
static lc_time deadline_of(const lc_websocket *ws)
{
  lc_time library = lc_time_earlier(goodbye_end(ws), lc_websocket_patience(ws));
  return ws->drops ? library : lc_time_earlier(library, ws->waits_until);
}

void lc_websocket_wait(lc_websocket *ws, lc_time deadline)
{
  lc_conn *conn = ws->conn;
  if (!conn) return;
  lc_time limit = lc_conn_limit(conn, lc_conn_settings(conn)->read_timeout);
  ws->waits_until = lc_time_earlier(deadline, limit);
  ws->busy_at = lc_loop_clock(conn->loop);
  lc_conn_wait(conn, LC_WAIT_AWAIT, deadline_of(ws));
}

static void wait_on(lc_websocket *ws)
{
  lc_conn *conn = ws->conn;
  if (!conn->wait) return;
  conn->read_deadline = deadline_of(ws);
  lc_conn_arm(conn, conn->read_deadline);
}

/* The peer does not answer our Close. The embedder, if it waits, comes to the end of the
 * messages. */
static unsigned give_up(lc_websocket *ws, unsigned what)
{
  lc_conn *conn = ws->conn;
  lc_websocket_hear_end(ws);
  if (ws->drops) lc_conn_finish(conn, "goodbye timeout");
  else if (!conn->out_waits) lc_conn_shutdown(conn, SHUT_WR);
  return ws->drops ? what : what | LC_READABLE;
}

static unsigned timed_out(lc_websocket *ws, unsigned what)
{
  lc_time now = ws->conn->loop->now;
  unsigned others = what & ~(unsigned)LC_READ_TIMEOUT;
  if (now < deadline_of(ws)) {
    wait_on(ws);
    return others;
  }
  if (goodbye_end(ws) <= now) return give_up(ws, others);
  if (lc_websocket_patience(ws) > now) return what;
  lc_websocket_refuse(ws, LC_WS_BAD_SLOW);
  return others;
}

static unsigned readable(lc_websocket *ws, unsigned what)
{
  lc_conn *conn = ws->conn;
  if (ws->is_whole || ws->heard) return what; /* the embedder comes first */
  int result = lc_websocket_read_ahead(ws);
  if (conn->state >= LC_STATE_CLOSING) return what & ~(unsigned)LC_READABLE;
  if (result && !ws->drops) return what;
  if (ws->heard) {
    lc_websocket_finish(ws);
    lc_conn_finish(conn, "left");
  } else {
    lc_loan_release(conn);
    wait_on(ws);
    lc_conn_update(conn);
  }
  return what & ~(unsigned)LC_READABLE;
}

unsigned lc_websocket_ready(lc_websocket *ws, unsigned what)
{
  if (what & LC_READ_TIMEOUT) what = timed_out(ws, what);
  if (ws->conn->state >= LC_STATE_CLOSING) return what;
  return what & LC_READABLE ? readable(ws, what) : what;
}
