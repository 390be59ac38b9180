/* keepalive.c - finding out that a peer is gone without a word. */
#include "kernel/keepalive.h"

#include <netinet/tcp.h>

#include "base/address.h"
#include "kernel/sockopt.h"

enum { ORPHAN_SECONDS = 30 };

lc_time lc_keepalive_user_timeout(const lc_keepalive *keepalive)
{
  if (keepalive->count <= 0) return 0;
  lc_time probes = keepalive->interval >= LC_NEVER / keepalive->count
                     ? LC_NEVER
                     : keepalive->interval * keepalive->count;
  return lc_time_add(keepalive->idle, probes);
}

/* The kernel counts in whole units. Rounds up, to at least one. */
static int units(lc_time time, lc_time unit)
{
  lc_time count = time / unit + (time % unit ? 1 : 0);
  if (count < 1) count = 1;
  return count > INT32_MAX ? INT32_MAX : (int)count;
}

static int apply_keepalive(const lc_sys *sys, int fd, const lc_keepalive *keepalive)
{
  if (keepalive->count <= 0) return lc_sockopt_put(sys, fd, SOL_SOCKET, SO_KEEPALIVE, 0);
  int result = lc_sockopt_put(sys, fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (!result)
    result = lc_sockopt_put(sys, fd, IPPROTO_TCP, TCP_KEEPIDLE, units(keepalive->idle, LC_SECOND));
  if (!result)
    result =
      lc_sockopt_put(sys, fd, IPPROTO_TCP, TCP_KEEPINTVL, units(keepalive->interval, LC_SECOND));
  if (!result) result = lc_sockopt_put(sys, fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive->count);
  return result;
}

static int is_same(const lc_keepalive *a, const lc_keepalive *b)
{
  return a->idle == b->idle && a->interval == b->interval && a->count == b->count;
}

static int apply_user_timeout(const lc_sys *sys, int fd, lc_time timeout)
{
  return lc_sockopt_put(sys, fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                        timeout ? units(timeout, LC_MILLISECOND) : 0);
}

int lc_keepalive_apply(const lc_sys *sys, int fd, int family, const lc_settings *settings,
                       const lc_settings *before)
{
  int result = 0;
  if (!lc_family_is_tcp(family)) return 0;
  if (before ? !is_same(&settings->keepalive, &before->keepalive) : settings->keepalive.count > 0)
    result = apply_keepalive(sys, fd, &settings->keepalive);
  if (!result &&
      (before ? settings->user_timeout != before->user_timeout : settings->user_timeout > 0))
    result = apply_user_timeout(sys, fd, settings->user_timeout);
  if (!result && (before ? settings->nodelay != before->nodelay : settings->nodelay))
    result = lc_sockopt_put(sys, fd, IPPROTO_TCP, TCP_NODELAY, settings->nodelay);
  return result;
}

void lc_keepalive_bound_orphan(const lc_sys *sys, int fd, const lc_settings *settings)
{
  lc_time bound = ORPHAN_SECONDS * LC_SECOND;
  if (settings->user_timeout > 0 && settings->user_timeout < bound) bound = settings->user_timeout;
  apply_user_timeout(sys, fd, bound);
}
