/* poller.c - waiting for many descriptors at once: epoll, which nothing else in core/ knows of. */
#include "sys/poller.h"

#include <limits.h>
#include <linux/time_types.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/files.h"

/* a caller with room for more has the other events in its next call */
enum { EVENTS_AT_ONCE = 64 };

/* Our numbers are those of epoll, so nothing has to be translated. */
#define IS_SAME(ours, theirs) _Static_assert((uint32_t)(ours) == (uint32_t)(theirs), #ours)
IS_SAME(LC_POLL_IN, EPOLLIN);
IS_SAME(LC_POLL_URGENT, EPOLLPRI);
IS_SAME(LC_POLL_OUT, EPOLLOUT);
IS_SAME(LC_POLL_ERROR, EPOLLERR);
IS_SAME(LC_POLL_HANG_UP, EPOLLHUP);
IS_SAME(LC_POLL_FINISHED, EPOLLRDHUP);
IS_SAME(LC_POLL_ONCE, EPOLLONESHOT);
IS_SAME(LC_POLL_EDGE, EPOLLET);

int lc_sys_poller_create(const lc_sys *sys)
{
  (void)sys;
  return lc_sys_above_standard(epoll_create1(EPOLL_CLOEXEC));
}

int lc_sys_poller_control(const lc_sys *sys, int poller, lc_poller_deed deed, int fd,
                          uint32_t wanted, uint64_t tag)
{
  static const int operations[] = {EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD};
  struct epoll_event event = {.events = wanted, .data.u64 = tag};
  (void)sys;
  return epoll_ctl(poller, operations[deed], fd, &event) < 0 ? -errno : 0;
}

/* Whether this kernel, or a filter on it, is known to lack epoll_pwait2. Asked once, not at each
 * wait. */
static atomic_int waits_roughly;

/* Waits with the precision of a nanosecond, which Linux 5.11 can. -ENOSYS on older kernels. */
static int wait_exactly(int epoll, struct epoll_event *events, int capacity, lc_time timeout)
{
#ifdef SYS_epoll_pwait2
  struct __kernel_timespec time = {.tv_sec = timeout / LC_SECOND, .tv_nsec = timeout % LC_SECOND};
  int count = (int)syscall(SYS_epoll_pwait2, epoll, events, capacity, &time, NULL, (size_t)0);
  return count < 0 ? -errno : count;
#else
  (void)epoll, (void)events, (void)capacity, (void)timeout;
  return -ENOSYS;
#endif
}

static int wait_milliseconds(int epoll, struct epoll_event *events, int capacity, int milliseconds)
{
  int count = epoll_wait(epoll, events, capacity, milliseconds);
  return count < 0 ? -errno : count;
}

static int wait_for(int epoll, struct epoll_event *events, int capacity, lc_time timeout)
{
  if (timeout < 0 || timeout == LC_NEVER) return wait_milliseconds(epoll, events, capacity, -1);
  if (timeout > 0 && !atomic_load_explicit(&waits_roughly, memory_order_relaxed)) {
    int count = wait_exactly(epoll, events, capacity, timeout);
    if (count != -ENOSYS && count != -EPERM) return count; /* EPERM: an old container's filter */
    atomic_store_explicit(&waits_roughly, 1, memory_order_relaxed);
  }
  lc_time milliseconds =
    timeout / LC_MILLISECOND + (timeout % LC_MILLISECOND > 0); /* never early */
  if (milliseconds > INT_MAX) milliseconds = INT_MAX;
  return wait_milliseconds(epoll, events, capacity, (int)milliseconds);
}

int lc_sys_poller_wait(const lc_sys *sys, int poller, lc_poll_event *events, int capacity,
                       lc_time timeout)
{
  struct epoll_event found[EVENTS_AT_ONCE];
  (void)sys;
  int count =
    wait_for(poller, found, capacity < EVENTS_AT_ONCE ? capacity : EVENTS_AT_ONCE, timeout);
  for (int i = 0; i < count; i++)
    events[i] = (lc_poll_event){.seen = found[i].events, .tag = found[i].data.u64};
  return count;
}
