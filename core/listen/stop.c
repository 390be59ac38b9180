/* stop.c - stopping a listener so that every client whose connect() succeeded is served.
 *
 *   open --+-- TCP, ours ---> [widening] ---> settling ---> emptying ---> closed
 *          |                  a moment for a  no SYN finds  accept until
 *          |                  small backlog   it any more;  queue is empty
 *          |                                  handshakes
 *          |                                  under way end
 *          +-- one of a SO_REUSEPORT group: the same, and new clients are steered to the others
 *          +-- TCP, ours, but it cannot be hidden ------> emptying ---> closed   (not lossless)
 *          +-- unix ---> shutdown(SHUT_RD) ---> emptying ---> closed
 *          `-- shared with another process ---> closed: the queue is the socket's, not ours
 *
 * close() on a TCP listener resets its queue and every handshake under way. "Accept
 * until the queue is empty, then close" loses clients, too: a client that has our
 * SYN-ACK takes itself to be connected. Hiding removes the socket from the look-up
 * for new connections, which are refused at once. A handshake under way is found by
 * its own request socket, and completes. The descriptor is valid in every state but
 * closed, and connections are accepted in all of these states.
 *
 * Each way to stop is a method (method.h) in a file of its own. The states, the timer and the
 * queue are here.
 */
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "kernel/sockopt.h"
#include "listen/inside.h"

/* With a smaller one a burst means syncookies, which leave nothing to wait for. */
#define SMALL_BACKLOG 1024
#define LARGE_BACKLOG 4096 /* the default of lc_listen_options */
#define WIDENING (150 * LC_MILLISECOND)
/* The time of a client's fifth attempt: 0.2 s, doubled. */
#define WIDENING_DROPPED (3300 * LC_MILLISECOND)
#define EMPTY_EVERY (5 * LC_MILLISECOND)

/* The first method that suits and can begin is taken. The last one always can. */
static const lc_stop_method *const METHODS[] = {&lc_stop_at_once, &lc_stop_unix, &lc_stop_steer,
                                                &lc_stop_hide, &lc_stop_accept_close};

static const lc_stop_method *const *next_method(const lc_listener *listener,
                                                const lc_stop_method *const *method)
{
  while ((*method)->suits && !(*method)->suits(listener)) method++;
  return method;
}

static void wait_until(lc_listener *listener, lc_time at)
{
  lc_timer_set(listener->owner->loop, &listener->timer, at);
}

/* No new client can come: accepts those in the queue, then ends the stop. */
static void empty(lc_listener *listener)
{
  lc_listen_owner *owner = listener->owner;
  int again = listener->state == LC_LISTENER_EMPTYING;
  /* While accepting is held or fails for lack of descriptors, it does not show an empty queue. */
  if (again && (listener->held || listener->retry_after) &&
      lc_listener_queue_length(listener) == 0) {
    lc_listener_finish(listener);
    return;
  }
  listener->state = LC_LISTENER_EMPTYING;
  if (!again) owner->calls->settled(owner);
  wait_until(listener, owner->loop->now + EMPTY_EVERY);
  lc_listener_accept_share(listener);
}

/* ----------------------------------------------------------------- methods -- */

/* Returns the next state, or a code. */
static int try_method(lc_listener *listener, const lc_stop_method *method, int refusal)
{
  listener->method = method;
  if (!method->is_lossless) lc_listener_not_lossless(listener, "stop degraded", refusal);
  int result = method->begin(listener);
  if (result >= 0) return result;
  listener->method = NULL;
  if (method->refused) lc_listener_tell(listener, method->refused, result);
  return result;
}

static void begin(lc_listener *listener)
{
  const lc_stop_method *const *method = METHODS;
  int state = 0;
  do {
    method = next_method(listener, method);
    state = try_method(listener, *method++, state);
  } while (state < 0);
  switch (state) {
    case LC_LISTENER_SETTLING: listener->state = LC_LISTENER_SETTLING; break;
    case LC_LISTENER_EMPTYING: empty(listener); break;
    default: lc_listener_finish(listener); break;
  }
}

static void settle(lc_listener *listener, lc_time now)
{
  lc_time again;
  if (listener->method->due(listener, now, &again)) {
    empty(listener);
  } else {
    wait_until(listener, again);
    lc_listener_accept_share(listener);
  }
}

/* ---------------------------------------------------------------- widening -- */

/* Whether the queue was ever full; 1, too, where the kernel does not tell. Then there may be
 * clients that take themselves to be connected although we do not know them: we sent a syncookie,
 * and the last step of the handshake was dropped. We learn of them when they repeat their first
 * request. */
