/* accept.c - accepts a bounded share of clients each turn.
 *
 * Accepting pauses where the kernel refuses, and is held back while the owner has no room. The
 * clients of an embedder that accepts by hand wait in the kernel's queue while the listener is
 * open, and with the owner when it stops.
 */
#include <netinet/tcp.h>
#include <poll.h>

#include "listen/inside.h"

#define RETRY_FIRST (5 * LC_MILLISECOND)
#define RETRY_LONGEST LC_SECOND

/* Errors that concern one client in the queue, or a signal: the next accept may succeed. Any other
 * error (too few descriptors, too little memory) would return at once. */
static int is_passing(int code)
{
  switch (code) {
    case -ECONNABORTED:
    case -EINTR:
    case -EPROTO:
    case -ENETDOWN:
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -ETIMEDOUT: return 1;
    default: return 0;
  }
}

/* While serving, closing connections free descriptors. During a stop nothing may, so the reserve is
 * spent to accept the queue one client at a time. */
static int lacks_descriptors(int code) { return code == -EMFILE || code == -ENFILE; }

/* Descriptors that a stop leaves to an embedder that accepts by hand, for its work. */
enum { LEFT_TO_EMBEDDER = 32 };

/* --------------------------------------------------------------- the queue -- */

int lc_listener_queue_length(const lc_listener *listener)
{
  const lc_sys *sys = listener->owner->loop->sys;
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (listener->address.of.any.sa_family == AF_UNIX) return -1;
  if (sys->getsockopt(sys, listener->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
    return -1;
  return (int)info.tcpi_unacked;
}

int lc_listener_has_queue(const lc_listener *listener)
{
  const lc_sys *sys = listener->owner->loop->sys;
  struct pollfd one = {.fd = listener->watch.fd, .events = POLLIN};
  return sys->poll(sys, &one, 1, 0) > 0;
}

/* --------------------------------------------------- what an operator hears -- */

static void tell(lc_listener *listener, lc_notice notice)
{
  listener->owner->calls->notice(listener->owner, notice, &listener->address);
}

/* Notes that a limit makes clients wait. */
static void tell_limit(lc_listener *listener, lc_notice notice, uint32_t limit)
{
  int queue = lc_listener_queue_length(listener);
  notice.limit = limit;
  notice.queue = (uint32_t)(queue >= 0 ? queue : lc_listener_has_queue(listener));
  tell(listener, notice);
}

/* Given once, until the queue is empty again: at the limit, every connection that ends lets another
 * in. */
static void tell_full(lc_listener *listener)
{
  lc_listen_owner *owner = listener->owner;
  uint32_t number;
  if (owner->told || owner->suspended || !lc_listener_has_queue(listener)) return;
  owner->told = owner->calls->limit_reached(owner, &number);
  if (owner->told) tell_limit(listener, (lc_notice){.event = owner->told->reached}, number);
}

static void tell_room(lc_listener *listener)
{
  const lc_limit *told = listener->owner->told;
  listener->owner->told = NULL;
  if (told) lc_listener_tell(listener, told->resumed, 0);
}

/* ----------------------------------------------------------------- pausing -- */

static void pause_accepting(lc_listener *listener, int code)
{
  lc_loop *loop = listener->owner->loop;
  int is_first = !listener->retry_after;
  lc_time wait = is_first ? RETRY_FIRST : listener->retry_after * 2;
  listener->retry_after = wait > RETRY_LONGEST ? RETRY_LONGEST : wait;
  listener->paused = 1;
  if (listener->state == LC_LISTENER_OPEN) /* else the timer of the stop looks again */
    lc_timer_set(loop, &listener->timer, loop->now + listener->retry_after);
  if (!is_first) return;
  lc_notice notice = {.event = "accept paused", .code = code, .retry = listener->retry_after};
  int limit = lacks_descriptors(code) ? loop->sys->descriptor_limit(loop->sys) : 0;
  if (limit > 0) tell_limit(listener, notice, (uint32_t)limit);
  else tell(listener, notice);
}

static void accepting_again(lc_listener *listener)
{
  if (!listener->retry_after) return;
  listener->retry_after = 0;
  lc_listener_tell(listener, "accept resumed", 0);
}

static int must_hold(const lc_listener *listener)
{
  const lc_listen_owner *owner = listener->owner;
  if (listener->state != LC_LISTENER_OPEN) return 0; /* a stop accepts every client */
  uint32_t number;
  return owner->suspended || owner->calls->limit_reached(owner, &number) != NULL;
}

/* --------------------------------------------------------------- accepting -- */

/* An empty queue also shows that a shortage is over. */
static void queue_is_empty(lc_listener *listener)
{
  accepting_again(listener);
  tell_room(listener);
  if (listener->state == LC_LISTENER_EMPTYING) lc_listener_finish(listener);
}

/* The kernel gives the lowest free number: a high one tells that few are left. */
static int is_table_nearly_full(const lc_sys *sys, int fd)
{
  int limit = sys->descriptor_limit(sys);
  return limit >= 0 && fd >= limit - LEFT_TO_EMBEDDER;
}

static int take(lc_listener *listener, int fd, lc_address *peer, lc_conn **conn)
{
  lc_listen_owner *owner = listener->owner;
  const lc_sys *sys = owner->loop->sys;
  int is_by_hand = !owner->serving && listener->state != LC_LISTENER_OPEN;
  if (is_by_hand && is_table_nearly_full(sys, fd)) listener->held = 1;
  if (peer->length == 0 || peer->of.any.sa_family == AF_UNSPEC) peer->of.any.sa_family = AF_UNIX;
  int result = owner->calls->take(owner, fd, peer, conn);
  if (result < 0) {
    sys->close(sys, fd);
    pause_accepting(listener, result); /* no event announces the other clients */
  } else {
    accepting_again(listener);
  }
  return result;
}

/* Goes on until a client of the queue is accepted, or it is known why none is. */
static int accept_next(lc_listener *listener, lc_conn **conn)
{
  lc_listen_owner *owner = listener->owner;
  const lc_sys *sys = owner->loop->sys;
  for (int skipped = 0; skipped < LC_ACCEPTS_PER_TURN; skipped++) {
    lc_address peer = {.length = sizeof peer.of};
    int fd = owner->calls->prepare(owner);
    if (!fd) fd = sys->accept(sys, listener->watch.fd, &peer.of.any, &peer.length);
    if (fd == -EAGAIN) {
      queue_is_empty(listener);
      return LC_AGAIN;
    }
    if (is_passing(fd)) continue;
    if (lacks_descriptors(fd) && listener->state != LC_LISTENER_OPEN &&
        owner->calls->lend_descriptor(owner))
      continue;
    if (fd < 0) {
      pause_accepting(listener, fd);
      return fd;
    }
    return take(listener, fd, &peer, conn);
  }
  lc_job_queue(owner->loop, &listener->job);
  return LC_AGAIN;
}

/* Whether a stop by hand leaves the last descriptors alone, as others will be free soon. */
static int waits_for_descriptors(const lc_listener *listener)
{
  const lc_listen_owner *owner = listener->owner;
  return listener->state != LC_LISTENER_OPEN && listener->held && owner->calls->frees_soon(owner);
}

int lc_listener_accept(lc_listener *listener, lc_conn **conn)
{
  if (listener->state == LC_LISTENER_CLOSED || listener->paused) return LC_AGAIN;
  if (waits_for_descriptors(listener)) return LC_AGAIN;
  if (must_hold(listener)) {
    listener->held = 1;
    tell_full(listener);
    return LC_AGAIN;
  }
  return accept_next(listener, conn);
}

/* Whether the clients in the queue are the embedder's to accept. */
static int is_left_to_embedder(const lc_listener *listener)
{
  return !listener->owner->serving && (listener->state == LC_LISTENER_OPEN || listener->held);
}

/* Accepts one client for the owner. Returns 0 when no other is to be accepted now. */
static int accept_for_owner(lc_listener *listener)
{
  lc_listen_owner *owner = listener->owner;
  lc_conn *conn;
  if (is_left_to_embedder(listener)) {
    owner->calls->acceptable(owner);
    return 0;
  }
  if (lc_listener_accept(listener, &conn) < 0) return 0;
  if (owner->serving) owner->calls->serve(owner, conn);
  else owner->calls->keep(owner, conn, listener->number);
  return 1;
}

void lc_listener_accept_share(lc_listener *listener)
{
  if (listener->state == LC_LISTENER_CLOSED) return;
  for (int i = 0; i < LC_ACCEPTS_PER_TURN; i++)
    if (!accept_for_owner(listener)) return;
  lc_job_queue(listener->owner->loop, &listener->job);
}

void lc_listener_unhold(lc_listener *listener)
{
  if (!listener->held || listener->state == LC_LISTENER_CLOSED || must_hold(listener)) return;
  listener->held = 0;
  lc_job_queue(listener->owner->loop, &listener->job);
}

void lc_listener_look_again(lc_listener *listener)
{
  listener->held = 1;
  lc_listener_unhold(listener);
}
