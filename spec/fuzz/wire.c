/* wire.c - a kernel with two sockets, on which bytes arrive when the fuzz target says so. */
#include "wire.h"

#include <string.h>

#include "fuzz.h"

enum { FIRST_FD = 20, EPOLL_FD = 10, WAKE_FD = 11 };

int wire_fd(int socket) { return FIRST_FD + socket; }

static wire_socket *socket_of(const lc_sys *sys, int fd)
{
  wire *w = sys->state;
  if (fd < FIRST_FD || fd >= FIRST_FD + WIRE_SOCKETS) return NULL;
  return &w->sockets[fd - FIRST_FD];
}

static wire_socket *open_socket(const lc_sys *sys, int fd)
{
  wire_socket *s = socket_of(sys, fd);
  MUST(s && s->is_open);
  return s;
}

/* ---------------------------------------------------------------- the calls -- */

static lc_time wire_now(const lc_sys *sys)
{
  wire *w = sys->state;
  return w->now;
}

static int wire_random(const lc_sys *sys, void *buffer, size_t size)
{
  (void)sys;
  memset(buffer, 0x5a, size);
  return 0;
}

static uint64_t wire_ticks(const lc_sys *sys) { return (uint64_t)wire_now(sys); }

static int name_of(const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length)
{
  open_socket(sys, fd);
  address->sa_family = AF_UNIX;
  *length = sizeof(sa_family_t);
  return 0;
}

static int set_option(const lc_sys *sys, int fd, int level, int name, const void *value,
                      socklen_t length)
{
  open_socket(sys, fd);
  (void)level, (void)name, (void)value, (void)length;
  return 0;
}

static int get_option(const lc_sys *sys, int fd, int level, int name, void *value,
                      socklen_t *length)
{
  wire_socket *s = open_socket(sys, fd);
  int error = level == SOL_SOCKET && name == SO_ERROR && s->is_reset ? ECONNRESET : 0;
  if (error) s->is_reset = 0;
  MUST(*length >= sizeof error);
  memcpy(value, &error, sizeof error);
  *length = sizeof error;
  return 0;
}

static ssize_t receive(const lc_sys *sys, int fd, void *buffer, size_t size, int flags)
{
  wire_socket *s = open_socket(sys, fd);
  size_t there = s->to - s->from;
  MUST(!flags && size > 0);
  if (s->trouble) {
    int code = s->trouble;
    s->trouble = 0;
    return code;
  }
  if (there) {
    if (size > there) size = there;
    memcpy(buffer, s->queue + s->from, size);
    s->from += size;
    return (ssize_t)size;
  }
  if (s->is_reset) {
    s->is_reset = 0;
    return -ECONNRESET;
  }
  return s->is_finished ? 0 : -EAGAIN;
}

static ssize_t swallow(const lc_sys *sys, int fd, const struct msghdr *message, int flags)
{
  ssize_t total = 0;
  (void)flags;
  open_socket(sys, fd);
  for (size_t i = 0; i < message->msg_iovlen; i++) total += (ssize_t)message->msg_iov[i].iov_len;
  return total;
}

static int shut(const lc_sys *sys, int fd, int how)
{
  (void)how;
  open_socket(sys, fd);
  return 0;
}

static int close_it(const lc_sys *sys, int fd)
{
  if (fd == EPOLL_FD || fd == WAKE_FD) return 0;
  open_socket(sys, fd)->is_open = 0;
  return 0;
}

static int unread(const lc_sys *sys, int fd)
{
  wire_socket *s = open_socket(sys, fd);
  return (int)(s->to - s->from);
}

static int unacked(const lc_sys *sys, int fd)
{
  open_socket(sys, fd);
  return 0;
}

/* ------------------------------------------------------------------- epoll -- */

static int create_poller(const lc_sys *sys)
{
  (void)sys;
  return EPOLL_FD;
}

static int create_wake(const lc_sys *sys)
{
  (void)sys;
  return WAKE_FD;
}

static int wake(const lc_sys *sys, int fd)
{
  (void)sys, (void)fd;
  return 0;
}

static int control(const lc_sys *sys, int poller, lc_poller_deed deed, int fd, uint32_t wanted,
                   uint64_t tag)
{
  wire_socket *s = socket_of(sys, fd);
  (void)poller, (void)wanted;
  if (!s) return 0;
  s->is_watched = deed != LC_POLLER_REMOVE;
  if (!s->is_watched) return 0;
  s->tag = tag;
  s->happened |= LC_POLL_OUT;
  if (s->to > s->from) s->happened |= LC_POLL_IN;
  return 0;
}

static int wait_events(const lc_sys *sys, int poller, lc_poll_event *events, int capacity,
                       lc_time timeout)
{
  wire *w = sys->state;
  int count = 0;
  (void)poller, (void)timeout;
  MUST(capacity >= WIRE_SOCKETS);
  for (int i = 0; i < WIRE_SOCKETS; i++) {
    wire_socket *s = &w->sockets[i];
    if (!s->is_watched || !s->happened) continue;
    events[count++] = (lc_poll_event){.seen = s->happened, .tag = s->tag};
    s->happened = 0;
  }
  return count;
}

static int many(const lc_sys *sys)
{
  (void)sys;
  return 1000;
}

/* ------------------------------------------------------------------- setup -- */

void wire_init(wire *w)
{
  w->now = LC_SECOND;
  for (int i = 0; i < WIRE_SOCKETS; i++) {
    wire_socket *s = &w->sockets[i];
    s->from = s->to = 0;
    s->is_finished = s->is_reset = s->trouble = s->is_watched = 0;
    s->happened = 0;
    s->is_open = 1;
  }
  w->sys = (lc_sys){.state = w,
                    .now = wire_now,
                    .random = wire_random,
                    .ticks = wire_ticks,
                    .getsockname = name_of,
                    .getpeername = name_of,
                    .setsockopt = set_option,
                    .getsockopt = get_option,
                    .recv = receive,
                    .sendmsg = swallow,
                    .shutdown = shut,
                    .close = close_it,
                    .unread = unread,
                    .unacked = unacked,
                    .poller_create = create_poller,
                    .poller_control = control,
                    .poller_wait = wait_events,
                    .wake_create = create_wake,
                    .wake = wake,
                    .wake_clear = wake,
                    .descriptor_limit = many,
                    .descriptors_open = create_poller};
}

void wire_arrive(wire *w, int socket, const uint8_t *data, size_t size)
{
  wire_socket *s = &w->sockets[socket];
  MUST(size <= WIRE_QUEUE - s->to);
  memcpy(s->queue + s->to, data, size);
  s->to += size;
  if (size) s->happened |= LC_POLL_IN;
}

void wire_finish(wire *w, int socket)
{
  w->sockets[socket].is_finished = 1;
  w->sockets[socket].happened |= LC_POLL_IN | LC_POLL_FINISHED;
}

void wire_reset(wire *w, int socket)
{
  w->sockets[socket].is_finished = w->sockets[socket].is_reset = 1;
  w->sockets[socket].happened |= LC_POLL_IN | LC_POLL_FINISHED | LC_POLL_HANG_UP | LC_POLL_ERROR;
}
