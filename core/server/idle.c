/* idle.c - who is closed as idle by a drain, and when. */
#include "server/idle.h"

#include <netinet/tcp.h>

#include "conn/activity.h"
#include "conn/crossing.h"
#include "conn/mark.h"
#include "conn/protocol.h"
#include "conn/queue.h"
#include "conn/units.h"
#include "server/member.h"

/* How much longer than `quiet` a first request may take where packets are lost. */
#define LATE_AFTER_LOSS (12 * LC_SECOND)
#define LATE_AFTER_HEAVY_LOSS (21 * LC_SECOND)
#define HEAVY 20 /* one handshake in so many lost a packet, and more than one did */

/* Counts a handshake that is seen for the first time. The kernel tells of our packets only. */
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

/* The silence after which one that never spoke counts as idle.
 *
 * Its first request may be late where packets are lost. Whoever had to connect twice repeats it after
 * 3, 9 and 21 s (RFC 6298, 5.7); a system that remembers slow connects to our address (Linux does)
 * after some 0.3, 3.7 and 10 s, whatever this handshake was like. Whoever lost a packet of their own
 * looks as if all had gone well; so those that show losses speak for all. While a listener still
 * settles, those that will show them may be yet to come: for ever. */
static lc_time patience(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  look_at_handshake(conn);
  if (lc_server_is_listening(server)) return LC_NEVER;
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

/* At once when the wait said so itself, else after a time of silence; also one that never spoke, whose first request
 * may still be on its way. */
lc_time lc_idle_look_at(lc_conn *conn)
{
  if (conn->state != LC_STATE_NEW && conn->state != LC_STATE_IDLE) return LC_NEVER;
  int unattended =
    !conn->tasks && !conn->guards && conn->wait == LC_WAIT_NONE && conn->state == LC_STATE_NEW;
  if (!lc_conn_is_between(conn) && !unattended) return LC_NEVER;
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

void lc_idle_look(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  if (!lc_conn_is_draining(conn) || lc_idle_look_at(conn) > conn->loop->now) return;
  if (lc_crossing_unread(conn)) return; /* a request has arrived: its event is coming */
  lc_mark_here(conn);
  conn->dismissed = 1;
  lc_member_of(conn)->was_idle = 1;
  if (server->events->draining && !conn->unheard) server->events->draining(conn, server->user);
  if (server->options.closes_idle || conn->unheard) lc_units_leave(conn, "drain");
}
