/* client.c - the other end: a client of some temper, acting by planned calls on a host of its
 * own. */
#include <string.h>

#include "http_words.h"
#include "run.h"

enum { HTTP_ROUNDS = 8 }; /* a client of HTTP asks for the same so many times */

static void go(void *user);

static lc_time now(const client *c) { return sim_now(c->in->kernel); }

static void go_at(client *c, lc_time at)
{
  if (c->is_waiting) return;
  c->is_waiting = 1;
  sim_at(c->in->kernel, at, go, c);
}

/* Something has become of the socket; a slow one lets it wait. */
static void changed(void *user)
{
  client *c = user;
  if (c->fd >= 0 && now(c) >= c->next_at) go_at(c, now(c));
}

static void over(client *c, client_end end)
{
  if (c->fd < 0) return;
  run_trace(
    c->in, "client %u: over: %s, %u answers", c->index,
    (const char *const[]){"still there", "refused", "eof", "reset", "timeout", "own wish"}[end],
    c->answered);
  c->end = end;
  c->ended_at = now(c);
  c->sys->close(c->sys, c->fd);
  c->fd = -1;
}

/* --------------------------------------------------------------- answers -- */

static void answer_begins(client *c)
{
  c->reply = words_read(c->head);
  c->head_length = 0;
  c->reply_left = c->reply.reply;
  if (c->reply.kind == 0 || c->reply.kind == 'Q') {
    run_fail(c->in, "client %u: what came is no answer", c->index);
  } else if (c->reply.client != c->index) {
    run_fail(c->in, "client %u got an answer for client %u", c->index, c->reply.client);
  } else if (c->reply.kind == 'A' && c->reply.request != c->answered) {
    run_fail(c->in, "client %u: answer %u instead of %u", c->index, c->reply.request, c->answered);
  } else if (c->reply.kind == 'A' && !c->reply_left) {
    c->answered++;
  }
}

void client_takes(client *c, const char *bytes, size_t size)
{
  while (size && !c->in->failure[0]) {
    size_t some;
    if (c->reply_left) {
      uint64_t offset = c->reply.reply - c->reply_left;
      some = c->reply_left < size ? (size_t)c->reply_left : size;
      if (some > WORDS_MOST) some = WORDS_MOST;
      if (memcmp(bytes, words_bytes('A', c->index, c->reply.request, offset), some) != 0)
        run_fail(c->in, "client %u: the bytes of answer %u are not its own", c->index,
                 c->reply.request);
      c->reply_left -= some;
      if (!c->reply_left) c->answered++;
    } else {
      some = WORDS_SIZE - c->head_length < size ? WORDS_SIZE - c->head_length : size;
      memcpy(c->head + c->head_length, bytes, some);
      c->head_length += (unsigned)some;
      if (c->head_length == WORDS_SIZE) answer_begins(c);
    }
    bytes += some;
    size -= some;
  }
}

static client_end end_of(const client *c, ssize_t result)
{
  if (result == 0) return c->ws.was_reset ? SAW_RESET : SAW_EOF;
  return result == -ETIMEDOUT ? SAW_TIMEOUT : SAW_RESET;
}

/* Whether there may be more to read now. */
static int reads(client *c)
{
  static char buffer[RUN_BYTES];
  size_t size = c->plan->temper == SLOW_READER ? c->plan->bite : sizeof buffer;
  ssize_t got = c->sys->recv(c->sys, c->fd, buffer, size, 0);
  if (got == -EAGAIN) return 0;
  if (got <= 0) {
    over(c, end_of(c, got));
    return 0;
  }
  size_t aside = c->in->plan->shakes ? shaking_client_takes(c, buffer, (size_t)got) : 0,
         rest = (size_t)got - aside;
  c->received += rest;
  if (c->in->plan->speaks_http) http_client_takes(c, buffer + aside, rest);
  else if (c->in->plan->speaks_websocket) ws_client_takes(c, buffer + aside, rest);
  else client_takes(c, buffer + aside, rest);
  if (c->plan->temper != SLOW_READER) return 1;
  c->next_at = now(c) + c->plan->pause;
  go_at(c, c->next_at);
  return 0;
}

