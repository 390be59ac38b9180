/* raw_file.c - the reference for HTTP: a server by hand, on epoll and sendfile.
 *
 * It takes what comes in one receive to be one request, whatever it says, and sends one file, which
 * it opens anew for each; or, without a path, always the same small reply.
 *
 *   raw_file [PATH]      prints its address, serves until it is ended
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENTS = 256, CONNS = 4096 };

/* The file under way; 0: none. */
static struct {
  int file;
  off_t at, size;
} conns[CONNS];

static const char *path; /* NULL: no file */
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

static void end_file(int fd)
{
  if (conns[fd].file) close(conns[fd].file);
  conns[fd].file = 0;
}

static void drop(int fd)
{
  end_file(fd);
  close(fd);
}

static void go_on(int fd)
{
  while (conns[fd].at < conns[fd].size) {
    ssize_t sent =
      sendfile(fd, conns[fd].file, &conns[fd].at, (size_t)(conns[fd].size - conns[fd].at));
    if (sent < 0 && errno == EAGAIN) return;
    if (sent <= 0) {
      drop(fd);
      return;
    }
  }
  end_file(fd);
}

static void answer(int fd)
{
  char head[128];
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) < 0) give_up(path);
  int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n",
                        (long long)status.st_size);
  conns[fd].file = file;
  conns[fd].at = 0;
  conns[fd].size = status.st_size;
  if (send(fd, head, (size_t)length, MSG_NOSIGNAL | MSG_MORE) != length) drop(fd);
  else go_on(fd);
}

static void answer_small(int fd)
{
  static const char reply[] =
    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
    "Content-Length: 12\r\n\r\nhello world\n";
  if (send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) < 0) drop(fd);
}

static void serve(int fd, uint32_t events)
{
  char request[4096];
  if (events & EPOLLOUT && conns[fd].file) go_on(fd);
  if (!(events & EPOLLIN) || conns[fd].file) return;
  ssize_t got = recv(fd, request, sizeof request, 0);
  if (got > 0 && path) answer(fd);
  else if (got > 0) answer_small(fd);
  else if (got == 0 || errno != EAGAIN) drop(fd);
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
  printf("127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int count, char **arguments)
{
  struct epoll_event events[EVENTS];
  if (count > 2) return 2;
  path = arguments[1]; /* NULL behind the last one */
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_anywhere();
  watch(listener, EPOLLIN);
  for (;;) {
    int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd != listener) {
        serve(fd, events[i].events);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd < CONNS) watch(fd, EPOLLIN | EPOLLOUT | EPOLLET);
        else close(fd);
      }
    }
  }
}
