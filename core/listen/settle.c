/* settle.c - waits for the handshakes that were under way when a listener was hidden. */
#include "kernel/sock_diag.h"
#include "listen/inside.h"

#define SETTLE_AT_LEAST (100 * LC_MILLISECOND)
#define SETTLE_BLIND LC_SECOND /* at most, where half-open handshakes cannot be counted */
#define SETTLE_DEFERRED (1100 * LC_MILLISECOND) /* the SYN-ACK timer of a client kept half-open */
#define LOOK_EVERY (20 * LC_MILLISECOND)
#define LOOK_COST 10 /* looking may take at most a tenth of the time */

void lc_settle_stop_counting(lc_listener *listener, int code)
{
  const lc_sys *sys = listener->owner->loop->sys;
  if (listener->diag >= 0) sys->close(sys, listener->diag);
  listener->diag = code;
}

int lc_settle_begin(lc_listener *listener)
{
  lc_loop *loop = listener->owner->loop;
  listener->hidden_at = loop->sys->now(loop->sys);
  listener->diag = lc_sock_diag_open(loop->sys);
  lc_timer_set(loop, &listener->timer,
               loop->now + (listener->defers ? SETTLE_DEFERRED : SETTLE_AT_LEAST));
  return LC_LISTENER_SETTLING;
}

static uint16_t port_of(const lc_address *address)
{
  return ntohs(address->of.any.sa_family == AF_INET6 ? address->of.in6.sin6_port
                                                     : address->of.in.sin_port);
}

/* Returns the number of our handshakes under way, or a code. Other members of a group begin new
 * ones on the same port: there only those count that began before we were hidden. */
static int handshakes(const lc_listener *listener)
{
  const lc_sys *sys = listener->owner->loop->sys;
  const lc_address *address = &listener->address;
  int tells_age = listener->in_group && !listener->defers;
  return lc_sock_diag_half_open_for(sys, listener->diag, address->of.any.sa_family,
                                    port_of(address),
                                    tells_age ? sys->now(sys) - listener->hidden_at : 0);
}

/* For a kernel that does not count handshakes: waits a fixed time. */
static int is_settled_blindly(lc_listener *listener, lc_time now, lc_time *again)
{
  lc_time limit = *listener->owner->settle;
  *again = listener->hidden_at + (limit < SETTLE_BLIND ? limit : SETTLE_BLIND);
  if (now < *again) return 0;
  lc_listener_not_known(listener, "stop unseen", listener->diag);
  return 1;
}

int lc_settle_due(lc_listener *listener, lc_time now, lc_time *again)
{
  const lc_sys *sys = listener->owner->loop->sys;
  lc_time limit = *listener->owner->settle;
  if (listener->diag < 0) return is_settled_blindly(listener, now, again);
  lc_time before = sys->now(sys);
  int half_open = handshakes(listener);
  lc_time cost = (sys->now(sys) - before) * LOOK_COST;
  listener->quiet_looks = half_open ? 0 : listener->quiet_looks + 1;
  /* The second look, which confirms the first, is never delayed. */
  *again = now + (half_open && cost > LOOK_EVERY ? cost : LOOK_EVERY);
  if (half_open < 0) lc_settle_stop_counting(listener, half_open);
  if (listener->quiet_looks >= 2) return 1;
  if (now < lc_time_add(listener->hidden_at, limit)) return 0;
  if (half_open < 0) return is_settled_blindly(listener, now, again);
  lc_listener_not_lossless(listener, "stop unsettled", 0); /* slow clients, or a SYN flood */
  return 1;
}
