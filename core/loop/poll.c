/* poll.c - waiting for a descriptor that the embedder owns, reads and writes.
 *
 * The descriptor is registered for one event, and removed when the event has come.
 * So its owner may close it whenever no wait is under way. A poller can hold a
 * descriptor only once. A descriptor that the loop watches already (that of a
 * connection) goes into a poller of its own, which the loop watches instead.
 */
#include <stdlib.h>

#include "loop/loop.h"

struct lc_poll {
  lc_loop *loop;
  lc_watch watch; /* of the descriptor, or of the poller that it is in */
  int fd;
  unsigned wanted;
  void (*ready)(void *user, unsigned what);
  void *user;
};

static void stop(lc_poll *poll)
{
  const lc_sys *sys = poll->loop->sys;
  lc_loop_unwatch(poll->loop, &poll->watch);
  if (poll->watch.fd != poll->fd) sys->close(sys, poll->watch.fd);
  poll->watch.fd = poll->fd;
}

static unsigned meaning(uint32_t events)
{
  unsigned what = 0;
  if (events & (LC_POLL_IN | LC_POLL_URGENT | LC_POLL_FINISHED | LC_POLL_HANG_UP | LC_POLL_ERROR))
    what |= LC_READABLE;
  if (events & (LC_POLL_OUT | LC_POLL_HANG_UP | LC_POLL_ERROR)) what |= LC_WRITABLE;
  return what;
}

static uint32_t events_for(unsigned what)
{
  uint32_t events = 0;
  if (what & LC_READABLE) events |= LC_POLL_IN | LC_POLL_FINISHED;
  if (what & LC_WRITABLE) events |= LC_POLL_OUT;
  return events;
}

/* The poller is ready; this asks it for which events. */
static uint32_t events_in(const lc_poll *poll)
{
  const lc_sys *sys = poll->loop->sys;
  lc_poll_event event = {0};
  int count;
  LC_RETRY(count, sys->poller_wait(sys, poll->watch.fd, &event, 1, 0));
  return count == 1 ? event.seen : 0;
}

static void poll_ready(lc_watch *watch, uint32_t events)
{
  lc_poll *poll = LC_OWNER(watch, lc_poll, watch);
  unsigned what = meaning(watch->fd == poll->fd ? events : events_in(poll));
  stop(poll);
  /* its owner has used it already: wait again */
  if (!what && lc_poll_want(poll, poll->wanted) >= 0) return;
  poll->ready(poll->user, what ? what : poll->wanted);
}

static int watch_in_set(lc_poll *poll, uint32_t events)
{
  const lc_sys *sys = poll->loop->sys;
  int result, set = sys->poller_create(sys);
  if (set < 0) return set;
  poll->watch.fd = set;
  LC_RETRY(result, sys->poller_control(sys, set, LC_POLLER_ADD, poll->fd, events, 0));
  if (result >= 0) result = lc_loop_watch(poll->loop, &poll->watch, LC_POLL_IN | LC_POLL_ONCE);
  if (result < 0) stop(poll);
  return result;
}

int lc_poll_want(lc_poll *poll, unsigned what)
{
  uint32_t events = events_for(what);
  stop(poll);
  poll->wanted = what;
  if (!what) return 0;
  int result = lc_loop_watch(poll->loop, &poll->watch, events | LC_POLL_ONCE);
  return result == -EEXIST ? watch_in_set(poll, events) : result;
}

lc_poll *lc_poll_new(lc_loop *loop, int fd, void (*ready)(void *user, unsigned what), void *user)
{
  lc_poll *poll = calloc(1, sizeof *poll);
  if (!poll) return NULL;
  poll->loop = loop;
  poll->fd = fd;
  poll->watch = (lc_watch){.fd = fd, .slot = UINT32_MAX, .ready = poll_ready};
  poll->ready = ready;
  poll->user = user;
  return poll;
}

void lc_poll_free(lc_poll *poll)
{
  if (!poll) return;
  stop(poll);
  free(poll);
}