/* -------------------------------------------------------------- requests -- */

static ssize_t say(client *c, const char *bytes, size_t size)
{
  struct iovec piece = {(void *)(uintptr_t)bytes, size};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  return c->sys->sendmsg(c->sys, c->fd, &message, 0);
}

const plan_request *client_asked(const client *c, unsigned request)
{
  return &c->plan->asked[request % c->plan->requests];
}

static unsigned requests_of(const client *c)
{
  return c->plan->requests * (c->in->plan->speaks_http ? HTTP_ROUNDS : 1);
}

/* What comes next of the request under way; 0 when it is whole. */
static size_t next_bytes(const client *c, char head[HTTP_WORDS_SIZE], const char **bytes)
{
  if (c->in->plan->speaks_websocket) return ws_client_next(c, bytes);
  const plan_request *asked = client_asked(c, c->request);
  words said = {'Q', c->index, c->request, asked->body, asked->reply};
  uint64_t size = c->in->plan->speaks_http ? HTTP_WORDS_SIZE : WORDS_SIZE, left;
  if (c->sent < size) {
    if (c->in->plan->speaks_http) http_words_write(head, &said);
    else words_write(head, &said);
    *bytes = head + c->sent;
    return (size_t)(size - c->sent);
  }
  left = size + asked->body - c->sent;
  *bytes = words_bytes('Q', c->index, c->request, c->sent - size);
  return left < WORDS_MOST ? (size_t)left : WORDS_MOST;
}

static void request_sent(client *c)
{
  run_trace(c->in, "client %u: request %u sent", c->index, c->request);
  if (!c->request) c->asked_at = now(c);
  c->request++;
  c->sent = 0;
  if (c->plan->temper != HURRIED && c->plan->think) {
    c->next_at = now(c) + (c->in->plan->speaks_http ? http_client_pause(c) : c->plan->think);
    go_at(c, c->next_at);
  }
}

/* Behind a reply that is the last it asks no more. */
static int has_said_all(const client *c)
{
  return c->request >= requests_of(c) || ((c->http.is_last || c->ws.closes) && !c->sent);
}

static int is_its_turn(const client *c)
{
  if (c->plan->temper == SILENT || now(c) < c->next_at || c->has_finished) return 0;
  if (c->plan->temper == HURRIED || c->plan->temper == HALF_CLOSING) return 1;
  return c->request <= c->answered;
}

static void finish(client *c)
{
  if (c->has_finished) return;
  if (c->in->plan->speaks_websocket) { /* the FIN is the server's to send first */
    c->ws.closes = 1;
    ws_client_closes(c);
    return;
  }
  run_trace(c->in, "client %u: finishes", c->index);
  c->has_finished = 1;
  c->sys->shutdown(c->sys, c->fd, SHUT_WR);
}

static void all_said(client *c)
{
  switch (c->plan->temper) {
    case HALF_CLOSING: finish(c); break;
    case FLOODING:
      while (say(c, words_noise(), WORDS_MOST) > 0) continue;
      break;
    case STAYING:
    case RESETTING:
    case LEAVING:
    case VANISHING:
    case SILENT: break;
    default:
      if (c->answered >= requests_of(c) || c->http.is_last) finish(c);
  }
}

/* A slow one has said something, and goes on later. */
static void pauses(client *c)
{
  c->next_at = now(c) + c->plan->pause;
  go_at(c, c->next_at);
}

static void shakes_hands(client *c)
{
  const char *bytes;
  size_t size;
  while (c->fd >= 0 && now(c) >= c->next_at && (size = shaking_client_says(c, &bytes)) > 0) {
    int is_slow = c->plan->temper == SLOW_TALKER;
    if (is_slow && size > c->plan->bite) size = c->plan->bite;
    ssize_t sent = say(c, bytes, size);
    if (sent < 0) return;
    shaking_client_said(c, (size_t)sent);
    if (is_slow) pauses(c);
  }
}

