/* traffic.c - a closed loop on epoll: an answer is counted, and the next message sent.
 *
 * Connections are connected blocking, which on loopback waits for nobody, and used with
 * MSG_DONTWAIT. They are watched edge-triggered for both directions, and the events never changed.
 */
#include "traffic.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "dial.h"
#include "websocket.h"

enum { EVENTS = 256, SCRATCH = 256 * 1024 };

struct link {
  int fd;                /* -1: failed, and left alone */
  unsigned begun, ended; /* messages, ever */
  size_t unsent;         /* bytes of the messages begun */
  size_t received;       /* bytes of the message that is coming back */
  int64_t began[TRAFFIC_DEPTH];
};

struct traffic {
  struct traffic_options options;
  int epoll;
  bool check;
  size_t length, answer_length; /* of a message, and of what comes back */
  char *message, *answer;       /* the same, but over WebSocket */
  char *scratch;
  struct traffic_result *result; /* of the run under way */
  uint64_t failed;
  unsigned alive;
  struct link links[];
};

static void fail(struct traffic *traffic, struct link *link)
{
  close(link->fd);
  link->fd = -1;
  traffic->failed++;
  if (--traffic->alive == 0) give_up("every connection has failed");
}

/* ---- out ---- */

/* What the kernel takes; the rest goes when there is room. */
static void send_some(struct traffic *traffic, struct link *link)
{
  while (link->unsent > 0) {
    size_t rest = link->unsent % traffic->length;
    size_t offset = rest ? traffic->length - rest : 0;
    ssize_t sent = send(link->fd, traffic->message + offset, traffic->length - offset,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) fail(traffic, link);
      return;
    }
    link->unsent -= (size_t)sent;
  }
}

static void begin_message(struct traffic *traffic, struct link *link, int64_t now)
{
  link->began[link->begun++ % TRAFFIC_DEPTH] = now;
  link->unsent += traffic->length;
}

static void open_link(struct traffic *traffic, struct link *link, int64_t now)
{
  *link = (struct link){.fd = dial(traffic->options.port, 0)};
  if (traffic->options.websocket) websocket_begin(link->fd);
  for (unsigned i = 0; i < traffic->options.depth; i++) begin_message(traffic, link, now);
  send_some(traffic, link);
  if (link->fd < 0) return;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = link};
  if (epoll_ctl(traffic->epoll, EPOLL_CTL_ADD, link->fd, &event) < 0) give_up("epoll_ctl");
}

/* ---- in ---- */

static void compare(const struct traffic *traffic, const struct link *link, size_t got)
{
  for (size_t at = 0; at < got;) {
    size_t offset = (link->received + at) % traffic->answer_length;
    size_t piece = traffic->answer_length - offset;
    if (piece > got - at) piece = got - at;
    if (memcmp(traffic->scratch + at, traffic->answer + offset, piece) != 0) {
      errno = EBADMSG;
      give_up("what came back is not what was sent");
    }
    at += piece;
  }
}

static void end_message(struct traffic *traffic, struct link *link, int64_t now)
{
  int64_t began = link->began[link->ended++ % TRAFFIC_DEPTH];
  traffic->result->answers += traffic->options.lines;
  histogram_add(&traffic->result->latencies, now - began);
  if (!traffic->options.close_each) {
    begin_message(traffic, link, now);
    return;
  }
  close(link->fd);
  open_link(traffic, link, now);
}

static void receive(struct traffic *traffic, struct link *link)
{
  ssize_t got;
  do {
    got = recv(link->fd, traffic->scratch, SCRATCH, MSG_DONTWAIT);
    if (got <= 0) {
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) fail(traffic, link);
      return;
    }
    if (traffic->check) compare(traffic, link, (size_t)got);
    link->received += (size_t)got;
    if (link->received < traffic->answer_length) continue;
    int64_t now = clock_now();
    if (traffic->options.close_each) {
      end_message(traffic, link, now);
      return;
    }
    for (; link->received >= traffic->answer_length; link->received -= traffic->answer_length)
      end_message(traffic, link, now);
    send_some(traffic, link);
  } while (link->fd >= 0 && got == SCRATCH);
}

/* ---- the whole ---- */

void traffic_fill(char *message, const struct traffic_options *options)
{
  for (size_t i = 0; i < options->size * options->lines; i++)
    message[i] = (i + 1) % options->size == 0 ? '\n' : (char)('a' + i % 23);
}

/* The message and its answer, which are frames over WebSocket. */
static void make_message(struct traffic *traffic)
{
  const struct traffic_options *options = &traffic->options;
  size_t length = options->size * options->lines;
  traffic->length = traffic->answer_length = length;
  traffic->message = must_have(malloc(length + WEBSOCKET_HEAD));
  traffic->answer = must_have(malloc(length + WEBSOCKET_HEAD));
  char *plain = must_have(malloc(length));
  traffic_fill(plain, options);
  memcpy(traffic->message, plain, length);
  memcpy(traffic->answer, plain, length);
  if (options->websocket) {
    traffic->length = websocket_frame(traffic->message, plain, length, true);
    traffic->answer_length = websocket_frame(traffic->answer, plain, length, false);
  }
  free(plain);
}

struct traffic *traffic_new(const struct traffic_options *options)
{
  size_t links = sizeof(struct link) * options->connections;
  struct traffic *traffic = must_have(calloc(1, sizeof *traffic + links));
  traffic->options = *options;
  traffic->alive = options->connections;
  traffic->scratch = must_have(malloc(SCRATCH));
  make_message(traffic);
  traffic->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (traffic->epoll < 0) give_up("epoll_create1");
  for (unsigned i = 0; i < options->connections; i++)
    open_link(traffic, &traffic->links[i], clock_now());
  return traffic;
}

void traffic_run(struct traffic *traffic, double seconds, bool check, struct traffic_result *result)
{
  struct epoll_event events[EVENTS];
  int64_t began = clock_now(), end = began + (int64_t)(seconds * one_second), now = began;
  memset(result, 0, sizeof *result);
  traffic->result = result;
  traffic->check = check;
  while (now < end) {
    int left = traffic->options.is_awake ? 0 : (int)((end - now) / 1000000 + 1);
    int count = epoll_wait(traffic->epoll, events, EVENTS, left);
    for (int i = 0; i < count; i++) {
      struct link *link = events[i].data.ptr;
      if (link->fd >= 0 && link->unsent && (events[i].events & EPOLLOUT)) send_some(traffic, link);
      if (link->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT)) receive(traffic, link);
    }
    now = clock_now();
  }
  result->elapsed = now - began;
  result->failed = traffic->failed;
}

/* Waits for the answers that are due, so that the server sees an end in order and no reset. */
static void leave(struct traffic *traffic, struct link *link)
{
  struct timeval patience = {.tv_sec = 1};
  size_t due = (link->begun - link->ended) * traffic->answer_length - link->unsent - link->received;
  ssize_t got = 1;
  setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (; due > 0 && got > 0; due -= (size_t)got)
    got = recv(link->fd, traffic->scratch, due < SCRATCH ? due : SCRATCH, 0);
  close(link->fd);
}

void traffic_free(struct traffic *traffic)
{
  for (unsigned i = 0; i < traffic->options.connections; i++)
    if (traffic->links[i].fd >= 0) leave(traffic, &traffic->links[i]);
  close(traffic->epoll);
  free(traffic->message);
  free(traffic->answer);
  free(traffic->scratch);
  free(traffic);
}
