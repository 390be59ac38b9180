/* output.c - what one end of a connection sends, and when it does so again.
 *
 * One alarm serves for repeating what is not acknowledged, for probing a closed
 * window, and for SYNs; as on Linux each time doubles the next, and the user
 * timeout ends all of them. There is no congestion window: the network decides
 * what is lost.
 */
#include <string.h>

#include "inside.h"

#define RETRANSMIT_FIRST (200 * LC_MILLISECOND)
#define RETRANSMIT_LONGEST (120 * LC_SECOND)
#define SYN_FIRST LC_SECOND

enum { SYN_COUNT = 6, TIMES = 15, ORPHAN_TIMES = 8, USUAL_SEGMENT = 1448 };

/* ---------------------------------------------------------------- streams -- */

static void stream_grow(sim_kernel *kernel, sim_stream *stream, uint64_t from, size_t size)
{
  size_t capacity = stream->capacity ? stream->capacity : 1024;
  while (capacity < size) capacity *= 2;
  if (capacity == stream->capacity) return;
  char *bytes = sim_take(kernel, capacity);
  for (uint64_t i = from; i < stream->end; i++)
    bytes[i & (capacity - 1)] = stream->bytes[i & (stream->capacity - 1)];
  sim_give(kernel, stream->bytes, stream->capacity);
  stream->bytes = bytes;
  stream->capacity = capacity;
}

size_t sim_stream_write(sim_tcp *tcp, const char *bytes, size_t size)
{
  sim_stream *stream = &tcp->out;
  uint64_t from = tcp->peer ? tcp->peer->read : 0;
  if (!stream->is_deaf) {
    stream_grow(tcp->file.kernel, stream, from, (size_t)(stream->end - from) + size);
    size_t at = stream->end & (stream->capacity - 1), first = stream->capacity - at;
    if (first > size) first = size;
    memcpy(stream->bytes + at, bytes, first);
    memcpy(stream->bytes, bytes + first, size - first);
  }
  stream->end += size;
  tcp->written += size;
  return size;
}

void sim_stream_read(const sim_tcp *tcp, char *bytes, size_t size)
{
  const sim_stream *stream = &tcp->peer->out;
  size_t at = tcp->read & (stream->capacity - 1), first = stream->capacity - at;
  if (first > size) first = size;
  memcpy(bytes, stream->bytes + at, first);
  memcpy(bytes + first, stream->bytes, size - first);
}

void sim_stream_drop(sim_kernel *kernel, sim_stream *stream)
{
  sim_give(kernel, stream->bytes, stream->capacity);
  stream->bytes = NULL;
  stream->capacity = 0;
  stream->is_deaf = 1;
}

/* ---------------------------------------------------------------- packets -- */

void sim_tcp_send(sim_tcp *tcp, unsigned flags, uint64_t sequence, uint64_t length)
{
  uint64_t edge = tcp->read + tcp->receive_buffer;
  sim_packet packet = {.from = tcp,
                       .flags = flags,
                       .sequence = sequence,
                       .length = length,
                       .ack = tcp->received + (tcp->fin_received ? 1 : 0),
                       .edge = edge};
  if (edge > tcp->told_edge) tcp->told_edge = edge;
  sim_alarm_clear(&tcp->ack);
  sim_packet_send(&packet);
}

void sim_tcp_ack(sim_tcp *tcp) { sim_tcp_send(tcp, SIM_ACK, tcp->sent, 0); }

void sim_tcp_ack_soon(sim_tcp *tcp)
{
  lc_time most = tcp->file.kernel->network.ack_delay;
  if (!most) sim_tcp_ack(tcp);
  else if (!tcp->ack.at) sim_alarm_set(&tcp->ack, tcp->file.kernel->now + most);
}

/* The reset is not repeated. A peer that missed it gets another when it sends something. */
void sim_tcp_reset_peer(sim_tcp *tcp) { sim_tcp_send(tcp, SIM_RST, tcp->most_sent, 0); }