static void writes(client *c)
{
  if (!shaking_client_is_open(c)) {
    shakes_hands(c);
    return;
  }
  if (ws_client_closes(c)) return;
  while (c->fd >= 0 && !has_said_all(c) && is_its_turn(c)) {
    char head[HTTP_WORDS_SIZE];
    const char *bytes;
    size_t size = next_bytes(c, head, &bytes);
    if (!size) {
      request_sent(c);
      continue;
    }
    int is_slow = c->plan->temper == SLOW_TALKER;
    if (is_slow && size > c->plan->bite) size = c->plan->bite;
    ssize_t sent = say(c, bytes, size);
    if (sent < 0) return; /* no room; or it is over, which reading tells */
    c->sent += (uint64_t)sent;
    if (!c->spoke_at) c->spoke_at = now(c);
    if (is_slow) pauses(c);
  }
  if (c->fd >= 0 && has_said_all(c)) all_said(c);
}

/* ---------------------------------------------------------------- its life -- */

static void ends(void *user)
{
  client *c = user;
  struct linger none = {.l_onoff = 1, .l_linger = 0};
  if (c->fd < 0) return;
  run_trace(c->in, "client %u: %s", c->index, temper_name(c->plan->temper));
  if (c->plan->temper == VANISHING) sim_process_vanish(c->process);
  if (c->plan->temper == RESETTING)
    c->sys->setsockopt(c->sys, c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  over(c, OWN_WISH);
}

/* It may ask from now on; but some think first. */
void client_is_open(client *c)
{
  c->shaken_at = now(c);
  c->next_at = now(c) + (c->plan->think < LC_MILLISECOND ? 0 : c->plan->think);
  if (c->next_at > now(c)) go_at(c, c->next_at);
}

static int has_own_end(const client *c)
{
  return c->plan->temper == RESETTING || c->plan->temper == LEAVING || c->plan->temper == VANISHING;
}

/* Whether the connection is there by now. */
static int connects(client *c)
{
  int error = 0;
  socklen_t length = sizeof error;
  lc_address peer = {.length = sizeof peer.of};
  c->sys->getsockopt(c->sys, c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error) {
    over(c, error == ECONNREFUSED ? REFUSED : SAW_TIMEOUT);
    return 0;
  }
  if (c->sys->getpeername(c->sys, c->fd, &peer.of.any, &peer.length) < 0) return 0;
  c->is_connecting = 0;
  c->connected_at = now(c);
  run_trace(c->in, "client %u: connected", c->index);
  if (!c->in->plan->shakes) client_is_open(c);
  if (has_own_end(c)) sim_at(c->in->kernel, now(c) + c->plan->ends, ends, c);
  return 1;
}

static void go(void *user)
{
  client *c = user;
  c->is_waiting = 0;
  if (c->fd < 0) return;
  if (c->is_connecting && !connects(c)) return;
  while (c->fd >= 0 && (c->plan->temper != SLOW_READER || now(c) >= c->next_at) && reads(c))
    continue;
  if (c->fd >= 0) writes(c);
}

static void connect_now(void *user)
{
  client *c = user;
  lc_address own = {.length = sizeof own.of};
  c->fd = c->sys->socket(c->sys, AF_INET, SOCK_STREAM, 0);
  int size = (int)c->plan->buffer / 2;
  if (size) {
    c->sys->setsockopt(c->sys, c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    c->sys->setsockopt(c->sys, c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  c->started_at = now(c);
  c->sys->connect(c->sys, c->fd, &c->in->address.of.any, c->in->address.length);
  c->sys->getsockname(c->sys, c->fd, &own.of.any, &own.length);
  c->port = ntohs(own.of.in.sin_port);
  c->is_connecting = 1;
  run_trace(c->in, "client %u: connects from %u", c->index, c->port);
  sim_process_notify(c->process, c->fd, changed, c);
}

void client_start(client *c)
{
  c->fd = -1;
  c->process = sim_process_new(c->in->kernel, 2 + (int)c->index);
  c->sys = sim_process_sys(c->process);
  sim_at(c->in->kernel, sim_now(c->in->kernel) + c->plan->at, connect_now, c);
}
