/* tcp.c - what arrives at one end of a connection, and what becomes of it.
 *
 *   close --connect--> syn_sent --> established --shutdown--> fin_wait1 --acked--> fin_wait2
 *                                        |                        |                    |
 *                                       FIN                      FIN                  FIN
 *                                        v                        v                    v
 *                                   close_wait --shutdown--> last_ack, closing --> close
 *
 * An end in state close that was connected answers as Linux' time-wait does (when
 * it closed in order), or with a reset. As there, a reset leaves what was
 * received to be read first, and the error is told once.
 */
#include "inside.h"

#define IN_RANGE(x, from, to) ((x) >= (from) && (x) <= (to))
#define FIN_TIMEOUT (60 * LC_SECOND)

/* ------------------------------------------------------------------- ends -- */

void sim_tcp_done(sim_tcp *tcp)
{
  tcp->state = TCP_CLOSE;
  tcp->shutdown = 1 << SHUT_RD | 1 << SHUT_WR;
  sim_alarm_clear(&tcp->retransmit);
  sim_alarm_clear(&tcp->ack);
  sim_alarm_clear(&tcp->alive);
  sim_file_wake(&tcp->file, 0);
}

void sim_tcp_fail(sim_tcp *tcp, int error)
{
  tcp->error = error;
  sim_tcp_done(tcp);
  sim_file_wake(&tcp->file, EPOLLERR);
}

static void take_reset(sim_tcp *tcp)
{
  int error = ECONNRESET;
  if (tcp->state == TCP_CLOSE) return;
  if (tcp->state == TCP_SYN_SENT) error = ECONNREFUSED;
  if (tcp->state == TCP_CLOSE_WAIT) error = EPIPE;
  tcp->was_reset = 1;
  sim_tcp_fail(tcp, error);
}

static void to_time_wait(sim_tcp *tcp)
{
  tcp->is_time_wait = 1;
  sim_tcp_done(tcp);
}

/* The peer has the FIN. */
static void fin_acknowledged(sim_tcp *tcp)
{
  switch (tcp->state) {
    case TCP_FIN_WAIT1:
      tcp->state = TCP_FIN_WAIT2;
      sim_file_wake(&tcp->file, 0);
      if (tcp->is_orphan) sim_alarm_set(&tcp->alive, tcp->file.kernel->now + FIN_TIMEOUT);
      break;
    case TCP_CLOSING: to_time_wait(tcp); break;
    case TCP_LAST_ACK: sim_tcp_done(tcp); break;
    default: break;
  }
}

static void take_fin(sim_tcp *tcp)
{
  tcp->fin_received = 1;
  tcp->shutdown |= 1 << SHUT_RD;
  switch (tcp->state) {
    case TCP_ESTABLISHED: tcp->state = TCP_CLOSE_WAIT; break;
    case TCP_FIN_WAIT1: tcp->state = TCP_CLOSING; break;
    case TCP_FIN_WAIT2: to_time_wait(tcp); break;
    default: break;
  }
  sim_file_wake(&tcp->file, 0);
}

/* -------------------------------------------------------- what is received -- */

/* Ranges that came ahead of a gap: one more, joined with those it touches. */
static void keep_ahead(sim_tcp *tcp, sim_range range)
{
  int kept = 0;
  for (int i = 0; i < tcp->ranges; i++) {
    sim_range other = tcp->ahead[i];
    if (other.to < range.from || other.from > range.to) {
      tcp->ahead[kept++] = other;
      continue;
    }
    if (other.from < range.from) range.from = other.from;
    if (other.to > range.to) range.to = other.to;
  }
  if (kept < SIM_RANGES) tcp->ahead[kept++] = range;
  tcp->ranges = kept;
}

static void close_gap(sim_tcp *tcp)
{
  for (int i = 0; i < tcp->ranges; i++) {
    if (tcp->ahead[i].from > tcp->received) continue;
    if (tcp->ahead[i].to > tcp->received) tcp->received = tcp->ahead[i].to;
    tcp->ahead[i] = tcp->ahead[--tcp->ranges];
    i = -1; /* it may have reached another */
  }
}

