/* listen.c - handshakes and the queue of a listening socket.
 *
 *   SYN ----> request (half-open) ----> queue ----> accept
 *               SYN-ACK, repeated       ACK
 *
 * A handshake under way is found by its own request, so that hiding the
 * listener (a device that does not exist) keeps new clients out and lets those
 * under way come in. A full queue drops the last step of a handshake: the
 * client counts itself connected, and its request stays for a later attempt.
 */
#include <string.h>

#include "inside.h"

#define SYN_ACK_FIRST LC_SECOND

enum { SYN_ACK_TIMES = 5 };

/* --------------------------------------------------------------- look-up -- */

static int is_every_interface(const sim_address *address)
{
  static const unsigned char none[16];
  return !memcmp(address->host, none, sizeof none);
}

static int is_for(const sim_tcp *listener, const sim_address *to)
{
  if (listener->state != TCP_LISTEN || listener->local.port != to->port) return 0;
  if (listener->local.family == AF_INET && to->family == AF_INET6) return 0;
  if (listener->v6_only && to->family == AF_INET) return 0;
  return is_every_interface(&listener->local) ||
         !memcmp(listener->local.host, to->host, sizeof to->host);
}

/* One of the listeners there, by chance. If it is hidden, the client must ask again. */
sim_tcp *sim_listener_for(sim_kernel *kernel, const sim_address *to)
{
  sim_tcp *found = NULL;
  uint64_t count = 0;
  for (sim_tcp *tcp = kernel->bound; tcp; tcp = tcp->next_bound)
    if (is_for(tcp, to) && (count++ == 0 || sim_random(kernel, count) == 0)) found = tcp;
  return found;
}

static int is_in_group(const sim_tcp *listener)
{
  for (const sim_tcp *tcp = listener->file.kernel->bound; tcp; tcp = tcp->next_bound)
    if (tcp != listener && is_for(tcp, &listener->local)) return 1;
  return 0;
}

/* ---------------------------------------------------------------- requests -- */

static void refuse(const sim_packet *packet)
{
  sim_tcp *from = packet->from, *owner = sim_port_owner(from->file.kernel, from->remote.port);
  sim_packet answer = {
    .from = owner ? owner : from, .to = from, .flags = SIM_RST, .sequence = packet->ack};
  if (!(packet->flags & SIM_RST)) sim_packet_send(&answer);
}

static void send_syn_ack(sim_tcp *listener, sim_tcp *client)
{
  sim_packet packet = {
    .from = listener, .to = client, .flags = SIM_SYN | SIM_ACK, .edge = listener->receive_buffer};
  sim_packet_send(&packet);
}

static lc_time patience(const sim_request *request) { return SYN_ACK_FIRST << request->repeated; }

static void request_end(sim_request *request)
{
  sim_request **place = &request->listener->requests;
  while (*place != request) place = &(*place)->next;
  *place = request->next;
  if (request->client->request == request) request->client->request = NULL;
  sim_alarm_clear(&request->timer);
  request->listener = NULL;
}

static void request_due(void *user)
{
  sim_request *request = user;
  if (!request->listener) return;
  if (request->repeated >= SYN_ACK_TIMES) {
    request_end(request);
    return;
  }
  request->repeated++;
  send_syn_ack(request->listener, request->client);
  sim_alarm_set(&request->timer, request->timer.kernel->now + patience(request));
}

unsigned sim_half_open(const sim_tcp *tcp)
{
  unsigned count = 0;
  for (const sim_request *request = tcp->requests; request; request = request->next) count++;
  return count;
}

static int is_queue_full(const sim_tcp *listener)
{
  return listener->queue_length > listener->backlog;
}

/* The listener may have been closed since the SYN found it. Then there is nothing for the client's answer to find. */
static void make_request(sim_tcp *listener, sim_tcp *client)
{
  sim_kernel *kernel = listener->file.kernel;
  if (client->request || client->peer) return; /* a repetition was faster */
  send_syn_ack(listener, client);
  if (listener->state != TCP_LISTEN) return;
  sim_request *request = sim_take(kernel, sizeof *request);
  *request = (sim_request){.listener = listener,
                           .client = client,
                           .next = listener->requests,
                           .timer = {.ring = request_due, .user = request, .kernel = kernel}};
  listener->requests = request;
  client->request = request;
  sim_alarm_set(&request->timer, kernel->now + patience(request));
}

