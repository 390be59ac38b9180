/* client.c - one connection, from connect() to its one outcome. */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "address.h"
#include "temper.h"

enum { BLOCK = 65536, PERIOD = 26, SEND_A_STEP = 1 << 20 };

static const double busy_pause = 0.001;

/* Long enough that any stretch of BLOCK bytes of the pattern lies in it. */
static const char *pattern_at(uint64_t offset)
{
  static char pattern[BLOCK + PERIOD];
  if (pattern[0] == '\0')
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (char)('a' + i % PERIOD);
  return pattern + offset % PERIOD;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ---- what is said and what is expected ---- */

void client_say(struct client *client, uint64_t body, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(client->request, sizeof client->request, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof client->request) give_up("request too long");
  client->request_length = (size_t)length;
  client->request_sent = 0;
  client->body = body;
  client->body_sent = 0;
}

void client_expect(struct client *client, uint64_t pattern, const char *tail)
{
  client->pattern = pattern;
  client->tail_length = (size_t)snprintf(client->tail, sizeof client->tail, "%s", tail);
  client->got = 0;
}

void client_ask_http(struct client *client, bool is_last)
{
  client_say(client, 0, "GET / HTTP/1.1\r\nHost: lab\r\n%s\r\n",
             is_last ? "Connection: close\r\n" : "");
  client->speaks_http = true;
  client->awaits_end = is_last;
  client->got = 0;
  reply_begin(&client->reply);
}

/* ---- connecting ---- */

static bool means_refused(int error) { return error == ECONNREFUSED || error == ENOENT; }

static bool means_our_fault(int error)
{
  return error == EMFILE || error == ENFILE || error == EADDRNOTAVAIL || error == ENOBUFS ||
         error == ENOMEM || error == EADDRINUSE;
}

static void note_connected(struct client *client)
{
  struct temper *temper = client->temper;
  temper->tally.count[CONNECTED]++;
  if (temper->engine->bell_at >= 0)
    temper->tally.last_connected = temper->engine->now - temper->engine->bell_at;
}

/* ECONNREFUSED can only come before the handshake was complete, ECONNRESET and
 * EPIPE only after it: that client was connected, and is lost. */
static void connect_failed(struct client *client, int error)
{
  tally_error(&client->temper->tally, AT_CONNECT, error);
  if (means_refused(error)) {
    client_end(client, REFUSED);
  } else if (error == ECONNRESET || error == EPIPE) {
    note_connected(client);
    client_end(client, LOST);
  } else {
    client_end(client, means_our_fault(error) ? LOCAL : OTHER);
  }
}

static void connected(struct client *client)
{
  client->phase = TALKING;
  note_connected(client);
  client->temper->kind->step(client);
}

static void try_connect(struct client *client)
{
  struct temper *temper = client->temper;
  const struct address *to = &temper->address;
  int failed = connect(client->fd, (const struct sockaddr *)&to->name, to->length);
  int error = failed ? errno : 0;
  if (error == EAGAIN && to->name.ss_family == AF_UNIX) {
    client->phase = WAITING;
    temper->tally.count[BUSY]++;
    alarm_set(temper->engine, &client->alarm, temper->engine->now + busy_pause);
    return;
  }
  if (error && error != EINPROGRESS && error != EINTR) {
    connect_failed(client, error);
    return;
  }
  client->phase = CONNECTING;
  struct epoll_event event = {
    .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
    .data.ptr = client,
  };
  /* Not before connect(): an unconnected socket reports a hang-up. */
  if (epoll_ctl(temper->engine->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0)
    give_up("epoll_ctl");
}

static void enlist(struct client *client)
{
  struct temper *temper = client->temper;
  client->next = temper->clients;
  if (client->next) client->next->previous = client;
  temper->clients = client;
  temper->live++;
}

void client_open(struct temper *temper)
{
  struct client *client = must_have(calloc(1, sizeof *client));
  client->temper = temper;
  client->alarm.ring = client_ring;
  client->begun = clock_now();
  uint64_t number = temper->tally.count[OPENED]++;
  enlist(client);
  temper->kind->prepare(client, number);

  client->fd =
    socket(temper->address.name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0) {
    connect_failed(client, errno);
    return;
  }
  int receive_buffer = (int)temper->receive_buffer;
  if (receive_buffer > 0)
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (temper->sources > 1 && temper->address.many_sources &&
      address_bind_source(client->fd, (unsigned)(number % temper->sources)) < 0) {
    connect_failed(client, errno);
    return;
  }
  try_connect(client);
}

/* ---- events ---- */

void client_event(struct client *client, uint32_t events)
{
  if (client->fd < 0) return; /* ended earlier in this turn */
  client->hung_up = client->hung_up || (events & EPOLLHUP);
  if (client->phase == CONNECTING) {
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) connect_failed(client, error);
    else connected(client);
    return;
  }
  client->temper->kind->step(client);
}

void client_ring(struct engine *engine, struct alarm *alarm)
{
  (void)engine;
  struct client *client = (struct client *)alarm;
  if (client->phase == WAITING) try_connect(client);
  else if (client->phase == TALKING) client->temper->kind->step(client);
}

void client_again(struct client *client, double when)
{
  if (client->alarm.place == 0 || when < client->alarm.due)
    alarm_set(client->temper->engine, &client->alarm, when);
}

/* ---- sending ---- */

static ssize_t send_some(struct client *client)
{
  if (client->request_sent < client->request_length) {
    ssize_t n = send(client->fd, client->request + client->request_sent,
                     client->request_length - client->request_sent, MSG_NOSIGNAL);
    if (n > 0) client->request_sent += (size_t)n;
    return n;
  }
  size_t size = (size_t)least(client->body - client->body_sent, BLOCK);
  ssize_t n = send(client->fd, pattern_at(client->body_sent), size, MSG_NOSIGNAL);
  if (n > 0) client->body_sent += (uint64_t)n;
  return n;
}

bool client_send(struct client *client)
{
  uint64_t sent = 0;
  while (client->request_sent < client->request_length || client->body_sent < client->body) {
    if (sent >= SEND_A_STEP) {
      client_again(client, client->temper->engine->now);
      return false;
    }
    ssize_t n = send_some(client);
    if (n >= 0) {
      sent += (uint64_t)n;
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      tally_error(&client->temper->tally, AT_SEND, errno);
      client->request_sent = client->request_length;
      client->body_sent = client->body;
    }
  }
  return true;
}

bool client_acknowledged(const struct client *client)
{
  int unacknowledged = 0;
  return ioctl(client->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

/* ---- reading ---- */

static uint64_t reply_length(const struct client *client)
{
  return client->pattern + client->tail_length;
}

static bool has_reply(const struct client *client)
{
  return client->speaks_http ? client->reply.part == REPLY_WHOLE
                             : client->got >= reply_length(client);
}

/* Bytes beyond the reply are no error: a server may say farewell. */
static bool as_expected(struct client *client, const char *data, size_t length)
{
  if (client->speaks_http) {
    client->got += length;
    return reply_take(&client->reply, data, length, &client->surplus);
  }
  if (client->got < client->pattern) {
    size_t part = (size_t)least(client->pattern - client->got, length);
    if (memcmp(data, pattern_at(client->got), part) != 0) return false;
    client->got += part;
    data += part;
    length -= part;
  }
  size_t seen = (size_t)(client->got - client->pattern);
  size_t part = (size_t)least(client->tail_length - seen, length);
  if (client->got < client->pattern || part == 0) {
    client->surplus = client->surplus || length > 0;
    return true;
  }
  if (memcmp(data, client->tail + seen, part) != 0) return false;
  client->got += part;
  client->surplus = length > part;
  return true;
}

static enum reading read_error(struct client *client)
{
  if (errno == EAGAIN) return READ_BLOCKED;
  tally_error(&client->temper->tally, AT_RECV, errno);
  return READ_ERROR;
}

enum reading client_read(struct client *client, uint64_t limit)
{
  char buffer[BLOCK];
  while (!has_reply(client) || client->awaits_end) {
    if (limit == 0) return READ_LIMIT;
    ssize_t n = recv(client->fd, buffer, (size_t)least(limit, sizeof buffer), 0);
    if (n < 0 && errno == EINTR) continue;
    if (has_reply(client) && (n == 0 || (n < 0 && errno != EAGAIN))) return READ_WHOLE;
    if (n == 0) return READ_EOF;
    if (n < 0) return read_error(client);
    limit -= (uint64_t)n;
    client->temper->tally.bytes += (uint64_t)n;
    if (!as_expected(client, buffer, (size_t)n)) return READ_WRONG;
  }
  return READ_WHOLE;
}

enum reading client_discard(struct client *client)
{
  char buffer[BLOCK];
  for (int i = 0; i < 16; i++) {
    ssize_t n = recv(client->fd, buffer, sizeof buffer, 0);
    if (n == 0) return READ_EOF;
    if (n < 0 && errno != EINTR) return read_error(client);
    if (n > 0) client->surplus = true;
  }
  return READ_LIMIT;
}

/* ---- the end ---- */

static void note_end(struct client *client, enum count outcome)
{
  const struct engine *engine = client->temper->engine;
  struct tally *tally = &client->temper->tally;
  double took = engine->now - client->begun;
  tally->count[outcome]++;
  if (client->surplus) tally->count[SURPLUS]++;
  if (outcome == SERVED) {
    if (took > tally->slowest) tally->slowest = took;
    if (took >= client->temper->delayed) tally->count[DELAYED]++;
    if (engine->times) fprintf(engine->times, "%.4f %.3f\n", client->begun, took * 1e3);
  }
  if (outcome == REFUSED && took > tally->slowest_refusal) tally->slowest_refusal = took;
  if (engine->bell_at < 0) return;
  double after = engine->now - engine->bell_at;
  if (outcome == REFUSED) {
    if (tally->first_refused < 0) tally->first_refused = after;
  } else {
    if (tally->first_end < 0) tally->first_end = after;
    tally->last_end = after;
  }
}

/* Its port finds it in a trace of the packets, the times in what the server logged. */
static void name_lost(const struct client *client)
{
  const struct engine *engine = client->temper->engine;
  double bell = engine->bell_at < 0 ? 0 : engine->now - engine->bell_at;
  fprintf(stderr, "clients: lost port=%u bytes=%llu after_connect_ms=%.1f after_bell_ms=%.1f\n",
          address_local_port(client->fd), (unsigned long long)client->got,
          (engine->now - client->begun) * 1e3, bell * 1e3);
}

void client_end(struct client *client, enum count outcome)
{
  struct temper *temper = client->temper;
  note_end(client, outcome);
  if (temper->engine->names_lost && (outcome == LOST || outcome == TRUNCATED)) name_lost(client);
  alarm_clear(temper->engine, &client->alarm);
  if (client->fd >= 0) close(client->fd);
  client->fd = -1;
  if (client->previous) client->previous->next = client->next;
  else temper->clients = client->next;
  if (client->next) client->next->previous = client->previous;
  temper->live--;
  client->next = temper->engine->dead;
  temper->engine->dead = client;
  temper->kind->ended(client, outcome);
}

bool client_settle(struct client *client, enum reading reading)
{
  switch (reading) {
    case READ_WHOLE: client_end(client, SERVED); return true;
    case READ_WRONG: client_end(client, GARBLED); return true;
    case READ_EOF:
    case READ_ERROR: client_end(client, client->got > 0 ? TRUNCATED : LOST); return true;
    case READ_BLOCKED:
    case READ_LIMIT: break;
  }
  return false;
}

void client_abort_on_close(const struct client *client)
{
  struct linger abort = {.l_onoff = 1, .l_linger = 0};
  setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

void client_reap(struct engine *engine)
{
  while (engine->dead) {
    struct client *client = engine->dead;
    engine->dead = client->next;
    free(client);
  }
}
