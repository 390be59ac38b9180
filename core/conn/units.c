/* units.c - a connection reads for its protocol, and hands whole units over. */
#include "conn/units.h"

#include "conn/activity.h"
#include "conn/closing.h"
#include "conn/deadline.h"
#include "conn/input.h"
#include "conn/loan.h"
#include "conn/mark.h"
#include "conn/protocol.h"
#include "conn/settings.h"
#include "conn/state.h"

/* Between two units the wait is for the next one; with a part of it there, for the rest. */
static void wait_for_more(lc_conn *conn)
{
  int is_partial = lc_buffer_size(conn->in) > 0;
  if (!is_partial) lc_loan_release(conn);
  conn->wait = (uint8_t)(is_partial ? LC_WAIT_READ : LC_WAIT_AWAIT);
  if (!is_partial) conn->read_deadline = LC_NEVER;
  else if (conn->read_deadline == LC_NEVER)
    conn->read_deadline = lc_conn_limit(conn, lc_conn_settings(conn)->read_timeout);
  lc_conn_arm(conn, conn->read_deadline);
  lc_conn_update(conn);
}

int lc_conn_set_protocol(lc_conn *conn, const lc_protocol *protocol)
{
  void *state;
  if (conn->error) return conn->error;
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  int result = extra ? lc_protocol_make_state(conn, protocol, &state) : -ENOMEM;
  if (result < 0) return result;
  lc_protocol_end(conn);
  extra->protocol = protocol;
  extra->protocol_state = state;
  if (!conn->has_unit && protocol->arrived) lc_conn_tell(conn, LC_READABLE);
  return 0;
}

void lc_conn_unit_ended(lc_conn *conn)
{
  const lc_protocol *protocol = conn->owner ? lc_protocol_of(conn) : NULL;
  if (!conn->has_unit || conn->state >= LC_STATE_CLOSING || !protocol) return;
  if (protocol->unit_ended) protocol->unit_ended(conn, lc_protocol_state(conn));
  conn->has_unit = 0;
  if (!protocol->arrived) lc_conn_update(conn);
  else if (lc_buffer_size(conn->in) || !conn->in_drained) lc_conn_tell(conn, LC_READABLE);
  else wait_for_more(conn);
}

/* ------------------------------------------------------- reading for the protocol -- */

/* A unit that begins behind the mark is new work: a drain hands it over no more. */
static unsigned hand_over(lc_conn *conn)
{
  if (lc_conn_admit(conn, LC_WAIT_AWAIT) < 0) {
    lc_conn_finish(conn, "drain");
    return 0;
  }
  conn->has_unit = 1;
  conn->wait = LC_WAIT_NONE;
  conn->read_deadline = LC_NEVER;
  lc_conn_update(conn);
  return LC_UNIT;
}

/* What lies in the buffer, as the protocol sees it. Whether more is needed; else `*what` is what to tell. */
static int needs_more(lc_conn *conn, unsigned *what)
{
  switch (lc_protocol_of(conn)->arrived(conn, lc_protocol_state(conn))) {
    case LC_ARRIVAL_MORE: return 1;
    case LC_ARRIVAL_UNIT: *what = hand_over(conn); return 0;
    case LC_ARRIVAL_REFUSED: lc_conn_finish(conn, "refused"); return 0;
    case LC_ARRIVAL_LEFT: lc_conn_finish(conn, "left"); return 0;
  }
  return 0;
}

static unsigned read_for_protocol(lc_conn *conn)
{
  unsigned what = 0;
  size_t before = lc_buffer_size(conn->in);
  for (size_t turn = 0; turn < LC_DISCARD_PER_TURN; turn += lc_buffer_size(conn->in)) {
    if ((lc_buffer_size(conn->in) || before) && !needs_more(conn, &what)) return what;
    if (conn->state >= LC_STATE_CLOSING) return 0;
    before = lc_buffer_size(conn->in);
    if (before > lc_conn_settings(conn)->max_read) {
      lc_conn_finish(conn, "unit too long");
      return 0;
    }
    int result = lc_input_fill(conn, before < LC_SHARED_BUFFER ? LC_SHARED_BUFFER : before * 2);
    if (result == LC_AGAIN) {
      wait_for_more(conn);
      return 0;
    }
    if (result == LC_EOF) lc_conn_finish(conn, "peer finished");
    else if (result < 0 && conn->state < LC_STATE_CLOSING)
      lc_conn_abort(conn, lc_code_name(result));
    if (result < 0) return 0;
  }
  lc_conn_tell(conn, LC_READABLE); /* the rest in the next turn */
  return 0;
}

unsigned lc_units_filter(lc_conn *conn, unsigned what)
{
  if (!conn->owner || conn->has_unit || conn->state >= LC_STATE_CLOSING) return what;
  if (!lc_protocol_of(conn)->arrived) return what;
  if (what & LC_READ_TIMEOUT) {
    lc_conn_finish(conn, "read timeout");
    return what & ~(unsigned)LC_READ_TIMEOUT;
  }
  if (!(what & LC_READABLE)) return what;
  return (what & ~(unsigned)LC_READABLE) | read_for_protocol(conn);
}

void lc_units_leave(lc_conn *conn, const char *cause)
{
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (protocol->leave && protocol->leave(conn, lc_protocol_state(conn)) == LC_AGAIN) return;
  lc_conn_finish(conn, cause);
}