static void take_syn(sim_tcp *listener, sim_tcp *client)
{
  if (is_queue_full(listener) || sim_half_open(listener) > listener->backlog) listener->drops++;
  else sim_arrival_end(make_request, listener, client);
}

/* ------------------------------------------------------------------ the queue -- */

static void reset(sim_tcp *child)
{
  child->linger = (struct linger){.l_onoff = 1, .l_linger = 0};
  sim_tcp_release(child);
}

static void enqueue(sim_tcp *listener, sim_tcp *child)
{
  sim_kernel *kernel = listener->file.kernel;
  if (listener->state != TCP_LISTEN) {
    reset(child);
    return;
  }
  if (listener->queue_length == listener->queue_capacity) {
    unsigned old = listener->queue_capacity, capacity = old ? old * 2 : 16;
    sim_tcp **queue = sim_take(kernel, capacity * sizeof(sim_tcp *));
    if (old) memcpy(queue, listener->queue, old * sizeof(sim_tcp *));
    sim_give(kernel, listener->queue, old * sizeof(sim_tcp *));
    listener->queue = queue;
    listener->queue_capacity = capacity;
  }
  listener->queue[listener->queue_length++] = child;
  sim_file_wake(&listener->file, EPOLLIN);
}

/* The client's host has answered: an end of its own, with what the listener hands down. */
static sim_tcp *become_connection(sim_request *request)
{
  sim_tcp *listener = request->listener, *client = request->client;
  sim_tcp *child = sim_tcp_new(listener->file.process, listener->local.family);
  child->file.host = listener->file.host;
  child->local = client->remote;
  child->local.family = listener->local.family;
  child->remote = client->local;
  child->remote.family = listener->local.family;
  child->keepalive = listener->keepalive;
  child->keep_idle = listener->keep_idle;
  child->keep_interval = listener->keep_interval;
  child->keep_count = listener->keep_count;
  child->user_timeout = listener->user_timeout;
  child->nodelay = listener->nodelay;
  child->linger = listener->linger;
  child->send_buffer = listener->send_buffer;
  child->receive_buffer = listener->receive_buffer;
  child->told_edge = child->receive_buffer;
  child->retransmits = request->repeated;
  child->edge = client->receive_buffer;
  child->heard_at = listener->file.kernel->now;
  child->peer = client;
  client->peer = child;
  sim_tcp_establish(child);
  request_end(request);
  sim_arrival_end(enqueue, listener, child);
  return child;
}

static int must_wait_for_data(const sim_request *request, const sim_packet *packet)
{
  const sim_tcp *listener = request->listener;
  return listener->defer_accept && !packet->length && !(packet->flags & SIM_FIN) &&
         (lc_time)listener->defer_accept * LC_SECOND > patience(request) - SYN_ACK_FIRST;
}

static void take_answer(sim_request *request, const sim_packet *packet)
{
  sim_tcp *listener = request->listener;
  if (packet->flags & SIM_RST) {
    request_end(request);
    return;
  }
  if (must_wait_for_data(request, packet)) return;
  if (is_queue_full(listener)) {
    request->is_acked = 1;
    listener->drops++;
    return;
  }
  sim_tcp_arrive(become_connection(request), packet);
}

/* From a client that has no other end yet. */
void sim_listener_arrive(const sim_packet *packet)
{
  sim_tcp *client = packet->from;
  sim_tcp *listener = sim_listener_for(client->file.kernel, &client->remote);
  if (listener && listener->file.process->is_gone) return;
  if (!(packet->flags & SIM_SYN)) {
    if (client->request) take_answer(client->request, packet);
    else refuse(packet);
  } else if (client->request) {
    send_syn_ack(client->request->listener, client);
  } else if (!listener || (listener->device && !is_in_group(listener))) {
    refuse(packet);
  } else if (!listener->device) { /* else it is dealt one that is hidden, and tries again */
    take_syn(listener, client);
  }
}

/* Whoever queues is reset; handshakes under way are forgotten, and their clients hear when they
 * speak. */
void sim_listener_close(sim_tcp *tcp)
{
  while (tcp->requests) request_end(tcp->requests);
  for (unsigned i = 0; i < tcp->queue_length; i++) reset(tcp->queue[i]);
  tcp->queue_length = 0;
  tcp->state = TCP_CLOSE;
}
