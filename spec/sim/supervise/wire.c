/* wire.c - sockets for programs in C: each call waits. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "world.h"

static lc_address address_of(int is_unix, const char *path)
{
  lc_address address = {.length = sizeof address.of.in};
  if (!is_unix) {
    address.of.in = (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return address;
  }
  address.of.un.sun_family = AF_UNIX;
  strncpy(address.of.un.sun_path, path, sizeof address.of.un.sun_path - 1);
  address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
  return address;
}

/* 1: it is ready; 0: not in time. */
static int await(sim_process *process, int fd, short events, lc_time patience)
{
  const lc_sys *sys = sim_process_sys(process);
  struct pollfd one = {fd, events, 0};
  return sys->poll(sys, &one, 1, patience);
}

static int error_of(sim_process *process, int fd)
{
  const lc_sys *sys = sim_process_sys(process);
  int error = 0;
  socklen_t length = sizeof error;
  int result = sys->getsockopt(sys, fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return result < 0 ? result : -error;
}

int wire_connect(sim_process *process, int is_unix, const char *path, lc_time patience)
{
  const lc_sys *sys = sim_process_sys(process);
  lc_address to = address_of(is_unix, path);
  int fd = sys->socket(sys, to.of.any.sa_family, SOCK_STREAM, 0);
  int result = sys->connect(sys, fd, &to.of.any, to.length);
  if (result == -EINPROGRESS)
    result = await(process, fd, POLLOUT, patience) ? error_of(process, fd) : -ETIMEDOUT;
  if (!result) return fd;
  sys->close(sys, fd);
  return result;
}

int wire_say(sim_process *process, int fd, const char *text)
{
  const lc_sys *sys = sim_process_sys(process);
  struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  return (int)sys->sendmsg(sys, fd, &message, MSG_NOSIGNAL);
}

int wire_read_line(sim_process *process, int fd, char *line, size_t size, lc_time patience)
{
  const lc_sys *sys = sim_process_sys(process);
  size_t length = 0;
  lc_time until = sys->now(sys) + patience;
  while (length + 1 < size) {
    ssize_t got = sys->recv(sys, fd, line + length, 1, 0);
    if (got == -EAGAIN) {
      lc_time left = until - sys->now(sys);
      if (left <= 0 || !await(process, fd, POLLIN, left)) return -ETIMEDOUT;
      continue;
    }
    if (got <= 0) return got < 0 ? (int)got : LC_EOF;
    if (line[length] == '\n') break;
    length++;
  }
  line[length] = 0;
  return (int)length;
}

void wire_close(sim_process *process, int fd)
{
  const lc_sys *sys = sim_process_sys(process);
  sys->close(sys, fd);
}
