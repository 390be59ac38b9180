/* plain_server.c - the usual ways to stop a server, for scale.
 *
 * A small epoll server that answers `echo TEXT` with TEXT, and `early N BODY` with N bytes
 * before it has read the body, whereupon it closes. On SIGTERM it stops listening in one of
 * these ways, then finishes the connections it has:
 *
 *   close         close the listener: what most servers do
 *   accept-close  accept until the queue is empty, then close
 *   hide          bind the listener to an interface that does not exist, so that no
 *                 new SYN finds it while handshakes under way still do; serve for
 *                 the settling time; accept until the queue is empty; close
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

enum { NO_SUCH_INTERFACE = 0x7fffffff, LINE = 256, BATCH = 128 };

enum stop { STOP_CLOSE, STOP_ACCEPT_CLOSE, STOP_HIDE };

struct connection {
  int fd;
  size_t length;
  char line[LINE];
};

struct server {
  enum stop stop;
  double settle; /* seconds between hiding and closing */
  double grace;  /* seconds for what is open after SIGTERM */
  int backlog;
  int reuseport;
  int listener, signal_fd, epoll_fd;
  bool is_unix;
  double close_at, end_at; /* 0: not set */
  size_t open;
};

/* Marks in place of a connection in the event data. */
static char listener_mark, signal_mark;

static _Noreturn void give_up(const char *what)
{
  fprintf(stderr, "plain_server: %s: %s\n", what, strerror(errno));
  exit(1);
}

static _Noreturn void misused(void)
{
  fputs(
    "usage: plain_server --stop close|accept-close|hide [--settle MS] [--grace SECONDS]\n"
    "                    [--backlog N] [--reuseport 1] host:port|[v6]:port|unix:/path\n",
    stderr);
  exit(2);
}

static double clock_now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- listening ---- */

static int listen_unix(struct server *server, const char *path)
{
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof name.sun_path) misused();
  memcpy(name.sun_path, path, strlen(path) + 1);
  unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof name) < 0) give_up(path);
  if (listen(fd, server->backlog) < 0) give_up("listen");
  server->is_unix = true;
  printf("listening unix:%s\n", path);
  return fd;
}

static void print_address(int fd)
{
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  char host[64], port[16];
  if (getsockname(fd, (struct sockaddr *)&name, &length) < 0 ||
      getnameinfo((const struct sockaddr *)&name, length, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    give_up("getsockname");
  printf(name.ss_family == AF_INET6 ? "listening [%s]:%s\n" : "listening %s:%s\n", host, port);
}

static int listen_tcp(const struct server *server, const char *text)
{
  char host[128];
  const char *colon = strrchr(text, ':');
  if (!colon || colon - text >= (ptrdiff_t)sizeof host) misused();
  bool bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
  snprintf(host, sizeof host, "%.*s", (int)(colon - text) - (bracketed ? 2 : 0),
           text + (bracketed ? 1 : 0));
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
  struct addrinfo *found;
  if (getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found) != 0) misused();
  int on = 1;
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (server->reuseport) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bind(fd, found->ai_addr, found->ai_addrlen) < 0) give_up(text);
  if (listen(fd, server->backlog) < 0) give_up("listen");
  freeaddrinfo(found);
  print_address(fd);
  return fd;
}

/* ---- serving ---- */

static void watch(const struct server *server, int fd, void *mark)
{
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
  if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) give_up("epoll_ctl");
}

/* False when there was nothing to accept. */
static bool accept_one(struct server *server)
{
  int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return errno == EINTR || errno == ECONNABORTED;
  struct connection *connection = calloc(1, sizeof *connection);
  if (!connection) give_up("memory");
  connection->fd = fd;
  server->open++;
  watch(server, fd, connection);
  return true;
}

static void drop(struct server *server, struct connection *connection)
{
  close(connection->fd);
  free(connection);
  server->open--;
}

/* In a process of its own, as a server with blocking calls would: write everything, and close. */
static bool answer_early(const struct connection *connection, const char *line)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
  long size = strtol(line + 6, NULL, 10), at = 0;
  pid_t child = fork();
  if (child != 0) return false; /* ours is closed */
  fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) & ~O_NONBLOCK);
  char piece[26 * 1024];
  for (size_t i = 0; i < sizeof piece; i++) piece[i] = letters[i % 26];
  while (at < size) {
    size_t left = (size_t)(size - at), most = sizeof piece - (size_t)(at % 26);
    ssize_t n = send(connection->fd, piece + at % 26, left < most ? left : most, MSG_NOSIGNAL);
    if (n < 0) _exit(1);
    at += n;
  }
  send(connection->fd, "\n", 1, MSG_NOSIGNAL);
  close(connection->fd);
  _exit(0);
}

