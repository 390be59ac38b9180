/* signal.c - counts and stamps signals where they arrive, wakes the loop that owns them, and
 * interrupts a thread for its watchdog.
 *
 * A slot of the table, one for each signal:
 *
 *   free --watch--> claimed --handler installed--> owned --release--> free
 *
 * Besides its owner, a signal may have users: signal_deaf makes it do nothing, signal_act
 * gives it an action where process 1 has none. The handler stays installed while the
 * signal has an owner or a user. The owner's thread watches and releases. The handler
 * runs on any thread, between any two instructions, and touches nothing but lock-free
 * atomics, the clock and write(2). After release the owner may close `wake_fd`: a handler
 * that has seen the descriptor is counted in `inside`, and release waits until it has left.
 */
#include "sys/signal.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/digits.h"
#include "sys/clock.h"
#include "sys/files.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

#if ATOMIC_INT_LOCK_FREE != 2 || ATOMIC_LLONG_LOCK_FREE != 2
#error "signal handlers need lock-free atomics"
#endif

typedef struct slot {
  atomic_int owned;
  atomic_int wake_fd; /* descriptor + 1, so that the zeroed table holds none */
  atomic_int also_fd; /* likewise, the watchdog's */
  atomic_int inside;  /* handlers that are running */
  atomic_uint count;
  atomic_uint presses;
  atomic_llong pressed_at; /* the last arrival that was no bounce */
  atomic_llong first_at;   /* 0: none since the last look */
  atomic_llong last_at;
  atomic_int acting; /* users of signal_act */
  /* owner and users of our handler; guarded by `installing`, as is the next */
  int users;
  struct sigaction before; /* the disposition before our handler */
} slot;

static slot table[NSIG];
static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;
static atomic_int listeners; /* open sockets of the whole process */

/* between two looks whether a handler on another thread has left */
static const struct timespec PAUSE = {0, 20000};

/* The stamps come before the count: a reader that sees the count has them. */
static void note(slot *s, lc_time at)
{
  long long none = 0, last = atomic_load(&s->last_at);
  atomic_compare_exchange_strong(&s->first_at, &none, at);
  while (last < at && !atomic_compare_exchange_weak(&s->last_at, &last, at)) continue;
  last = atomic_load(&s->pressed_at);
  if ((last == 0 || at - last >= LC_SIGNALS_APART) &&
      atomic_compare_exchange_strong(&s->pressed_at, &last, at)) {
    atomic_fetch_add(&s->presses, 1);
  }
  atomic_fetch_add(&s->count, 1);
}

/* Fails only when the counter is full: then the reader is awake already. */
static void wake(int fd)
{
  uint64_t one = 1;
  ssize_t written = fd >= 0 ? write(fd, &one, sizeof one) : 0;
  (void)written;
}

/* The signal has no owner yet. Process 1 of a container has no default action: without this, a
 * SIGTERM before the run would be lost. While a listener is open, clients may have connected, so
 * the signal is kept for the run. */
static void act_by_default(slot *s, int signal)
{
  struct sigaction action;
  if (getpid() != 1) { /* a child, which has inherited the handler: it has a default action */
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, NULL);
    raise(signal);
  } else if (atomic_load(&listeners) > 0) {
    note(s, lc_sys_clock(CLOCK_MONOTONIC));
  } else {
    _exit(128 + signal);
  }
}

static void handler(int signal)
{
  int saved = errno;
  slot *s = &table[signal];
  atomic_fetch_add(&s->inside, 1);
  int wake_fd = atomic_load(&s->wake_fd) - 1;
  if (wake_fd >= 0) {
    note(s, lc_sys_clock(CLOCK_MONOTONIC));
    wake(wake_fd);
    wake(atomic_load(&s->also_fd) - 1);
  } else if (atomic_load(&s->acting) > 0) {
    act_by_default(s, signal);
  }
  atomic_fetch_sub(&s->inside, 1);
  errno = saved;
}

/* Excludes signals that cannot be caught, and those that occur again as soon as the handler
 * returns. */
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

