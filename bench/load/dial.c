/* dial.c - connecting. */
#include "dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common.h"

enum { LOOPBACK = 127u << 24, FIRST_SOURCE = 1u << 8 };

static void come_from(int fd, unsigned source)
{
  int on = 1;
  struct sockaddr_in from = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(LOOPBACK + FIRST_SOURCE + source)};
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (const struct sockaddr *)&from, sizeof from) < 0) give_up("bind");
}

int dial(uint16_t port, unsigned source)
{
  int on = 1;
  struct sockaddr_in to = {
    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(LOOPBACK + 1)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket");
  if (source > 0) come_from(fd, source);
  if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) give_up("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}
