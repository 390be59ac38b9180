/* units.c - reads for the protocol of a connection, hands complete units to the embedder, and says
 * goodbye as the protocol wants. */
#include "conn/units.h"

#include "conn/activity.h"
#include "conn/deadline.h"
#include "conn/guess.h"
#include "conn/input.h"
#include "conn/loan.h"
#include "conn/protocol.h"
#include "conn/settings.h"
#include "conn/state.h"

/* The connection works on no unit any more, and does not wait for the next one yet. */
static void forget_unit(lc_conn *conn)
{
  conn->has_unit = 0;
  conn->consumed = 0;
  conn->wait = LC_WAIT_NONE;
  if (!conn->leaving) conn->read_deadline = LC_NEVER;
}

static void wait_for_more(lc_conn *conn);

/* Whether nothing of the next unit has come: there is nothing in the buffer, and the last receive
 * took all there was. */
static int has_nothing(const lc_conn *conn)
{
  if (lc_buffer_size(conn->in) || !conn->in_drained || conn->in_eof || conn->in_shut) return 0;
  return !conn->unheard && lc_protocol_of(conn)->is_between(conn, lc_protocol_state(conn));
}

/* For a protocol that knows its units, a job shows it the bytes in the buffer. For any other, the
 * state is updated. */
static void look_again(lc_conn *conn)
{
  if (conn->has_unit || !lc_protocol_of(conn)->arrived) lc_conn_update(conn);
  else if (has_nothing(conn)) wait_for_more(conn);
  else lc_conn_tell(conn, LC_READABLE);
}

int lc_conn_set_protocol(lc_conn *conn, const lc_protocol *protocol)
{
  void *state;
  if (conn->error) return conn->error;
  if (!protocol) protocol = &lc_guess;
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  int result = extra ? lc_protocol_make_state(conn, protocol, &state) : -ENOMEM;
  if (result < 0) return result;
  lc_protocol_end(conn);
  extra->protocol = protocol;
  conn->protocol_state = state;
  if (!conn->has_unit) forget_unit(conn);
  look_again(conn);
  return 0;
}

int lc_conn_unit_ended(lc_conn *conn)
{
  if (!conn->has_unit || !conn->owner || conn->state >= LC_STATE_CLOSING) return 0;
  const lc_protocol *protocol = lc_protocol_of(conn);
  conn->deadline = LC_NEVER;
  forget_unit(conn);
  if (protocol->unit_ended) protocol->unit_ended(conn, lc_protocol_state(conn));
  if (conn->state >= LC_STATE_CLOSING) return 0;
  look_again(conn);
  return lc_protocol_of(conn)->arrived != NULL;
}

void lc_conn_unit_again(lc_conn *conn)
{
  if (conn->has_unit && conn->owner && conn->state < LC_STATE_CLOSING) lc_conn_tell(conn, LC_UNIT);
}

void lc_conn_unit_failed(lc_conn *conn)
{
  if (conn->owner && conn->state < LC_STATE_CLOSING) {
    const lc_protocol *protocol = lc_protocol_of(conn);
    int is_at_work = conn->has_unit || !protocol->arrived;
    if (is_at_work && protocol->unit_failed) protocol->unit_failed(conn, lc_protocol_state(conn));
  }
  lc_conn_finish(conn, "handler failed");
}

/* ---------------------------------------------------------------- leaving -- */

/* Returns whether the connection waits for the peer's answer to the goodbye. The peer has as long
 * for its answer as for its FIN. */
static int say_goodbye(lc_conn *conn)
{
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (conn->leaving) return 1;
  conn->leaving = 1;
  if (!protocol->leave || conn->opening || conn->connecting) return 0;
  if (protocol->leave(conn, lc_protocol_state(conn)) != LC_AGAIN) return 0;
  if (conn->state >= LC_STATE_CLOSING) return 0;
  conn->wait = LC_WAIT_AWAIT;
  conn->read_deadline = lc_conn_limit(conn, lc_conn_linger(conn));
  lc_conn_arm(conn, conn->read_deadline);
  return 1;
}

void lc_units_leave(lc_conn *conn, const char *cause)
{
  if (conn->state >= LC_STATE_CLOSING) return; /* a callback has ended the connection */
  if (!say_goodbye(conn)) lc_conn_finish(conn, cause);
}

void lc_conn_leave(lc_conn *conn, const char *cause)
{
  if (!conn->owner || conn->state >= LC_STATE_CLOSING) return;
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (protocol->abandoned) protocol->abandoned(conn, lc_protocol_state(conn));
  lc_units_leave(conn, cause);
}

void lc_units_cut(lc_conn *conn, const char *cause)
{
  if (conn->state >= LC_STATE_CLOSING) return;
  say_goodbye(conn);
  lc_conn_finish(conn, cause);
}

void lc_conn_dismiss(lc_conn *conn, const char *cause)
{
  conn->dismissed = 1;
  if (conn->state >= LC_STATE_CLOSING) return;
  if (conn->has_unit) lc_units_cut(conn, cause);
  else lc_units_leave(conn, cause);
}

/* ------------------------------------------------------- reading for the protocol -- */

/* Whether a unit that has begun to arrive is refused: the connection has said goodbye, or the unit
 * began behind the mark of the drain, which is new work. */
static int is_refused(lc_conn *conn)
{
  if (conn->leaving) return 1;
  if (!lc_protocol_of(conn)->ends_by_answer) return lc_conn_admit(conn, LC_WAIT_AWAIT) < 0;
  return conn->dismissed || conn->owner->step >= LC_STEP_CANCEL;
}

