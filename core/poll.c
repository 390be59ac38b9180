/* poll.c - waiting for a descriptor that somebody else owns, reads and writes.
 *
 * It is registered for one event at a time and taken out again when the event
 * has come: its owner may close it whenever nobody waits, and the kernel never
 * has to be asked what is registered.
 */
#include <stdlib.h>

#include "loop.h"

struct lc_poll {
  lc_loop *loop;
  lc_watch watch;
  void (*ready)(void *user, unsigned what);
  void *user;
};

static void poll_ready(lc_watch *watch, uint32_t events)
{
  lc_poll *poll = LC_OWNER(watch, lc_poll, watch);
  unsigned what = 0;
  if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) what |= LC_READABLE;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) what |= LC_WRITABLE;
  lc_loop_unwatch(poll->loop, watch);
  poll->ready(poll->user, what);
}

int lc_poll_want(lc_poll *poll, unsigned what)
{
  uint32_t events = EPOLLONESHOT;
  if (what & LC_READABLE) events |= EPOLLIN | EPOLLRDHUP;
  if (what & LC_WRITABLE) events |= EPOLLOUT;
  lc_loop_unwatch(poll->loop, &poll->watch);
  return what ? lc_loop_watch(poll->loop, &poll->watch, events) : 0;
}

lc_poll *lc_poll_new(lc_loop *loop, int fd, void (*ready)(void *user, unsigned what), void *user)
{
  lc_poll *poll = calloc(1, sizeof *poll);
  if (!poll) return NULL;
  poll->loop = loop;
  poll->watch = (lc_watch){.fd = fd, .slot = UINT32_MAX, .ready = poll_ready};
  poll->ready = ready;
  poll->user = user;
  return poll;
}

void lc_poll_free(lc_poll *poll)
{
  if (!poll) return;
  lc_loop_unwatch(poll->loop, &poll->watch);
  free(poll);
}