/* The next owner must not see the stamps of this one. */
static void forget(slot *s)
{
  atomic_store(&s->count, 0);
  atomic_store(&s->presses, 0);
  atomic_store(&s->pressed_at, 0);
  atomic_store(&s->first_at, 0);
  atomic_store(&s->last_at, 0);
}

typedef enum where { ANYWHERE, WHERE_DEFAULT, WHERE_NOT_IGNORED } where;

static int is_wanted(where wanted, const struct sigaction *present)
{
  if (wanted == WHERE_DEFAULT) return present->sa_handler == SIG_DFL;
  return wanted == ANYWHERE || present->sa_handler != SIG_IGN;
}

/* Adds a user of our handler. Returns 1, or 0 when the present disposition of the signal excludes
 * it. */
static int install(int signal, where wanted)
{
  struct sigaction action, present;
  slot *s = &table[signal];
  int result = 1;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_ONSTACK; /* ONSTACK: some hosts' threads have small stacks */
  sigfillset(&action.sa_mask);
  pthread_mutex_lock(&installing);
  if (sigaction(signal, NULL, &present) < 0) result = -errno;
  int is_there = result > 0 && present.sa_handler == handler;
  if (result > 0 && !is_there && !is_wanted(wanted, &present)) result = 0;
  if (result > 0 && !is_there && sigaction(signal, &action, NULL) < 0) result = -errno;
  if (result > 0 && !is_there) s->before = present;
  if (result > 0) s->users++;
  pthread_mutex_unlock(&installing);
  return result;
}

/* Removes a user. When the program has installed another handler over ours, that one stays. */
static void uninstall(int signal)
{
  struct sigaction present;
  slot *s = &table[signal];
  pthread_mutex_lock(&installing);
  if (--s->users == 0 && sigaction(signal, NULL, &present) == 0 && present.sa_handler == handler)
    sigaction(signal, &s->before, NULL);
  pthread_mutex_unlock(&installing);
}

/* The new owner sees all earlier arrivals as one, of now. */
static void hand_over(slot *s)
{
  lc_time now = lc_sys_clock(CLOCK_MONOTONIC);
  if (!atomic_load(&s->count)) return;
  atomic_store(&s->presses, 1);
  atomic_store(&s->pressed_at, now);
  atomic_store(&s->first_at, now);
  atomic_store(&s->last_at, now);
  wake(atomic_load(&s->wake_fd) - 1);
}

int lc_sys_signal_watch(const lc_sys *sys, int signal, int wake_fd)
{
  int unowned = 0;
  (void)sys;
  if (!is_catchable(signal) || wake_fd < 0) return -EINVAL;
  slot *s = &table[signal];
  if (!atomic_compare_exchange_strong(&s->owned, &unowned, 1)) return -EBUSY;
  atomic_store(&s->wake_fd, wake_fd + 1);
  int result = install(signal, ANYWHERE);
  if (result > 0) {
    hand_over(s);
    return 0;
  }
  atomic_store(&s->wake_fd, 0);
  atomic_store(&s->owned, 0);
  return result;
}

int lc_sys_signal_release(const lc_sys *sys, int signal)
{
  (void)sys;
  if (!is_catchable(signal)) return -EINVAL;
  slot *s = &table[signal];
  if (!atomic_load(&s->owned)) return -EINVAL;
  uninstall(signal);
  atomic_store(&s->wake_fd, 0);
  atomic_store(&s->also_fd, 0);
  while (atomic_load(&s->inside) > 0) nanosleep(&PAUSE, NULL); /* a handler on another thread */
  forget(s);
  atomic_store(&s->owned, 0);
  return 0;
}

int lc_sys_signal_deaf(const lc_sys *sys, int signal, int on)
{
  (void)sys;
  if (!is_catchable(signal)) return -EINVAL;
  if (on) return install(signal, WHERE_DEFAULT);
  uninstall(signal);
  return 0;
}