static lc_time patience(const lc_conn *conn)
{
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (protocol->patience) return protocol->patience(conn, lc_protocol_state(conn));
  return lc_conn_settings(conn)->read_timeout;
}

/* Between two units the connection waits for the next one; after a part of a unit, for the rest. */
static void wait_for_more(lc_conn *conn)
{
  int is_partial = !lc_protocol_of(conn)->is_between(conn, lc_protocol_state(conn));
  if (is_partial && !conn->leaving && is_refused(conn)) {
    lc_units_cut(conn, "drain");
    return;
  }
  if (!is_partial) forget_unit(conn);
  else if (conn->read_deadline == LC_NEVER)
    conn->read_deadline = lc_conn_limit(conn, patience(conn));
  lc_loan_release(conn);
  conn->wait = (uint8_t)(is_partial ? LC_WAIT_READ : LC_WAIT_AWAIT);
  lc_conn_arm(conn, lc_time_earlier(conn->read_deadline, conn->deadline));
  lc_conn_update(conn);
}

static unsigned hand_over(lc_conn *conn)
{
  if (is_refused(conn)) {
    lc_units_cut(conn, "drain");
    return 0;
  }
  conn->has_unit = 1;
  conn->wait = LC_WAIT_NONE;
  conn->read_deadline = LC_NEVER;
  if (conn->state != LC_STATE_ACTIVE) lc_conn_update(conn);
  return LC_UNIT;
}

/* Shows the protocol the bytes in the buffer. Returns whether it needs more bytes. If not, `*what`
 * is the news for the embedder. */
static int needs_more(lc_conn *conn, unsigned *what)
{
  size_t held = lc_buffer_size(conn->in);
  lc_arrival arrival = lc_protocol_of(conn)->arrived(conn, lc_protocol_state(conn));
  if (conn->state >= LC_STATE_CLOSING) return 0; /* a write of the protocol has failed */
  /* The protocol has taken a complete message: the next one has a read_timeout of its own. */
  if (lc_buffer_size(conn->in) != held && !conn->leaving) conn->read_deadline = LC_NEVER;
  switch (arrival) {
    case LC_ARRIVAL_UNIT: *what = hand_over(conn); return 0;
    case LC_ARRIVAL_REFUSED: lc_conn_finish(conn, "refused"); return 0;
    case LC_ARRIVAL_LATER: lc_conn_tell(conn, LC_READABLE); return 0;
    case LC_ARRIVAL_LEFT: lc_conn_finish(conn, "left"); return 0;
    case LC_ARRIVAL_MORE: break;
  }
  if (lc_protocol_of(conn)->arrived) return 1;
  *what = LC_READABLE; /* the protocol that has just taken over leaves reading to the embedder */
  return 0;
}

/* Returns how large the buffer is to become. Beyond the size of a shared buffer, that is at most
 * max_read and a byte. */
static size_t room_for(const lc_conn *conn, size_t held)
{
  size_t room = held < LC_SHARED_BUFFER ? LC_SHARED_BUFFER : held * 2;
  size_t most = lc_conn_settings(conn)->max_read;
  return room <= LC_SHARED_BUFFER || room <= most ? room : most + 1;
}

static unsigned read_for_protocol(lc_conn *conn)
{
  unsigned what = 0;
  size_t received = 0;
  int result;
  do {
    if (lc_buffer_size(conn->in) && !needs_more(conn, &what)) return what;
    size_t held = lc_buffer_size(conn->in);
    if (held > lc_conn_settings(conn)->max_read) {
      lc_conn_finish(conn, "unit too long");
      return 0;
    }
    result = lc_input_fill(conn, room_for(conn, held));
    if (result > 0) received += (size_t)result;
  } while (result > 0 && received < LC_BYTES_PER_TURN);
  if (result > 0) lc_conn_tell(conn, LC_READABLE); /* the rest is read in the next turn */
  else if (result == LC_AGAIN) wait_for_more(conn);
  else if (result == LC_EOF || result == LC_TRUNCATED) lc_conn_finish(conn, "peer finished");
  else if (conn->state < LC_STATE_CLOSING) lc_conn_abort(conn, lc_code_name(result));
  return 0;
}

/* What an earlier unit wrote was not taken in time. The embedder hears of the failure, but has no
 * task that would close the connection. */
static void end_failed(lc_conn *conn)
{
  conn->owner->ready(conn, LC_ENDED);
  lc_conn_finish(conn, lc_code_name(conn->failure));
}

unsigned lc_units_read(lc_conn *conn, unsigned what)
{
  if (conn->unheard || conn->has_unit || conn->state >= LC_STATE_CLOSING) return what;
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (!protocol->arrived) return protocol->ready(conn, lc_protocol_state(conn), what);
  if (what & LC_ENDED && conn->failure) {
    end_failed(conn);
    return what & ~(unsigned)LC_ENDED;
  }
  if (what & LC_READ_TIMEOUT) {
    if (!conn->leaving && protocol->timed_out) protocol->timed_out(conn, lc_protocol_state(conn));
    lc_conn_finish(conn, conn->leaving ? "goodbye timeout" : "read timeout");
    return what & ~(unsigned)LC_READ_TIMEOUT;
  }
  if (!(what & LC_READABLE)) return what;
  return (what & ~(unsigned)LC_READABLE) | read_for_protocol(conn);
}