static void take_data(sim_tcp *tcp, const sim_packet *packet)
{
  uint64_t end = packet->sequence + packet->length, before = tcp->received;
  uint64_t limit = tcp->read + tcp->receive_buffer;
  if (packet->flags & SIM_FIN) tcp->fin_at = end;
  if (end > limit) end = limit;
  if (packet->sequence > tcp->received) {
    if (end > packet->sequence) keep_ahead(tcp, (sim_range){packet->sequence, end});
  } else if (end > tcp->received) {
    tcp->received = end;
    close_gap(tcp);
  }
  if (tcp->received > before) {
    sim_file_wake(&tcp->file, EPOLLIN);
    sim_tcp_keep_alive(tcp);
  }
  if (!tcp->fin_received && tcp->received == tcp->fin_at) take_fin(tcp);
  if (tcp->received == before || tcp->fin_received || tcp->ranges) sim_tcp_ack(tcp);
  else sim_tcp_ack_soon(tcp);
}

/* Nobody is there to read what has come, or wants to when all is sent, and the peer must hear of
 * it. */
static int is_unwanted(const sim_tcp *tcp, const sim_packet *packet)
{
  int is_shut =
    tcp->shutdown & 1 << SHUT_RD && (tcp->state == TCP_FIN_WAIT1 || tcp->state == TCP_FIN_WAIT2);
  return (tcp->is_orphan || is_shut) && packet->length &&
         packet->sequence + packet->length > tcp->received;
}

/* ------------------------------------------------------ what is acknowledged -- */

static void stop_repeating(sim_tcp *tcp)
{
  tcp->backoff = 0;
  sim_alarm_clear(&tcp->retransmit);
}

static void take_ack(sim_tcp *tcp, const sim_packet *packet)
{
  if (packet->edge > tcp->edge) {
    if (tcp->sent == tcp->acknowledged)
      stop_repeating(tcp); /* it was the window that was waited for */
    tcp->edge = packet->edge;
  }
  if (!IN_RANGE(packet->ack, tcp->acknowledged + 1, tcp->most_sent)) return;
  tcp->acknowledged = packet->ack;
  tcp->acknowledged_at = tcp->file.kernel->now;
  if (tcp->sent < tcp->acknowledged) tcp->sent = tcp->acknowledged;
  tcp->sent_since = tcp->file.kernel->now;
  stop_repeating(tcp);
  if (tcp->fin_wanted && tcp->acknowledged == tcp->written) fin_acknowledged(tcp);
  if (tcp->wants_space && sim_tcp_is_writable(tcp)) {
    tcp->wants_space = 0;
    sim_file_wake(&tcp->file, EPOLLOUT);
  }
}

/* ------------------------------------------------------------------ arrivals -- */

void sim_tcp_establish(sim_tcp *tcp)
{
  tcp->state = TCP_ESTABLISHED;
  stop_repeating(tcp);
  sim_tcp_keep_alive(tcp);
}

/* The answer to an end that is not there, or no longer. */
static void refuse(sim_tcp *tcp, const sim_packet *packet)
{
  sim_packet answer = {.from = tcp, .to = packet->from, .flags = SIM_RST, .sequence = packet->ack};
  if (!(packet->flags & SIM_RST)) sim_packet_send(&answer);
}

static void arrive_closed(sim_tcp *tcp, const sim_packet *packet)
{
  if (!tcp->is_time_wait) refuse(tcp, packet);
  else if (packet->flags & (SIM_FIN | SIM_PROBE) || packet->length) sim_tcp_ack(tcp);
}

static void arrive_connecting(sim_tcp *tcp, const sim_packet *packet)
{
  if (packet->flags & SIM_RST) {
    take_reset(tcp);
  } else if (packet->flags & SIM_SYN) {
    sim_tcp_establish(tcp);
    tcp->edge = packet->edge;
    sim_tcp_ack(tcp);
    sim_file_wake(&tcp->file, 0);
  }
}