int lc_sys_signal_act(const lc_sys *sys, int signal, int on)
{
  (void)sys;
  if (!is_catchable(signal)) return -EINVAL;
  if (on) {
    int result =
      /* Lua's interpreter has a handler for INT */
      getpid() == 1 ? install(signal, WHERE_NOT_IGNORED) : 0;
    if (result > 0) atomic_fetch_add(&table[signal].acting, 1);
    return result;
  }
  atomic_fetch_sub(&table[signal].acting, 1);
  uninstall(signal);
  return 0;
}

void lc_sys_listening(const lc_sys *sys, int more)
{
  (void)sys;
  atomic_fetch_add(&listeners, more);
}

/* The slot of a signal that has an owner; NULL, with an empty `seen`, for any other. */
static slot *look(int signal, lc_signal_seen *seen)
{
  memset(seen, 0, sizeof *seen);
  if (!is_catchable(signal) || !atomic_load(&table[signal].owned)) return NULL;
  return &table[signal];
}

/* Where a handler was about to stamp, the last look has taken its first time. */
static void complete(lc_signal_seen *seen, const slot *s)
{
  seen->last_at = atomic_load(&s->last_at);
  if (seen->first_at == 0) seen->first_at = seen->last_at;
}

int lc_sys_signal_take(const lc_sys *sys, int signal, lc_signal_seen *seen)
{
  slot *s = look(signal, seen);
  (void)sys;
  if (!s) return -EINVAL;
  seen->count = atomic_exchange(&s->count, 0);
  if (seen->count == 0) return 0;
  seen->presses = atomic_exchange(&s->presses, 0);
  seen->first_at = atomic_exchange(&s->first_at, 0);
  complete(seen, s);
  return 0;
}

int lc_sys_signal_peek(const lc_sys *sys, int signal, lc_signal_seen *seen)
{
  slot *s = look(signal, seen);
  (void)sys;
  if (!s) return -EINVAL;
  seen->count = atomic_load(&s->count);
  if (seen->count == 0) return 0;
  seen->presses = atomic_load(&s->presses);
  seen->first_at = atomic_load(&s->first_at);
  complete(seen, s);
  return 0;
}

int lc_sys_signal_also_wake(const lc_sys *sys, int signal, int wake_fd)
{
  (void)sys;
  if (!is_catchable(signal) || !atomic_load(&table[signal].owned)) return -EINVAL;
  atomic_store(&table[signal].also_fd, wake_fd + 1);
  while (wake_fd < 0 && atomic_load(&table[signal].inside) > 0) nanosleep(&PAUSE, NULL);
  return 0;
}

/* ---------------------------------------------------------------- interrupts -- */

/* The threads that can be interrupted. They share one real-time signal, which is ours while there
 * are any. */
typedef struct interruptible {
  atomic_int tid; /* 0: free */
  int (*function)(void *user);
  void *user;
  clockid_t clock; /* the thread's processor time */
  int was_blocked; /* whether the thread had the signal blocked */
} interruptible;

static struct {
  pthread_mutex_t lock; /* guards all but `tid` */
  int signal;
  int users;
  interruptible threads[64];
} interrupts = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The number comes with the signal, so a stray signal from elsewhere interrupts no thread. */
static void interrupt_handler(int signal, siginfo_t *info, void *context)
{
  int saved = errno, number = info->si_value.sival_int;
  sigset_t all;
  (void)signal;
  (void)context;
  if (info->si_code != SI_QUEUE || number < 0 || (size_t)number >= LENGTH(interrupts.threads))
    return;
  if (atomic_load(&interrupts.threads[number].tid) != (int)syscall(SYS_gettid)) return;
  if (interrupts.threads[number].function(interrupts.threads[number].user)) {
    sigfillset(&all);
    for (;;) sigsuspend(&all);
  }
  errno = saved;
}

/* Takes the first real-time signal without a handler. */
static int claim_signal(void)
{
  struct sigaction action, present;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = interrupt_handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (int signal = SIGRTMIN + 1; signal < SIGRTMAX; signal++) {
    if (sigaction(signal, NULL, &present) < 0 || (present.sa_flags & SA_SIGINFO) != 0 ||
        present.sa_handler != SIG_DFL) {
      continue;
    }
    if (sigaction(signal, &action, NULL) < 0) return -errno;
    return signal;
  }
  return -EBUSY;
}