/* The peer hears of room when it is worth a packet. */
void sim_tcp_open_window(sim_tcp *tcp)
{
  uint64_t edge = tcp->read + tcp->receive_buffer, known = tcp->told_edge - tcp->received;
  if (tcp->fin_received || tcp->state == TCP_CLOSE) return;
  if (edge - tcp->told_edge >= tcp->receive_buffer / 2 ||
      (known < tcp->receive_buffer / 4 && edge - tcp->received >= 2 * known + 1))
    sim_tcp_ack(tcp);
}

/* --------------------------------------------------------------- sending -- */

static uint64_t segment_size(const sim_tcp *tcp)
{
  unsigned size = tcp->file.kernel->network.segment;
  return size ? size : USUAL_SEGMENT;
}

static int may_send(const sim_tcp *tcp)
{
  switch (tcp->state) {
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
    case TCP_FIN_WAIT1:
    case TCP_CLOSING:
    case TCP_LAST_ACK: return 1;
    default: return 0;
  }
}

static void note_first(sim_tcp *tcp)
{
  if (tcp->sent == tcp->acknowledged) tcp->sent_since = tcp->file.kernel->now;
}

void sim_tcp_push(sim_tcp *tcp)
{
  if (!may_send(tcp)) return;
  while (tcp->sent < tcp->written) {
    uint64_t data_left = tcp->out.end > tcp->sent ? tcp->out.end - tcp->sent : 0;
    uint64_t room = tcp->edge > tcp->sent ? tcp->edge - tcp->sent : 0;
    uint64_t size = data_left < segment_size(tcp) ? data_left : segment_size(tcp);
    if (size > room) size = room;
    if (!size && data_left) break; /* the window is closed */
    int is_last = tcp->fin_wanted && size == data_left;
    note_first(tcp);
    if (tcp->sent < tcp->most_sent) tcp->retransmits++;
    sim_tcp_send(tcp, SIM_ACK | (is_last ? SIM_FIN : 0u), tcp->sent, size);
    tcp->sent += size + (is_last ? 1 : 0);
    if (tcp->sent > tcp->most_sent) tcp->most_sent = tcp->sent;
  }
  sim_tcp_rearm(tcp);
}

/* ----------------------------------------------------------------- alarms -- */

static lc_time doubled(lc_time time, unsigned times)
{
  while (times-- && time < RETRANSMIT_LONGEST) time *= 2;
  return time < RETRANSMIT_LONGEST ? time : RETRANSMIT_LONGEST;
}

static lc_time limit_of(const sim_tcp *tcp)
{
  if (!tcp->user_timeout) return LC_NEVER;
  return tcp->sent_since + tcp->user_timeout * LC_MILLISECOND;
}

void sim_tcp_rearm(sim_tcp *tcp)
{
  lc_time first = RETRANSMIT_FIRST + sim_round_trip(tcp);
  if (tcp->acknowledged == tcp->written || tcp->retransmit.at) return;
  if (tcp->sent == tcp->acknowledged)
    tcp->sent_since = tcp->file.kernel->now; /* the window is closed */
  lc_time at = tcp->file.kernel->now + doubled(first, tcp->backoff);
  sim_alarm_set(&tcp->retransmit, lc_time_earlier(at, limit_of(tcp)));
}

static void give_up(sim_tcp *tcp) { sim_tcp_fail(tcp, ETIMEDOUT); }

static void retransmit_syn(sim_tcp *tcp)
{
  if (++tcp->backoff > (unsigned)tcp->syn_count) {
    give_up(tcp);
    return;
  }
  sim_tcp_connect(tcp);
}

/* What has not been acknowledged goes out again; the window is probed when it is closed. */
static void retransmit_due(void *user)
{
  sim_tcp *tcp = user;
  lc_time now = tcp->file.kernel->now;
  if (tcp->state == TCP_SYN_SENT) {
    retransmit_syn(tcp);
    return;
  }
  if (!may_send(tcp)) return;
  tcp->backoff++;
  if (now >= limit_of(tcp) || tcp->backoff > (tcp->is_orphan ? ORPHAN_TIMES : TIMES)) {
    give_up(tcp);
    return;
  }
  lc_time at = now + doubled(RETRANSMIT_FIRST + sim_round_trip(tcp), tcp->backoff);
  sim_alarm_set(&tcp->retransmit, lc_time_earlier(at, limit_of(tcp)));
  if (tcp->sent == tcp->acknowledged && tcp->edge <= tcp->sent && tcp->out.end > tcp->sent) {
    sim_tcp_send(tcp, SIM_ACK | SIM_PROBE, tcp->acknowledged, 0);
    return;
  }
  tcp->sent = tcp->acknowledged;
  lc_time since = tcp->sent_since;
  sim_tcp_push(tcp);
  tcp->sent_since = since;
}

