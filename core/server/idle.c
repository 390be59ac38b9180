/* idle.c - which connections a drain closes as idle, and when. */
#include "server/idle.h"

#include <netinet/tcp.h>

#include "conn/activity.h"
#include "conn/crossing.h"
#include "conn/mark.h"
#include "conn/protocol.h"
#include "conn/queue.h"
#include "conn/units.h"
#include "server/member.h"
#include "server/state.h"

/* How much later than `quiet` a first request may come where packets are lost. */
#define LATE_AFTER_LOSS (12 * LC_SECOND)
#define LATE_AFTER_HEAVY_LOSS (21 * LC_SECOND)
/* Losses are heavy when one handshake in 20 lost a packet, and more than one did. */
#define HEAVY 20

/* Counts a handshake that has not been seen before. The kernel tells only of our own packets. */
static void look_at_handshake(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  const lc_sys *sys = conn->loop->sys;
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (lc_member_of(conn)->handshake_seen || conn->received || !lc_conn_is_tcp(conn)) return;
  lc_member_of(conn)->handshake_seen = 1;
  if (sys->getsockopt(sys, conn->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return;
  server->handshakes_seen++;
  if (info.tcpi_total_retrans > 0) server->handshakes_lossy++;
}

/* Whether clients wait until the embedder, which accepts by hand, has done with the connection. */
static int holds_up_others(const lc_conn *conn)
{
  return lc_conn_server(conn)->unclaimed && !lc_member_of(conn)->unclaimed;
}

/* Returns the silence after which a connection that has sent nothing counts as idle.
 *
 * Where packets are lost, the first request may come late. A client whose connect was repeated
 * sends its request again after 3, 9 and 21 s (RFC 6298, 5.7). A system that remembers slow
 * connects to our address, as Linux does, repeats it after some 0.3, 3.7 and 10 s. The kernel does
 * not show us when a packet of the client's was lost. So the handshakes that show a loss decide for
 * all connections. While a listener settles, more of them may come: then the silence has no end.
 *
 * A client that holds up others gets no more than `quiet`: they may have sent their requests. */
static lc_time patience(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  look_at_handshake(conn);
  if (holds_up_others(conn)) return server->options.drain.quiet;
  if (lc_server_is_settling(server)) return LC_NEVER;
  lc_time late = 0;
  if (server->handshakes_lossy > 0) late = LATE_AFTER_LOSS;
  if (server->handshakes_lossy > 1 && server->handshakes_lossy >= server->handshakes_seen / HEAVY)
    late = LATE_AFTER_HEAVY_LOSS;
  return lc_time_add(server->options.drain.quiet, late);
}

static lc_time end_of_silence(lc_conn *conn)
{
  lc_time silence = conn->received ? conn->owner->drain->quiet : patience(conn);
  return lc_time_add(conn->last_byte_at, silence);
}

/* At once when the embedder's wait says that the connection is idle, else after a time of silence.
 * A connection that has sent nothing waits, too, for its first request may be on its way. */
lc_time lc_idle_look_at(lc_conn *conn)
{
  if (conn->state != LC_STATE_NEW && conn->state != LC_STATE_IDLE) return LC_NEVER;
  if (conn->in_refused) return LC_NEVER; /* what has come waits for memory */
  int unattended =
    !conn->tasks && !conn->guards && conn->wait == LC_WAIT_NONE && conn->state == LC_STATE_NEW;
  int is_busy = unattended ? lc_conn_is_half_way(conn) : !lc_conn_is_between(conn);
  if (is_busy || (unattended && conn->spoke))
    return LC_NEVER; /* what has come waits for its reader */
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (conn->received && protocol->is_sure(conn, lc_protocol_state(conn))) return 0;
  return end_of_silence(conn);
}

lc_time lc_conn_quiet_from(lc_conn *conn)
{
  if (!conn->owner || conn->state >= LC_STATE_CLOSING || lc_queue_size(conn)) return LC_NEVER;
  if (lc_crossing_unread(conn)) return LC_NEVER;
  return end_of_silence(conn);
}

static void dismiss(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  lc_mark_here(conn);
  conn->dismissed = 1;
  lc_member_of(conn)->was_idle = 1;
  if (server->events->draining && !conn->unheard) server->events->draining(conn, server->user);
  if (server->options.closes_idle || conn->unheard) lc_units_leave(conn, "drain");
}

void lc_idle_look(lc_conn *conn)
{
  if (!lc_conn_is_draining(conn) || lc_idle_look_at(conn) > conn->loop->now) return;
  if (lc_crossing_unread(conn)) lc_mark_unread(conn); /* a request has arrived: its event follows */
  else dismiss(conn);
}

int lc_idle_is_out_of_time(lc_conn *conn)
{
  if (!lc_conn_is_draining(conn) || conn->state != LC_STATE_IDLE || conn->tasks) return 0;
  if (lc_idle_look_at(conn) == LC_NEVER || lc_crossing_unread(conn)) return 0;
  dismiss(conn);
  return conn->state >= LC_STATE_CLOSING;
}
