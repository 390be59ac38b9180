/* state.c - the moves of a connection from state to state, and its references. */
#include "conn/state.h"

#include <assert.h>
#include <stdlib.h>

#include "conn/loan.h"
#include "conn/parcel.h"

const char *lc_state_name(lc_state state)
{
  static const char *const names[] = {"new", "active", "idle", "closing", "closed"};
  return state < LC_STATES ? names[state] : "unknown";
}

/* The legal moves, by the state left and the state entered. */
static const unsigned char MOVES[LC_STATES][LC_STATES] = {
  [LC_STATE_NEW] =
    {[LC_STATE_ACTIVE] = 1, [LC_STATE_IDLE] = 1, [LC_STATE_CLOSING] = 1, [LC_STATE_CLOSED] = 1},
  [LC_STATE_ACTIVE] = {[LC_STATE_IDLE] = 1, [LC_STATE_CLOSING] = 1, [LC_STATE_CLOSED] = 1},
  [LC_STATE_IDLE] = {[LC_STATE_ACTIVE] = 1, [LC_STATE_CLOSING] = 1, [LC_STATE_CLOSED] = 1},
  [LC_STATE_CLOSING] = {[LC_STATE_CLOSED] = 1}};

int lc_state_may_move(lc_state from, lc_state to)
{
  return from < LC_STATES && to < LC_STATES && MOVES[from][to];
}

void lc_conn_move(lc_conn *conn, lc_state to, const char *cause)
{
  lc_state from = (lc_state)conn->state;
  if (from == to) return;
  assert(lc_state_may_move(from, to));
  conn->state = (uint8_t)to;
  if (to == LC_STATE_IDLE) conn->idle_since = conn->loop->now;
  if (conn->owner) conn->owner->moved(conn, from, to, cause);
}

void lc_conn_tell(lc_conn *conn, unsigned what)
{
  if (!conn->owner) return; /* it has departed: there is no owner to tell */
  conn->pending = (uint8_t)(conn->pending | what);
  lc_job_queue(conn->loop, &conn->job);
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
    lc_parcels_free(conn);
    free(conn->extra);
  }
  if (conn->owner) { /* else the loop itself may be gone */
    lc_loan_drop(conn);
    lc_timer_close(conn->loop, &conn->timer);
  }
  lc_buffer_free(&conn->in);
  lc_buffer_free(&conn->out);
  free(conn);
}