static void ack_due(void *user) { sim_tcp_ack(user); }

void sim_tcp_connect(sim_tcp *tcp)
{
  sim_packet packet = {.from = tcp, .flags = SIM_SYN, .edge = tcp->receive_buffer};
  tcp->told_edge = tcp->receive_buffer;
  sim_packet_send(&packet);
  sim_alarm_set(&tcp->retransmit, tcp->file.kernel->now + doubled(SYN_FIRST, tcp->backoff));
}

/* -------------------------------------------------------------- keepalive -- */

static int has_peer(const sim_tcp *tcp)
{
  return tcp->state != TCP_CLOSE && tcp->state != TCP_LISTEN && tcp->state != TCP_SYN_SENT;
}

void sim_tcp_keep_alive(sim_tcp *tcp)
{
  if (tcp->keepalive && has_peer(tcp) && !tcp->is_orphan)
    sim_alarm_set(&tcp->alive, tcp->file.kernel->now + tcp->keep_idle * LC_SECOND);
}

static int is_given_up(const sim_tcp *tcp, lc_time quiet)
{
  if (tcp->user_timeout) return tcp->unanswered && quiet >= tcp->user_timeout * LC_MILLISECOND;
  return tcp->unanswered >= (unsigned)tcp->keep_count;
}

/* For an orphan: whose peer sent no FIN in time. */
static void alive_due(void *user)
{
  sim_tcp *tcp = user;
  lc_time now = tcp->file.kernel->now, quiet = now - tcp->heard_at;
  if (tcp->is_orphan) {
    if (tcp->state == TCP_FIN_WAIT2) sim_tcp_done(tcp);
    return;
  }
  if (!tcp->keepalive || !has_peer(tcp)) return;
  lc_time idle = tcp->keep_idle * LC_SECOND, interval = tcp->keep_interval * LC_SECOND;
  if (tcp->acknowledged < tcp->written) {
    sim_alarm_set(&tcp->alive, now + idle); /* retransmission is at work */
  } else if (quiet < idle) {
    sim_alarm_set(&tcp->alive, tcp->heard_at + idle);
  } else if (is_given_up(tcp, quiet)) {
    sim_tcp_reset_peer(tcp);
    give_up(tcp);
  } else {
    tcp->unanswered++;
    sim_tcp_send(tcp, SIM_ACK | SIM_PROBE, tcp->sent, 0);
    sim_alarm_set(&tcp->alive, now + interval);
  }
}

/* ------------------------------------------------------------------ birth -- */

sim_tcp *sim_tcp_new(sim_process *process, sa_family_t family)
{
  sim_kernel *kernel = process->kernel;
  unsigned buffer = kernel->network.buffer ? kernel->network.buffer : 64 * 1024;
  sim_tcp *tcp = sim_take(kernel, sizeof *tcp);
  sim_file_init(&tcp->file, SIM_TCP, process);
  tcp->state = TCP_CLOSE;
  tcp->local.family = tcp->remote.family = family;
  tcp->fin_at = UINT64_MAX;
  tcp->send_buffer = tcp->receive_buffer = buffer;
  tcp->keep_idle = 7200;
  tcp->keep_interval = 75;
  tcp->keep_count = 9;
  tcp->syn_count = SYN_COUNT;
  tcp->retransmit = (sim_alarm){.ring = retransmit_due, .user = tcp, .kernel = kernel};
  tcp->ack = (sim_alarm){.ring = ack_due, .user = tcp, .kernel = kernel};
  tcp->alive = (sim_alarm){.ring = alive_due, .user = tcp, .kernel = kernel};
  return tcp;
}
