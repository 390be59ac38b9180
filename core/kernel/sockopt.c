/* sockopt.c - socket options by the names scripts and configuration files use. All are integers. */
#include "kernel/sockopt.h"

#include <netinet/tcp.h>
#include <string.h>

static const struct {
  const char *name;
  int level;
  int option;
} OPTIONS[] = {{"reuseaddr", SOL_SOCKET, SO_REUSEADDR},
               {"reuseport", SOL_SOCKET, SO_REUSEPORT},
               {"keepalive", SOL_SOCKET, SO_KEEPALIVE},
               {"rcvbuf", SOL_SOCKET, SO_RCVBUF},
               {"sndbuf", SOL_SOCKET, SO_SNDBUF},
               {"rcvlowat", SOL_SOCKET, SO_RCVLOWAT},
               {"priority", SOL_SOCKET, SO_PRIORITY},
               {"mark", SOL_SOCKET, SO_MARK},
               {"busy_poll", SOL_SOCKET, SO_BUSY_POLL},
               {"incoming_cpu", SOL_SOCKET, SO_INCOMING_CPU},
               {"nodelay", IPPROTO_TCP, TCP_NODELAY},
               {"cork", IPPROTO_TCP, TCP_CORK},
               {"quickack", IPPROTO_TCP, TCP_QUICKACK},
               {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE},
               {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL},
               {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT},
               {"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT},
               {"maxseg", IPPROTO_TCP, TCP_MAXSEG},
               {"syncnt", IPPROTO_TCP, TCP_SYNCNT},
               {"fastopen", IPPROTO_TCP, TCP_FASTOPEN},
               {"defer_accept", IPPROTO_TCP, TCP_DEFER_ACCEPT},
               {"notsent_lowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT},
               {"tos", IPPROTO_IP, IP_TOS},
               {"ttl", IPPROTO_IP, IP_TTL},
               {"freebind", IPPROTO_IP, IP_FREEBIND},
               {"transparent", IPPROTO_IP, IP_TRANSPARENT},
               {"ipv6_only", IPPROTO_IPV6, IPV6_V6ONLY},
               {"tclass", IPPROTO_IPV6, IPV6_TCLASS}};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static int find(const char *name)
{
  for (int i = 0; i < OPTION_COUNT; i++)
    if (!strcmp(OPTIONS[i].name, name)) return i;
  return -1;
}

const char *lc_sockopt_name(unsigned index)
{
  return index < OPTION_COUNT ? OPTIONS[index].name : NULL;
}

int lc_sockopt_put(const lc_sys *sys, int fd, int level, int option, int value)
{
  int result;
  LC_RETRY(result, sys->setsockopt(sys, fd, level, option, &value, sizeof value));
  return result;
}

int lc_sockopt_set(const lc_sys *sys, int fd, const char *name, int value)
{
  int index = find(name);
  if (index < 0) return -ENOENT;
  return lc_sockopt_put(sys, fd, OPTIONS[index].level, OPTIONS[index].option, value);
}

int lc_sockopt_get(const lc_sys *sys, int fd, const char *name, int *value)
{
  int index = find(name);
  socklen_t length = sizeof *value;
  if (index < 0) return -ENOENT;
  return sys->getsockopt(sys, fd, OPTIONS[index].level, OPTIONS[index].option, value, &length);
}
