/* verdict.c - what is known of the delivery, by the kernel's count of unacknowledged bytes. */
#include "conn/verdict.h"

#include "conn/crossing.h"
#include "conn/queue.h"

int lc_conn_take_error(lc_conn *conn)
{
  const lc_sys *sys = conn->loop->sys;
  if (!lc_conn_is_socket(conn)) return lc_crossing_error(conn);
  int error = 0;
  socklen_t length = sizeof error;
  int result = sys->getsockopt(sys, conn->watch.fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == EPIPE) error = ECONNRESET;
  return result < 0 ? result : -error;
}

/* For TCP, the kernel's count includes our FIN; ours does not. For a unix socket the kernel only
 * tells how much memory the bytes take. */
size_t lc_verdict_unacked(const lc_conn *conn, int *fin_too)
{
  int count = lc_crossing_unacked(conn);
  *fin_too = count != 0;
  if (!count) return 0;
  if (count < 0) return LC_UNKNOWN;
  if (!lc_conn_is_socket(conn)) return (size_t)count;
  if (!lc_conn_is_tcp(conn)) return LC_UNKNOWN;
  return (size_t)count - (conn->out_shut ? 1 : 0);
}

int lc_verdict_has_dropped(lc_conn *conn)
{
  if (lc_conn_is_tcp(conn)) return 0;
  if (!conn->dropped && lc_conn_take_error(conn) < 0)
    conn->dropped = lc_conn_is_socket(conn) || lc_crossing_unacked(conn) ? 1 : 0;
  return conn->dropped;
}

/* A socket's peer is to have the FIN, too. */
static int has_ended_sending(const lc_conn *conn)
{
  return conn->out_shut || !lc_conn_is_socket(conn);
}

/* The kernel sets the error before it drops the bytes, so the error is looked at last. */
int lc_verdict_is_acknowledged(lc_conn *conn)
{
  int more;
  size_t bytes = lc_verdict_unacked(conn, &more);
  return has_ended_sending(conn) && !more && !bytes && !lc_queue_size(conn) &&
         !lc_verdict_has_dropped(conn);
}

int lc_verdict_is_delivered(lc_conn *conn)
{
  return conn->state == LC_STATE_CLOSING && lc_verdict_is_acknowledged(conn);
}

lc_verdict lc_verdict_of(lc_conn *conn, int code)
{
  int fin_too;
  if (code == LC_RESET) conn->dropped = 1; /* recv, or the poller, had the error */
  if (lc_verdict_is_acknowledged(conn)) return (lc_verdict){0, 0};
  int is_lost = lc_verdict_has_dropped(conn) && lc_conn_is_socket(conn);
  size_t unacked = is_lost ? LC_UNKNOWN : lc_verdict_unacked(conn, &fin_too);
  if (unacked != LC_UNKNOWN) unacked += lc_queue_size(conn);
  return (lc_verdict){code, unacked};
}

int lc_conn_verdict(const lc_conn *conn, lc_verdict *verdict)
{
  if (conn->state != LC_STATE_CLOSED) return LC_AGAIN;
  *verdict = conn->verdict;
  return 0;
}

int lc_verdict_is_at_rest(const lc_conn *conn)
{
  return conn->verdict.code == LC_RESET && !conn->verdict.unacked && !conn->consumed &&
         !conn->guards && !conn->has_unit && !lc_buffer_size(conn->in) && !conn->connecting;
}

int lc_conn_was_at_rest(const lc_conn *conn) { return (int)conn->reset_at_rest; }
