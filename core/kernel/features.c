/* features.c - finds out what this kernel lets a listener do, by trying it once on loopback. */
#include "kernel/features.h"

#include <netinet/tcp.h>

#include "kernel/hide.h"
#include "kernel/sock_diag.h"

static int listen_on_loopback(const lc_sys *sys, int fd, struct sockaddr_in *address)
{
  socklen_t length = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int result = sys->bind(sys, fd, (struct sockaddr *)address, length);
  if (!result) result = sys->listen(sys, fd, 1);
  if (!result) result = sys->getsockname(sys, fd, (struct sockaddr *)address, &length);
  return result;
}

/* Whether a client gets through. On loopback the answer to a SYN has come when connect() returns.
 * Where loopback is down or filtered no answer comes, and nothing is known. */
static int is_accepted(const lc_sys *sys, const struct sockaddr_in *address)
{
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  int fd = sys->socket(sys, AF_INET, SOCK_STREAM, 0), result;
  if (fd < 0) return 0;
  LC_RETRY(result, sys->connect(sys, fd, (const struct sockaddr *)address, sizeof *address));
  if (result == 0 || result == -EINPROGRESS)
    result = sys->getsockopt(sys, fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  sys->close(sys, fd);
  return result == 0 && info.tcpi_state == TCP_ESTABLISHED;
}

/* Returns 0, or the code that says why a listener cannot be hidden. The option is said to have no
 * effect only when a client got through before, and gets through still. */
static int try_hiding(const lc_sys *sys, int fd)
{
  struct sockaddr_in address;
  int gets_through = !listen_on_loopback(sys, fd, &address) && is_accepted(sys, &address);
  int result = lc_hide(sys, fd);
  if (result < 0) return result;
  return gets_through && is_accepted(sys, &address) ? -EOPNOTSUPP : 0;
}

static int try_counting(const lc_sys *sys)
{
  int fd = lc_sock_diag_open(sys);
  if (fd < 0) return fd;
  int result = lc_sock_diag_half_open(sys, fd, AF_INET, 1);
  sys->close(sys, fd);
  return result < 0 ? result : 0;
}

int lc_features_probe(const lc_sys *sys, lc_features *features)
{
  int fd = sys->socket(sys, AF_INET, SOCK_STREAM, 0);
  features->hide_code = fd < 0 ? 0 : try_hiding(sys, fd);
  if (fd >= 0) sys->close(sys, fd);
  features->sock_diag_code = try_counting(sys);
  features->hide = !features->hide_code;
  features->sock_diag = !features->sock_diag_code;
  features->stop = features->hide ? LC_STOP_BY_HIDING : LC_STOP_WITHOUT_HIDING;
  return fd < 0 ? fd : 0;
}
