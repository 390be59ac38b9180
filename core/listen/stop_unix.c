/* stop_unix.c - stops a unix listener by shutting it down: new clients are refused, the queue
 * stays. */
#include "listen/inside.h"

static int unix_suits(const lc_listener *listener)
{
  return listener->address.of.any.sa_family == AF_UNIX;
}

static int unix_begin(lc_listener *listener)
{
  const lc_sys *sys = listener->owner->loop->sys;
  int result = sys->shutdown(sys, listener->watch.fd, SHUT_RD);
  if (result < 0) lc_listener_not_lossless(listener, "stop degraded", result);
  return LC_LISTENER_EMPTYING;
}

const lc_stop_method lc_stop_unix = {
  .name = "shutdown", .is_lossless = 1, .suits = unix_suits, .begin = unix_begin};
