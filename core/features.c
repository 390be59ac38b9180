/* features.c - finds out at start what this kernel lets us do, by doing it once on loopback. */
#include "loop.h"
#include "sock_diag.h"

#define NO_SUCH_INTERFACE 0x7fffffff

static int listen_on_loopback(const lc_sys *sys, struct sockaddr_in *address)
{
  socklen_t length = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = sys->socket(sys, AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  int result = sys->bind(sys, fd, (struct sockaddr *)address, length);
  if (!result) result = sys->listen(sys, fd, 1);
  if (!result) result = sys->getsockname(sys, fd, (struct sockaddr *)address, &length);
  if (!result) return fd;
  sys->close(sys, fd);
  return result;
}

/* On loopback the answer to a SYN is there when connect() returns: accepted handshakes complete,
 * refusals are refusals. 1, 0, or a code when there was no socket to ask with. */
static int is_refused(const lc_sys *sys, const struct sockaddr_in *address)
{
  int fd = sys->socket(sys, AF_INET, SOCK_STREAM, 0), result;
  if (fd < 0) return fd;
  LC_RETRY(result, sys->connect(sys, fd, (const struct sockaddr *)address, sizeof *address));
  if (result == -EINPROGRESS) {
    int error = 0;
    socklen_t length = sizeof error;
    result = sys->getsockopt(sys, fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (!result) result = -error;
  }
  sys->close(sys, fd);
  return result == -ECONNREFUSED;
}

/* 1, 0, or a code. */
static int can_hide(const lc_sys *sys)
{
  struct sockaddr_in address;
  int nowhere = NO_SUCH_INTERFACE, fd = listen_on_loopback(sys, &address);
  if (fd < 0) return fd;
  int result = is_refused(sys, &address), works = 0;
  if (result == 0 &&
      sys->setsockopt(sys, fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof nowhere) == 0)
    works = result = is_refused(sys, &address);
  sys->close(sys, fd);
  return result < 0 ? result : works;
}

static int can_count_handshakes(const lc_sys *sys)
{
  int fd = lc_sock_diag_open(sys);
  if (fd < 0) return 0;
  int result = lc_sock_diag_half_open(sys, fd, AF_INET, 1);
  sys->close(sys, fd);
  return result >= 0;
}

int lc_features_probe(const lc_sys *sys, lc_features *features)
{
  int result = can_hide(sys);
  features->hide = result > 0;
  features->sock_diag = can_count_handshakes(sys);
  features->stop = features->hide ? "hide" : "accept-close";
  return result < 0 ? result : 0;
}
