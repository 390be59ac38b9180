/* wait.c - begins and ends the wait of a read. */
#include "conn/activity.h"
#include "conn/deadline.h"
#include "conn/loan.h"
#include "conn/output.h"
#include "conn/state.h"

void lc_conn_wait(lc_conn *conn, lc_wait wait, lc_time deadline)
{
  if (wait != LC_WAIT_NONE && conn->error) { /* it ended between the attempt and the wait */
    lc_conn_tell(conn, LC_ENDED);
    return;
  }
  conn->wait = (uint8_t)wait;
  if (wait == LC_WAIT_NONE) {
    lc_conn_end_read(conn);
    lc_conn_update(conn);
    return;
  }
  conn->declared = wait == LC_WAIT_AWAIT || (wait == LC_WAIT_LINES && !conn->consumed);
  if (conn->loop->output_tenant == conn) lc_output_send(conn);
  if (conn->error) return;
  if (conn->in) lc_loan_release(conn);
  if (conn->read_deadline == LC_NEVER)
    conn->read_deadline =
      lc_time_earlier(deadline, lc_conn_limit(conn, lc_conn_settings(conn)->read_timeout));
  lc_conn_arm(conn, lc_time_earlier(conn->read_deadline, conn->deadline));
  lc_conn_update(conn);
}

int lc_conn_ask(lc_conn *conn)
{
  if (conn->error) return conn->error;
  if (conn->wait == LC_WAIT_NONE) { /* else a task waits: the ladder tells it */
    lc_conn_wait(conn, LC_WAIT_READ, LC_NEVER);
    if (!conn->error && lc_conn_is_draining(conn)) conn->owner->look(conn);
    if (conn->error) return conn->error;
    conn->wait = LC_WAIT_NONE;
    lc_conn_end_read(conn);
  }
  return conn->dismissed ? LC_DRAINING : LC_AGAIN;
}

void lc_conn_look(lc_conn *conn)
{
  conn->in_drained = 0;
  conn->out_blocked = 0;
}
