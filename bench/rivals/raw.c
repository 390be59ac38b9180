/* raw.c - the reference: an echo server by hand, on epoll and nothing else.
 *
 * Edge-triggered, each connection registered once, one receive buffer for all. What a slow peer
 * does not take is kept, and nothing is read from it meanwhile. On SIGTERM it accepts the
 * queued clients, and closes each connection in order: FIN, wait for the peer's, close.
 *
 *   raw        prints its port, serves until SIGTERM
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, EVENTS = 256 };

struct conn {
  bool open, finished; /* we have sent our FIN */
  char *unsent;        /* what the peer does not take, NULL mostly */
  size_t length, sent;
};

static char buffer[BUFFER];
static struct conn *conns; /* by descriptor */
static rlim_t room;
static unsigned open_count;
static int epoll_fd;

static _Noreturn void give_up(const char *what)
{
  perror(what);
  exit(1);
}

static void watch(int fd, uint32_t events)
{
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) give_up("epoll_ctl");
}

static void drop(int fd)
{
  free(conns[fd].unsent);
  conns[fd] = (struct conn){0};
  close(fd);
  open_count--;
}

/* ---- echo ---- */

/* What the kernel takes of it; the rest is kept. False when the connection is gone. */
static bool send_or_keep(int fd, const char *bytes, size_t length)
{
  struct conn *conn = &conns[fd];
  ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
  if (sent == (ssize_t)length) return true;
  if (sent < 0 && errno != EAGAIN) {
    drop(fd);
    return false;
  }
  size_t taken = sent > 0 ? (size_t)sent : 0;
  conn->length = length - taken;
  conn->sent = 0;
  conn->unsent = malloc(conn->length);
  if (!conn->unsent) give_up("malloc");
  memcpy(conn->unsent, bytes + taken, conn->length);
  return true;
}

/* True when all that was kept has gone. */
static bool send_kept(int fd)
{
  struct conn *conn = &conns[fd];
  while (conn->sent < conn->length) {
    ssize_t sent = send(fd, conn->unsent + conn->sent, conn->length - conn->sent, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) drop(fd);
      return false;
    }
    conn->sent += (size_t)sent;
  }
  free(conn->unsent);
  conn->unsent = NULL;
  return true;
}

/* A FIN that has come already has no further edge, so then it reads on to the end. */
static void serve(int fd, bool peer_finished)
{
  if (conns[fd].unsent && !send_kept(fd)) return;
  for (;;) {
    ssize_t got = recv(fd, buffer, BUFFER, 0);
    if (got == 0) drop(fd);
    if (got < 0 && errno != EAGAIN) drop(fd);
    if (got <= 0) return;
    if (conns[fd].finished) continue;
    if (!send_or_keep(fd, buffer, (size_t)got) || conns[fd].unsent) return;
    if (got < BUFFER && !peer_finished) return;
  }
}

/* ---- coming and going ---- */

static void accept_all(int listener)
{
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    conns[fd] = (struct conn){.open = true};
    open_count++;
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  }
}

static void finish_all(void)
{
  for (rlim_t fd = 0; fd < room; fd++) {
    if (!conns[fd].open) continue;
    conns[fd].finished = true;
    shutdown((int)fd, SHUT_WR);
  }
}

static int listen_anywhere(void)
{
  int on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* the accepted ones inherit it */
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0)
    give_up("listen");
  getsockname(fd, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static int terminations(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) give_up("signalfd");
  return fd;
}

int main(void)
{
  struct epoll_event events[EVENTS];
  struct rlimit limit;
  bool stopping = false;
  getrlimit(RLIMIT_NOFILE, &limit);
  room = limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  conns = calloc(room, sizeof *conns);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!conns || epoll_fd < 0) give_up("start");
  int signals = terminations(), listener = listen_anywhere();
  watch(signals, EPOLLIN);
  watch(listener, EPOLLIN);
  while (!stopping || open_count > 0) {
    int count = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) accept_all(listener);
      else if (fd != signals) {
        if (conns[fd].open) serve(fd, events[i].events & EPOLLRDHUP);
      } else {
        struct signalfd_siginfo told;
        if (read(signals, &told, sizeof told) < 0) continue;
        accept_all(listener);
        close(listener);
        finish_all();
        stopping = true;
      }
    }
  }
  return 0;
}
