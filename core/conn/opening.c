/* opening.c - the handshake of a transport, before or in the middle of a connection. */
#include "conn/opening.h"

#include <netinet/tcp.h>

#include "conn/activity.h"
#include "conn/closing.h"
#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/heartbeat.h"
#include "conn/mark.h"
#include "conn/output.h"
#include "conn/parcel.h"
#include "conn/plain.h"
#include "conn/queue.h"
#include "conn/settings.h"
#include "conn/state.h"
#include "conn/transport.h"
#include "conn/units.h"
#include "kernel/sockopt.h"

/* The last bytes of a handshake are often the peer's. Without TCP_NODELAY the peer's kernel holds
 * back what follows them until they are acknowledged, and ours waits 40 ms for an answer to carry
 * the acknowledgement. When this call fails, the peer waits, and nothing else is wrong. */
static void acknowledge_at_once(const lc_conn *conn)
{
  if (lc_conn_is_tcp(conn))
    (void)lc_sockopt_put(conn->loop->sys, conn->watch.fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

/* Called when the transport is open. The owner now hears of an unheard connection. Any other
 * connection goes on with what it has begun. */
static unsigned finish(lc_conn *conn)
{
  unsigned what = conn->in_finished && !conn->in_shut ? LC_FINISHED : 0;
  conn->opening = 0;
  conn->in_drained = 0;
  acknowledge_at_once(conn);
  lc_heartbeat_begin(conn);
  if (!conn->unheard) what |= LC_CONNECTED;
  conn->owner->opened(conn);
  if (lc_queue_size(conn) && lc_output_send(conn) != LC_AGAIN) lc_conn_update(conn);
  if (conn->state >= LC_STATE_CLOSING) return 0;
  if (conn->out_waits) what |= LC_WRITABLE;
  return what | LC_READABLE; /* bytes may have come after those of the handshake */
}

static void step(lc_job *job)
{
  lc_conn *conn = lc_conn_ref(LC_OWNER(job, lc_conn_extra, opening_job)->conn);
  if (conn->opening && !conn->connecting && conn->state < LC_STATE_CLOSING) {
    int result = lc_crossing_open(conn);
    unsigned what = result ? 0 : finish(conn);
    if (result < 0 && result != LC_AGAIN) lc_opening_fail(conn, result);
    if (what) what = lc_units_filter(conn, what);
    if (what && conn->owner && conn->state < LC_STATE_CLOSING) conn->owner->ready(conn, what);
  }
  lc_conn_unref(conn);
}

int lc_opening_begin(lc_conn *conn, const lc_transport *transport)
{
  if (transport->open) {
    lc_conn_extra *extra = lc_conn_need_extra(conn);
    if (!extra) return -ENOMEM;
    extra->conn = conn;
    lc_job_init(&extra->opening_job, step);
  }
  int result = lc_crossing_begin(conn, transport);
  if (!result) conn->opening = transport->open ? 1 : 0;
  return result;
}

void lc_opening_ready(lc_conn *conn, uint32_t events)
{
  if (events & LC_POLL_IN) conn->last_byte_at = conn->loop->now;
  lc_opening_again(conn);
}

void lc_opening_again(lc_conn *conn) { lc_job_queue_slow(conn->loop, &conn->extra->opening_job); }

lc_time lc_opening_limit(const lc_conn *conn)
{
  if (!conn->opening || conn->connecting || conn->state >= LC_STATE_CLOSING) return LC_NEVER;
  lc_time from = conn->extra->opening_at ? conn->extra->opening_at : conn->opened_at;
  return lc_time_add(from, lc_conn_settings(conn)->handshake_timeout);
}

void lc_opening_fail(lc_conn *conn, int code)
{
  if (conn->owner) conn->owner->unopened(conn, code);
  lc_closing_refuse(conn, code);
}

int lc_conn_set_transport(lc_conn *conn, const lc_transport *transport)
{
  if (conn->error) return conn->error;
  if (transport->version != LC_TRANSPORT_VERSION) return -EPROTONOSUPPORT;
  if (!lc_conn_is_socket(conn)) return -ENOTSOCK;
  if (conn->transport != &lc_plain) return -EALREADY;
  if (conn->in_eof || conn->in_shut || conn->out_ending) return LC_CLOSED;
  if (lc_buffer_size(conn->in)) return -EBADMSG;
  int result = conn->connecting ? 0 : lc_output_send_all(conn);
  if (result < 0) return result;
  result = lc_opening_begin(conn, transport);
  if (result < 0) {
    lc_crossing_end(conn);
    return result;
  }
  lc_conn_extra *extra = conn->extra;
  if (!transport->receive_fds) lc_row_end(conn);
  conn->in_drained = 0;
  if (!extra || !conn->opening) return 0;
  extra->opening_at = conn->loop->now;
  if (!conn->connecting) lc_opening_again(conn);
  lc_conn_arm(conn, lc_opening_limit(conn));
  return 0;
}

const char *lc_conn_reason(const lc_conn *conn) { return conn->extra ? conn->extra->reason : NULL; }

const char *lc_conn_transport(const lc_conn *conn, void **state)
{
  *state = conn->extra && !conn->opening ? conn->extra->transport_state : NULL;
  return conn->transport->name;
}

int lc_conn_is_secret(const lc_conn *conn) { return conn->transport->is_secret; }
