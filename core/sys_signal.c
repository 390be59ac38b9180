/* sys_signal.c - counts and stamps signals where they arrive, and wakes the loop that owns them.
 *
 * A slot of the table, one for each signal:
 *
 *   free --watch--> claimed --handler installed--> owned --release--> free
 *
 * Watch and release belong to the owner's thread; the handler runs on any
 * thread, between any two instructions, and touches nothing but lock-free
 * atomics, the clock and write(2). What makes release followed by close() of
 * `wake_fd` safe is `inside`: a handler that has seen the descriptor is counted
 * there, and release waits until it has left.
 */
#include "sys_signal.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if ATOMIC_INT_LOCK_FREE != 2 || ATOMIC_LLONG_LOCK_FREE != 2
#error "signal handlers need lock-free atomics"
#endif

typedef struct slot {
  atomic_int owned;
  atomic_int wake_fd; /* descriptor + 1, so that the zeroed table holds none */
  atomic_int inside;  /* handlers at work */
  atomic_uint count;
  atomic_llong first_at; /* 0: none since the last look */
  atomic_llong last_at;
  struct sigaction before; /* the owner's */
} slot;

static slot table[NSIG];

static lc_time clock_now(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (lc_time)now.tv_sec * LC_SECOND + now.tv_nsec;
}

/* The stamps come before the count, so that whoever sees the count has them. */
static void note(slot *s, lc_time at)
{
  long long none = 0, last = atomic_load(&s->last_at);

  atomic_compare_exchange_strong(&s->first_at, &none, at);
  while (last < at && !atomic_compare_exchange_weak(&s->last_at, &last, at)) continue;
  atomic_fetch_add(&s->count, 1);
}

static void handler(int signal)
{
  int saved = errno;
  slot *s = &table[signal];
  uint64_t one = 1;
  ssize_t written;
  int wake_fd;

  atomic_fetch_add(&s->inside, 1);
  wake_fd = atomic_load(&s->wake_fd) - 1;
  if (wake_fd >= 0) {
    note(s, clock_now());
    /* Fails only when the counter is full, and then the loop is awake anyway. */
    written = write(wake_fd, &one, sizeof one);
    (void)written;
  }
  atomic_fetch_sub(&s->inside, 1);
  errno = saved;
}

/* Those that cannot be caught, and those that a returning handler would only raise again. */
static int is_catchable(int signal)
{
  switch (signal) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL: return 0;
    default: return signal > 0 && signal < NSIG;
  }
}

/* Nobody's stamps are left for the next owner. */
static void forget(slot *s)
{
  atomic_store(&s->count, 0);
  atomic_store(&s->first_at, 0);
  atomic_store(&s->last_at, 0);
}

int lc_sys_signal_watch(const lc_sys *sys, int signal, int wake_fd)
{
  struct sigaction action;
  int error, unowned = 0;
  slot *s;

  (void)sys;
  if (!is_catchable(signal) || wake_fd < 0) return -EINVAL;
  s = &table[signal];
  if (!atomic_compare_exchange_strong(&s->owned, &unowned, 1)) return -EBUSY;
  forget(s);
  atomic_store(&s->wake_fd, wake_fd + 1);

  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_ONSTACK; /* ONSTACK: some hosts' threads have small stacks */
  sigfillset(&action.sa_mask);
  if (sigaction(signal, &action, &s->before) == 0) return 0;

  error = -errno;
  atomic_store(&s->wake_fd, 0);
  atomic_store(&s->owned, 0);
  return error;
}

int lc_sys_signal_release(const lc_sys *sys, int signal)
{
  static const struct timespec pause = {0, 20000};
  struct sigaction current;
  slot *s;

  (void)sys;
  if (!is_catchable(signal)) return -EINVAL;
  s = &table[signal];
  if (!atomic_load(&s->owned)) return -EINVAL;

  /* A handler that somebody installed over ours is theirs to remove. */
  if (sigaction(signal, NULL, &current) == 0 && current.sa_handler == handler) {
    sigaction(signal, &s->before, NULL);
  }
  atomic_store(&s->wake_fd, 0);
  while (atomic_load(&s->inside) > 0) nanosleep(&pause, NULL); /* on another thread */
  forget(s);
  atomic_store(&s->owned, 0);
  return 0;
}

int lc_sys_signal_take(const lc_sys *sys, int signal, lc_signal_seen *seen)
{
  slot *s;

  (void)sys;
  memset(seen, 0, sizeof *seen);
  if (!is_catchable(signal)) return -EINVAL;
  s = &table[signal];
  if (!atomic_load(&s->owned)) return -EINVAL;

  seen->count = atomic_exchange(&s->count, 0);
  if (seen->count == 0) return 0;
  seen->first_at = atomic_exchange(&s->first_at, 0);
  seen->last_at = atomic_load(&s->last_at);
  /* A handler that was just stamping while we looked had its first time taken by the last look. */
  if (seen->first_at == 0) seen->first_at = seen->last_at;
  return 0;
}
