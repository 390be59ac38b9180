/* holder.c - holds connections, and does with all of them what it is told. */
#include "holder.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "dial.h"

enum {
  PACE =
    500, /* connections after which the server is waited for, so that its queue never overflows */
  FROM_ONE = 7000, /* connections from one address: with more, finding a free port takes long */
  TOGETHER = 64,   /* requests under way at a time */
  ANSWER = 4096,
  SIP = 1024,         /* what who dawdles reads at a time */
  SIP_EVERY = 10,     /* ms */
  GIVE_UP_AFTER = 60, /* s without a connection ending */
};

struct holder {
  const struct crowd_options *options;
  unsigned count, source;
  int line;
  int *fds;
};

static void report(const struct holder *holder, const struct crowd_end *what)
{
  if (write(holder->line, what, sizeof *what) != (ssize_t)sizeof *what) _exit(0);
}

/* ---- speaking ---- */

static void ask(const struct holder *holder, int fd)
{
  size_t length = strlen(holder->options->request);
  if (send(fd, holder->options->request, length, MSG_NOSIGNAL) != (ssize_t)length) give_up("send");
}

static void hear(const struct holder *holder, int fd)
{
  char answer[ANSWER];
  size_t length = strlen(holder->options->request);
  bool any = holder->options->any_answer;
  ssize_t got = recv(fd, answer, any ? sizeof answer : length, any ? 0 : MSG_WAITALL);
  if (got <= 0) give_up("recv");
  if (any || ((size_t)got == length && memcmp(answer, holder->options->request, length) == 0))
    return;
  errno = EBADMSG;
  give_up("what came back is not what was sent");
}

static void speak(const struct holder *holder)
{
  for (unsigned first = 0; first < holder->count; first += TOGETHER) {
    unsigned end = first + TOGETHER < holder->count ? first + TOGETHER : holder->count;
    for (unsigned i = first; i < end; i++) ask(holder, holder->fds[i]);
    for (unsigned i = first; i < end; i++) hear(holder, holder->fds[i]);
  }
}

/* ---- connecting ---- */

/* One that is accepted after those before it, and answered: they have been accepted too. */
static void wait_for_server(const struct holder *holder)
{
  int fd = dial(holder->options->port, 0);
  ask(holder, fd);
  hear(holder, fd);
  close(fd);
}

static void connect_all(const struct holder *holder)
{
  for (unsigned i = 0; i < holder->count; i++) {
    holder->fds[i] = dial(holder->options->port, holder->source + i / FROM_ONE);
    if (i % PACE == PACE - 1) wait_for_server(holder);
  }
  wait_for_server(holder);
}

/* ---- dawdling ---- */

static void dawdle(const struct holder *holder)
{
  static char block[16 * 1024];
  struct pollfd ordered = {.fd = holder->line, .events = POLLIN};
  memset(block, 'x', sizeof block);
  do {
    for (unsigned i = 0; i < holder->count; i++) {
      char sip[SIP];
      ssize_t got = recv(holder->fds[i], sip, sizeof sip, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) give_up("a slow reader was closed");
      if (send(holder->fds[i], block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
          errno != EAGAIN)
        give_up("a slow reader was closed");
    }
  } while (poll(&ordered, 1, SIP_EVERY) == 0);
}

/* ---- the end ---- */

static int watch_all(const struct holder *holder)
{
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) give_up("epoll_create1");
  for (unsigned i = 0; i < holder->count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = holder->fds[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, holder->fds[i], &event) < 0) give_up("epoll_ctl");
  }
  return epoll;
}

static void wait_for_ends(const struct holder *holder, int epoll, struct crowd_end *end)
{
  struct epoll_event events[TOGETHER];
  char rest[ANSWER];
  unsigned left = holder->count;
  int patience = holder->options->is_awake ? 0 : GIVE_UP_AFTER * 1000;
  int64_t last = clock_now();
  while (left > 0) {
    int count = epoll_wait(epoll, events, TOGETHER, patience);
    bool is_over = (double)(clock_now() - last) >= GIVE_UP_AFTER * one_second;
    if (count < 0 || (!count && is_over)) break;
    if (count) last = clock_now();
    for (int i = 0; i < count; i++) {
      ssize_t got = recv(events[i].data.fd, rest, sizeof rest, MSG_DONTWAIT);
      if (got > 0 && holder->options->any_answer) continue;
      if (got == 0) end->finished++;
      close(events[i].data.fd);
      left--;
    }
  }
  end->last = clock_now();
  end->lost = holder->count - end->finished;
  close(epoll);
}

/* ---- orders ---- */

static void obey(const struct holder *holder, char what)
{
  struct crowd_end end = {0};
  int epoll;
  switch (what) {
    case HOLDER_CONNECT: connect_all(holder); break;
    case HOLDER_SPEAK: speak(holder); break;
    case HOLDER_DAWDLE: dawdle(holder); return;
    default:
      epoll = watch_all(holder);
      report(holder, &end);
      wait_for_ends(holder, epoll, &end);
  }
  report(holder, &end);
}

void hold(const struct crowd_options *options, unsigned count, unsigned source, int line)
{
  struct holder holder = {.options = options, .count = count, .source = source, .line = line};
  struct rlimit limit;
  char what;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  holder.fds = must_have(calloc(count + 1, sizeof *holder.fds));
  while (read(line, &what, 1) == 1) obey(&holder, what);
  _exit(0);
}
