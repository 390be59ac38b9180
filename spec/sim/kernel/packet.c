/* packet.c - packets on their way. Within a host they arrive at the same moment, between hosts
 * later, in another order, or never. */
#include "inside.h"

sim_tcp *sim_port_owner(const sim_kernel *kernel, uint16_t port)
{
  sim_tcp *tcp = kernel->bound;
  while (tcp && tcp->local.port != port) tcp = tcp->next_bound;
  return tcp;
}

/* The socket, or one on its host; NULL: no socket has such a port. */
static const sim_tcp *destination(const sim_packet *packet)
{
  const sim_tcp *from = packet->from;
  if (packet->to) return packet->to;
  if (from->peer) return from->peer;
  return sim_port_owner(from->file.kernel, from->remote.port);
}

static int is_gone(const sim_tcp *tcp) { return tcp && tcp->file.process->is_gone; }

static int is_lost(sim_kernel *kernel)
{
  return kernel->network.loss && sim_random(kernel, 1000) < kernel->network.loss;
}

static void arrive(void *user)
{
  sim_packet packet = *(sim_packet *)user;
  sim_tcp *to = packet.to ? packet.to : packet.from->peer;
  sim_kernel *kernel = packet.from->file.kernel;
  sim_give(kernel, user, sizeof packet);
  if (is_gone(packet.from) || is_gone(to) || (to && to->is_deaf)) return;
  if (to && to->state != TCP_LISTEN) sim_tcp_arrive(to, &packet);
  else sim_listener_arrive(&packet);
}

void sim_packet_send(const sim_packet *packet)
{
  const sim_tcp *from = packet->from, *to = destination(packet);
  sim_kernel *kernel = from->file.kernel;
  lc_time at = kernel->now;
  if (is_gone(from) || is_gone(to)) return;
  if (to && to->file.host != from->file.host) {
    if (is_lost(kernel)) return;
    at += kernel->network.delay;
    if (kernel->network.jitter)
      at += (lc_time)sim_random(kernel, (uint64_t)kernel->network.jitter + 1);
  }
  sim_packet *copy = sim_take(kernel, sizeof *copy);
  *copy = *packet;
  sim_at(kernel, at, arrive, copy);
}

lc_time sim_round_trip(const sim_tcp *tcp)
{
  const sim_kernel *kernel = tcp->file.kernel;
  return 2 * (kernel->network.delay + kernel->network.jitter) + kernel->network.ack_delay;
}