static int has_dropped(const lc_listener *listener)
{
  const lc_sys *sys = listener->owner->loop->sys;
  uint32_t info[SK_MEMINFO_VARS] = {0};
  socklen_t length = sizeof info;
  if (sys->getsockopt(sys, listener->watch.fd, SOL_SOCKET, SO_MEMINFO, info, &length) < 0) return 1;
  return info[SK_MEMINFO_DROPS] > 0;
}

static lc_time widening(const lc_listener *listener)
{
  lc_time limit = *listener->owner->settle;
  if (!has_dropped(listener)) return WIDENING;
  return limit < WIDENING_DROPPED ? limit : WIDENING_DROPPED;
}

/* Removes what keeps handshakes from completing. Returns 1 when that takes some time. */
static int widen(lc_listener *listener)
{
  const lc_sys *sys = listener->owner->loop->sys;
  if (listener->defers) {
    int result = lc_sockopt_put(sys, listener->watch.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0);
    if (result < 0) lc_listener_not_known(listener, "stop degraded", result);
  }
  if (listener->backlog >= SMALL_BACKLOG || sys->listen(sys, listener->watch.fd, LARGE_BACKLOG) < 0)
    return 0;
  listener->state = LC_LISTENER_WIDENING;
  wait_until(listener, listener->owner->loop->now + widening(listener));
  return 1;
}

/* ---------------------------------------------------------------- stopping -- */

void lc_listener_stop(lc_listener *listener)
{
  if (listener->state != LC_LISTENER_OPEN) return;
  lc_loop *loop = listener->owner->loop;
  int has_waited = listener->paused || listener->held || !listener->owner->serving;
  listener->stop_began = loop->now;
  listener->paused = listener->held = 0;
  if (has_waited)
    lc_job_queue(loop, &listener->job); /* no event announces the clients that waited */
  const lc_stop_method *first = *next_method(listener, METHODS);
  if (!first->has_handshakes || !widen(listener)) begin(listener);
}

int lc_listener_stop_later(lc_listener *listener)
{
  if (listener->state != LC_LISTENER_OPEN || listener->stop_wanted) return 0;
  listener->stop_wanted = 1;
  lc_job_queue(listener->owner->loop, &listener->job);
  return 1;
}

void lc_listener_stop_due(lc_listener *listener, lc_time now)
{
  switch (listener->state) {
    case LC_LISTENER_WIDENING: begin(listener); break;
    case LC_LISTENER_SETTLING: settle(listener, now); break;
    case LC_LISTENER_EMPTYING: empty(listener); break;
    case LC_LISTENER_OPEN:
    case LC_LISTENER_CLOSED: break;
  }
}

/* Clients that the kernel did not show are not known to be lost. */
static void tell_cut(lc_listener *listener)
{
  int code = listener->uncounted;
  if (!code) code = lc_loop_features(listener->owner->loop)->sock_diag_code;
  int is_uncounted = listener->state == LC_LISTENER_SETTLING && code < 0;
  int queue = lc_listener_queue_length(listener);
  if (queue <= 0 && is_uncounted) lc_listener_not_known(listener, "stop cut short", code);
  else if (queue > 0 || listener->state != LC_LISTENER_EMPTYING)
    lc_listener_not_lossless(listener, "stop cut short", 0);
  else if (queue < 0) lc_listener_not_known(listener, "stop cut short", 0);
}

void lc_listener_stop_now(lc_listener *listener)
{
  if (listener->state == LC_LISTENER_CLOSED) return;
  if (listener->state == LC_LISTENER_OPEN) lc_listener_stop(listener);
  if (listener->state == LC_LISTENER_EMPTYING && lc_listener_queue_length(listener) < 0) {
    listener->held = 0; /* only accepting shows whether the queue is empty */
    lc_listener_accept_share(listener);
  }
  if (listener->state == LC_LISTENER_CLOSED) return;
  tell_cut(listener);
  lc_listener_finish(listener);
}

void lc_listener_retire(lc_listener *listener)
{
  if (listener->state != LC_LISTENER_OPEN) {
    lc_listener_stop_now(listener);
    return;
  }
  listener->method = &lc_stop_at_once;
  listener->stop_began = listener->owner->loop->now;
  listener->lossless = listener->is_shared || !lc_listener_has_queue(listener);
  if (!listener->lossless) listener->owner->calls->lossy(listener->owner);
  lc_listener_close(listener);
}