/* Not quite where it should be: it may be forged, or have overtaken data. The answer brings
 * another. */
static void arrive_reset(sim_tcp *tcp, const sim_packet *packet)
{
  uint64_t next = tcp->received + (tcp->fin_received ? 1 : 0);
  if (packet->sequence == next) take_reset(tcp);
  else if (IN_RANGE(packet->sequence, next, tcp->told_edge + 1)) sim_tcp_ack(tcp);
}

void sim_tcp_arrive(sim_tcp *tcp, const sim_packet *packet)
{
  tcp->heard_at = tcp->file.kernel->now;
  tcp->unanswered = 0;
  if (tcp->state == TCP_CLOSE) {
    arrive_closed(tcp, packet);
  } else if (tcp->state == TCP_SYN_SENT) {
    arrive_connecting(tcp, packet);
  } else if (packet->flags & SIM_RST) {
    arrive_reset(tcp, packet);
  } else if (packet->flags & SIM_SYN) {
    sim_tcp_ack(tcp); /* the other end has not heard that we have heard */
  } else if (is_unwanted(tcp, packet)) {
    take_reset(tcp);
    sim_tcp_reset_peer(tcp);
  } else {
    take_ack(tcp, packet);
    if (packet->length || (packet->flags & SIM_FIN)) take_data(tcp, packet);
    else if (packet->flags & SIM_PROBE) sim_tcp_ack(tcp);
    if (tcp->state != TCP_CLOSE) sim_tcp_push(tcp);
  }
}

/* ---------------------------------------------------------------- looking -- */

int sim_tcp_is_writable(const sim_tcp *tcp)
{
  uint64_t queued = tcp->written - tcp->acknowledged;
  return queued < tcp->send_buffer && tcp->send_buffer - queued >= queued / 2;
}

uint32_t sim_tcp_poll(const sim_tcp *tcp)
{
  const int both = 1 << SHUT_RD | 1 << SHUT_WR;
  uint32_t events = 0;
  if (tcp->state == TCP_LISTEN) return tcp->queue_length ? EPOLLIN : 0;
  if (tcp->shutdown == both || tcp->state == TCP_CLOSE) events |= EPOLLHUP;
  if (tcp->shutdown & 1 << SHUT_RD) events |= EPOLLIN | EPOLLRDHUP;
  if (tcp->error) events |= EPOLLERR;
  if (tcp->state == TCP_SYN_SENT) return events;
  if (tcp->received > tcp->read) events |= EPOLLIN;
  if (tcp->shutdown & 1 << SHUT_WR || sim_tcp_is_writable(tcp)) events |= EPOLLOUT;
  else ((sim_tcp *)(uintptr_t)tcp)->wants_space = 1; /* as Linux: who has asked is to be told */
  return events;
}

/* -------------------------------------------------------- birth and death -- */

void sim_tcp_release(sim_tcp *tcp)
{
  int has_unread = tcp->received > tcp->read;
  int is_abort = tcp->linger.l_onoff && !tcp->linger.l_linger;
  tcp->is_orphan = 1;
  if (tcp->peer) sim_stream_drop(tcp->file.kernel, &tcp->peer->out);
  if (tcp->state == TCP_LISTEN) {
    sim_listener_close(tcp);
    return;
  }
  switch (tcp->state) {
    case TCP_CLOSE: return;
    case TCP_SYN_SENT: sim_tcp_done(tcp); return;
    default: break;
  }
  if (has_unread || is_abort) {
    sim_tcp_done(tcp);
    sim_tcp_reset_peer(tcp);
    return;
  }
  tcp->shutdown = 1 << SHUT_RD | 1 << SHUT_WR;
  if (!tcp->fin_wanted) {
    tcp->fin_wanted = 1;
    tcp->written++;
    tcp->state = tcp->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT1;
    sim_tcp_push(tcp);
  } else if (tcp->state == TCP_FIN_WAIT2) {
    sim_alarm_set(&tcp->alive, tcp->file.kernel->now + FIN_TIMEOUT);
  }
}
