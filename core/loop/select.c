/* select.c - one wait for any of several descriptors of the embedder's.
 *
 * A poller can hold a descriptor only once. A single descriptor is watched directly,
 * if the loop does not watch it yet. All others go into two pollers of the wait,
 * one for reading and one for writing, which the loop watches instead.
 */
#include <stdlib.h>

#include "loop/loop.h"

typedef struct lc_select_set {
  lc_watch watch;
  lc_select *wait;
  int is_ours; /* a poller of the wait, to be closed; not the caller's descriptor */
} lc_select_set;

struct lc_select {
  lc_loop *loop;
  void (*ready)(void *user);
  void *user;
  lc_select_set sets[2];
};

static void set_ready(lc_watch *watch, uint32_t events)
{
  lc_select *wait = LC_OWNER(watch, lc_select_set, watch)->wait;
  (void)events;
  wait->ready(wait->user);
}

void lc_select_end(lc_select *wait)
{
  if (!wait) return;
  const lc_sys *sys = wait->loop->sys;
  for (int i = 0; i < 2; i++) {
    lc_select_set *set = &wait->sets[i];
    if (set->watch.fd < 0) continue;
    lc_loop_unwatch(wait->loop, &set->watch);
    if (set->is_ours) sys->close(sys, set->watch.fd);
  }
  free(wait);
}

static int watch_directly(lc_select *wait, const struct pollfd *one)
{
  lc_select_set *set = &wait->sets[0];
  uint32_t events = 0;
  if (one->events & POLLIN) events |= LC_POLL_IN;
  if (one->events & POLLOUT) events |= LC_POLL_OUT;
  set->watch.fd = one->fd;
  int result = lc_loop_watch(wait->loop, &set->watch, events);
  if (result < 0) set->watch.fd = -1;
  return result;
}

static int open_set(lc_select *wait, lc_select_set *set)
{
  const lc_sys *sys = wait->loop->sys;
  set->watch.fd = sys->poller_create(sys);
  if (set->watch.fd < 0) return set->watch.fd;
  set->is_ours = 1;
  return lc_loop_watch(wait->loop, &set->watch, LC_POLL_IN);
}

static int put(lc_select *wait, lc_select_set *set, int fd, uint32_t events)
{
  const lc_sys *sys = wait->loop->sys;
  int result = set->watch.fd < 0 ? open_set(wait, set) : 0;
  if (result < 0) return result;
  LC_RETRY(result, sys->poller_control(sys, set->watch.fd, LC_POLLER_ADD, fd, events, 0));
  return result == -EEXIST ? 0 : result; /* the caller named it twice */
}

static int watch_in_sets(lc_select *wait, const struct pollfd *fds, unsigned count)
{
  int result = 0;
  for (unsigned i = 0; i < count && result >= 0; i++) {
    if (fds[i].fd < 0) continue;
    if (fds[i].events & POLLIN) result = put(wait, &wait->sets[0], fds[i].fd, LC_POLL_IN);
    if (result >= 0 && fds[i].events & POLLOUT)
      result = put(wait, &wait->sets[1], fds[i].fd, LC_POLL_OUT);
  }
  return result;
}

lc_select *lc_select_begin(lc_loop *loop, const struct pollfd *fds, unsigned count,
                           void (*ready)(void *user), void *user, int *error)
{
  int result = -ENOMEM;
  lc_select *wait = calloc(1, sizeof *wait);
  if (!wait) goto failed;
  wait->loop = loop;
  wait->ready = ready;
  wait->user = user;
  for (int i = 0; i < 2; i++)
    wait->sets[i] = (lc_select_set){.wait = wait, .watch = {.fd = -1, .ready = set_ready}};
  result = count == 1 ? watch_directly(wait, fds) : -EEXIST;
  if (result == -EEXIST) result = watch_in_sets(wait, fds, count);
  if (result >= 0) return wait;
  lc_select_end(wait);
failed:
  if (error) *error = result;
  return NULL;
}