/* Replies are a few bytes: what does not fit the socket at once is an error. */
static bool answer(const struct connection *connection, const char *line, size_t length)
{
  if (length > 6 && memcmp(line, "early ", 6) == 0) return answer_early(connection, line);
  if (length < 5 || memcmp(line, "echo ", 5) != 0) return false;
  return send(connection->fd, line + 5, length - 5, MSG_NOSIGNAL) == (ssize_t)(length - 5);
}

static void serve(struct server *server, struct connection *connection)
{
  ssize_t n = recv(connection->fd, connection->line + connection->length,
                   sizeof connection->line - connection->length, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  bool good = n > 0;
  if (good) connection->length += (size_t)n;
  for (char *end; good && (end = memchr(connection->line, '\n', connection->length)) != NULL;) {
    size_t line = (size_t)(end + 1 - connection->line);
    good = answer(connection, connection->line, line);
    connection->length -= line;
    memmove(connection->line, end + 1, connection->length);
  }
  if (!good || connection->length == sizeof connection->line) drop(server, connection);
}

/* ---- stopping ---- */

static void close_listener(struct server *server)
{
  if (server->stop != STOP_CLOSE)
    while (accept_one(server)) continue;
  close(server->listener);
  server->listener = -1;
  server->close_at = 0;
}

static void begin_stop(struct server *server)
{
  double now = clock_now();
  if (server->end_at > 0) return;
  server->end_at = now + server->grace;
  if (server->stop != STOP_HIDE) {
    close_listener(server);
  } else if (server->is_unix) {
    shutdown(server->listener, SHUT_RD); /* exact on a unix socket: nothing to settle */
    close_listener(server);
  } else {
    int nowhere = NO_SUCH_INTERFACE;
    if (setsockopt(server->listener, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof nowhere) < 0)
      give_up("SO_BINDTOIFINDEX");
    server->close_at = now + server->settle;
  }
}

static void run(struct server *server)
{
  for (;;) {
    struct epoll_event events[BATCH];
    int timeout = server->end_at > 0 ? 5 : -1;
    int n = epoll_wait(server->epoll_fd, events, BATCH, timeout);
    for (int i = 0; i < n; i++) {
      void *mark = events[i].data.ptr;
      if (mark == &listener_mark) {
        if (server->listener >= 0) accept_one(server);
      } else if (mark == &signal_mark) {
        struct signalfd_siginfo info;
        if (read(server->signal_fd, &info, sizeof info) > 0) begin_stop(server);
      } else {
        serve(server, mark);
      }
    }
    if (server->end_at <= 0) continue;
    double now = clock_now();
    if (server->close_at > 0 && now >= server->close_at) close_listener(server);
    if (server->listener < 0 && (server->open == 0 || now >= server->end_at)) return;
  }
}

static enum stop stop_named(const char *name)
{
  if (strcmp(name, "close") == 0) return STOP_CLOSE;
  if (strcmp(name, "accept-close") == 0) return STOP_ACCEPT_CLOSE;
  if (strcmp(name, "hide") == 0) return STOP_HIDE;
  misused();
}

int main(int argc, char **argv)
{
  struct server server = {.settle = 0.05, .grace = 3, .backlog = 4096};
  if (argc % 2 != 0 || argc < 4) misused();
  bool has_stop = false;
  for (int i = 1; i < argc - 1; i += 2) {
    if (strcmp(argv[i], "--stop") == 0) server.stop = stop_named(argv[i + 1]), has_stop = true;
    else if (strcmp(argv[i], "--settle") == 0) server.settle = atof(argv[i + 1]) / 1e3;
    else if (strcmp(argv[i], "--grace") == 0) server.grace = atof(argv[i + 1]);
    else if (strcmp(argv[i], "--reuseport") == 0) server.reuseport = atoi(argv[i + 1]);
    else if (strcmp(argv[i], "--backlog") == 0) server.backlog = atoi(argv[i + 1]);
    else misused();
  }
  if (!has_stop) misused();

  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  signal(SIGCHLD, SIG_IGN); /* children are not waited for */
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  server.signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (server.signal_fd < 0 || server.epoll_fd < 0) give_up("setting up");

  const char *address = argv[argc - 1];
  bool on_unix = strncmp(address, "unix:", 5) == 0;
  server.listener = on_unix ? listen_unix(&server, address + 5) : listen_tcp(&server, address);
  watch(&server, server.signal_fd, &signal_mark);
  watch(&server, server.listener, &listener_mark);
  fflush(stdout);
  run(&server);
  if (on_unix) unlink(address + 5);
  return 0;
}