static void unclaim_signal(void)
{
  struct sigaction before;
  memset(&before, 0, sizeof before);
  before.sa_handler = SIG_DFL;
  sigaction(interrupts.signal, &before, NULL);
}

static int find_free(void)
{
  for (size_t i = 0; i < LENGTH(interrupts.threads); i++) {
    if (atomic_load(&interrupts.threads[i].tid) == 0) return (int)i;
  }
  return -EBUSY;
}

static int set_blocked(int blocked)
{
  sigset_t ours, before;
  sigemptyset(&ours);
  sigaddset(&ours, interrupts.signal);
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &ours, &before);
  return sigismember(&before, interrupts.signal) == 1;
}

int lc_sys_interruptible(const lc_sys *sys, int (*function)(void *user), void *user)
{
  (void)sys;
  clockid_t clock;
  pthread_mutex_lock(&interrupts.lock);
  int number = -pthread_getcpuclockid(pthread_self(), &clock);
  if (number == 0) number = find_free();
  if (number >= 0 && interrupts.users == 0) {
    int signal = claim_signal();
    if (signal < 0) number = signal;
    else interrupts.signal = signal;
  }
  if (number >= 0) {
    interruptible *thread = &interrupts.threads[number];
    interrupts.users++;
    thread->function = function;
    thread->user = user;
    thread->clock = clock;
    thread->was_blocked = set_blocked(0);
    atomic_store(&thread->tid, (int)syscall(SYS_gettid));
  }
  pthread_mutex_unlock(&interrupts.lock);
  return number;
}

int lc_sys_interrupt(const lc_sys *sys, int number)
{
  siginfo_t info;
  int tid = atomic_load(&interrupts.threads[number].tid);
  (void)sys;
  if (tid == 0) return -EINVAL;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_int = number;
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, interrupts.signal, &info) < 0 ? -errno : 0;
}

/* An interrupt that was sent has arrived by then: a signal to this thread is handled when its next
 * system call returns. */
int lc_sys_uninterruptible(const lc_sys *sys, int number)
{
  (void)sys;
  pthread_mutex_lock(&interrupts.lock);
  if (interrupts.threads[number].was_blocked) set_blocked(1);
  atomic_store(&interrupts.threads[number].tid, 0);
  if (--interrupts.users == 0) unclaim_signal();
  pthread_mutex_unlock(&interrupts.lock);
  return 0;
}

lc_time lc_sys_ran(const lc_sys *sys, int number)
{
  struct timespec ran;
  (void)sys;
  if (atomic_load(&interrupts.threads[number].tid) == 0) return -EINVAL;
  if (clock_gettime(interrupts.threads[number].clock, &ran) < 0) return -errno;
  return (lc_time)ran.tv_sec * LC_SECOND + ran.tv_nsec;
}

#define TASKS "/proc/self/task/"
#define STAT "/stat"

static void stat_path(char *path, int tid)
{
  memcpy(path, TASKS, sizeof TASKS - 1);
  memcpy(lc_digits_append(path + sizeof TASKS - 1, (uint64_t)tid), STAT, sizeof STAT);
}

/* The file begins with the thread's number, its name in parentheses, and the letter of its state: R
 * for a thread that runs or waits for a processor. */
int lc_sys_blocked(const lc_sys *sys, int number)
{
  char path[sizeof TASKS STAT + LC_DIGITS_MOST], text[64];
  int tid = atomic_load(&interrupts.threads[number].tid);

  (void)sys;
  if (tid == 0) return -EINVAL;
  stat_path(path, tid);
  int fd = lc_sys_above_standard(open(path, O_RDONLY | O_CLOEXEC));
  if (fd < 0) return fd;
  ssize_t length = read(fd, text, sizeof text - 1);
  if (length < 0) length = -errno;
  close(fd);
  if (length < 0) return (int)length;
  text[length] = '\0';
  const char *name_end = strrchr(text, ')');
  return name_end && strncmp(name_end, ") R", 3) != 0;
}
