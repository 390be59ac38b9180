/* watchdog.c - watches the loop's thread from a thread of its own, and interrupts it.
 *
 *            the loop waits                      it works again
 *   asleep <---------------- looking, every ----------------> asleep ...
 *                            now and then
 *
 *   one work of the script's, as the watchdog sees it:
 *
 *   seen --+--> held longer than max_block: noticed once
 *          `--> a step is due: asked to yield, or to end, again every REPEAT
 *                `--> past the deadline and deaf to that, or far past it: told to stand still;
 *                     the process ends
 *
 * Two clocks measure this. Whatever allows some WORK its time goes by the work time of the loop's
 * thread (process/worktime.h), which stands still while other processes have the processors: when
 * to ask, whether the work is deaf to that, and how long the thread may take to stand still. What
 * others wait for goes by the clock: when a step is due, max_block, and the two limits that end the
 * process on a machine that gives it no processor at all (LATE_MOST, STANDSTILL_MOST).
 *
 * The pulse (loop/pulse.h) says what the loop's thread is doing, and which ladders need it.
 * The pulse's lock is never held for long, and the signal handler does not take it.
 */
#include "process/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "loop/pulse.h"
#include "process/due.h"
#include "process/worktime.h"
#include "server/fleet.h"
#include "server/server.h"

/* Work time of the loop's thread. */
#define YIELD_AFTER (20 * LC_MILLISECOND) /* shorter work ends by itself */
#define END_AFTER (5 * LC_MILLISECOND)
/* Work is deaf when it has not answered for this long after the deadline, though this many
 * interrupts have arrived. */
#define DEAF_AFTER (50 * LC_MILLISECOND)
#define DEAF_TO 2
#define LATE_AFTER LC_SECOND /* after the deadline, whatever progress the work makes */
#define STANDSTILL (250 * LC_MILLISECOND)

/* Time by the clock. */
#define LOOK (100 * LC_MILLISECOND)   /* the longest time between two looks at a busy loop */
#define LOOK_DUE (5 * LC_MILLISECOND) /* the same when a step is due */
#define REPEAT (20 * LC_MILLISECOND)  /* between two interrupts of the same work */
#define LATE_MOST (4 * LC_SECOND)     /* however long the loop's thread waits for a processor */
#define STANDSTILL_MOST (750 * LC_MILLISECOND)
#define PAUSED (500 * LC_MILLISECOND) /* a wait that is longer by this: the process stood still */
#define LAST_WORDS (100 * LC_MILLISECOND) /* enough for a reader that reads */

enum { TEXT_SIZE = 4096 };

typedef struct lc_watchdog {
  lc_child child; /* of the loop */
  lc_pulse pulse; /* what the loop's thread tells us */
  lc_loop *loop;
  lc_fleet *fleet;
  lc_fleet_watch watch;
  const lc_sys *sys;
  lc_watchdog_options options;
  const lc_watchdog_events *events;
  void *user;
  pthread_t thread;
  lc_want limit;

  atomic_ullong asked_beat; /* the work that `asked` is about */
  atomic_llong held_since;  /* likewise */
  atomic_llong worked;      /* the work time of the loop's thread at the last look */
  atomic_uint asked;
  atomic_int answered; /* the loop's thread has asked: the work is not deaf */
  atomic_uint arrived; /* interrupts */
  atomic_int stand_still;
  atomic_int stands_still;
  int interruptible; /* the loop's thread, for sys->interrupt */

  lc_outlook outlook; /* the pulse's lock guards the fields from here on */
  lc_time max_block;
  int is_ending;

  /* The fields from here on are the thread's own. */
  lc_worktime time; /* of the loop's thread */
  unsigned long long seen;
  lc_time since;             /* when `seen` began */
  lc_time work_since;        /* likewise, in work time */
  lc_time deaf_since;        /* work time: the work has not answered since */
  lc_time late_from;         /* when the loop's time after the deadline began */
  lc_time late_since;        /* likewise, in work time */
  lc_time on_our_feet_since; /* when the process last went on after it had stood still */
  lc_time interrupted_at;
  int is_due;       /* a step is: the limits of the work run */
  unsigned deaf_to; /* the number of interrupts that had arrived at deaf_since */
  unsigned sent;
  unsigned noticed;
  char text[TEXT_SIZE];
} lc_watchdog;

/* ------------------------------------------------------------ the loop's side -- */

static lc_watchdog *watchdog_of(const lc_loop *loop)
{
  return loop->pulse ? LC_OWNER(loop->pulse, lc_watchdog, pulse) : NULL;
}

static int is_about_this(lc_watchdog *w)
{
  return w &&
         atomic_load(&w->asked_beat) == atomic_load_explicit(&w->pulse.beat, memory_order_relaxed);
}

unsigned lc_watchdog_asked(lc_loop *loop)
{
  lc_watchdog *w = watchdog_of(loop);
  if (!is_about_this(w)) return 0;
  atomic_store_explicit(&w->answered, 1, memory_order_relaxed);
  return atomic_fetch_and(&w->asked, ~(unsigned)LC_ASK_NOTICE);
}

lc_time lc_watchdog_held(lc_loop *loop)
{
  lc_watchdog *w = watchdog_of(loop);
  return is_about_this(w) ? w->sys->now(w->sys) - atomic_load(&w->held_since) : 0;
}

lc_time lc_watchdog_worked(lc_loop *loop)
{
  lc_watchdog *w = watchdog_of(loop);
  return w ? atomic_load(&w->worked) : 0;
}

void lc_watchdog_limit(lc_loop *loop, lc_time at)
{
  lc_watchdog *w = watchdog_of(loop);
  if (w) lc_pulse_want(&w->pulse, &w->limit, at);
}

void lc_watchdog_plan(lc_loop *loop, const lc_timetable *table)
{
  lc_watchdog *w = watchdog_of(loop);
  if (!w) return;
  pthread_mutex_lock(&w->pulse.lock);
  w->outlook.has_table = table != NULL;
  if (table) w->outlook.table = *table;
  pthread_mutex_unlock(&w->pulse.lock);
}

/* A server has come or gone, or has another drain.timeout. */
static void fleet_changed(lc_fleet_watch *watch)
{
  lc_watchdog *w = LC_OWNER(watch, lc_watchdog, watch);
  lc_time shortest = LC_NEVER;
  for (const lc_server *server = NULL; (server = lc_fleet_next(w->fleet, server));)
    if (!server->is_outbound) shortest = lc_time_earlier(shortest, server->options.drain.timeout);
  pthread_mutex_lock(&w->pulse.lock);
  w->outlook.shortest = shortest;
  pthread_mutex_unlock(&w->pulse.lock);
}

int lc_watchdog_follow(lc_loop *loop, int signal)
{
  lc_watchdog *w = watchdog_of(loop);
  if (!w) return 0;
  pthread_mutex_lock(&w->pulse.lock);
  int is_followed = lc_outlook_follow(&w->outlook, signal);
  pthread_mutex_unlock(&w->pulse.lock);
  return is_followed ? w->sys->signal_also_wake(w->sys, signal, w->pulse.wake_fd) : -ENOSPC;
}

void lc_watchdog_unfollow(lc_loop *loop, int signal)
{
  lc_watchdog *w = watchdog_of(loop);
  if (!w) return;
  pthread_mutex_lock(&w->pulse.lock);
  lc_outlook_unfollow(&w->outlook, signal);
  pthread_mutex_unlock(&w->pulse.lock);
}

void lc_watchdog_set_max_block(lc_loop *loop, lc_time max_block)
{
  lc_watchdog *w = watchdog_of(loop);
  if (!w) return;
  pthread_mutex_lock(&w->pulse.lock);
  w->max_block = lc_time_earlier(max_block, w->options.max_block);
  pthread_mutex_unlock(&w->pulse.lock);
}

/* In a signal handler. */
static int interrupted(void *user)
{
  lc_watchdog *w = user;
  atomic_fetch_add(&w->arrived, 1);
  if (!atomic_load(&w->stand_still)) {
    w->events->interrupt(w->user);
    return 0;
  }
  w->events->locate(w->user);
  atomic_store(&w->stands_still, 1);
  return 1;
}

/* ------------------------------------------------------------------ the thread -- */

static void ask(lc_watchdog *w, unsigned what, lc_time now)
{
  atomic_store(&w->asked_beat, 0); /* no work has beat 0: nothing is asked during the change */
  atomic_store(&w->asked, what);
  atomic_store(&w->held_since, w->since);
  atomic_store(&w->asked_beat, w->seen);
  w->interrupted_at = now;
  if (atomic_load(&w->arrived) != w->sent) return; /* an earlier interrupt has not arrived yet */
  if (w->sys->interrupt(w->sys, w->interruptible) == 0) w->sent++;
}

/* Asked once for each piece of work. The hook notes where the work is, and the log has it when the
 * loop is free again. */
static unsigned notice(lc_watchdog *w, lc_time held)
{
  if (w->noticed || held < w->max_block) return 0;
  w->noticed = 1;
  return LC_ASK_NOTICE;
}

/* The loop's thread must not change its data while we read them, nor write to stderr at the same
 * time. */
static void make_stand_still(lc_watchdog *w, lc_time now)
{
  lc_time until = lc_time_add(now, STANDSTILL_MOST), work_until = w->time.passed + STANDSTILL;
  atomic_store(&w->stand_still, 1);
  w->sys->interrupt(w->sys, w->interruptible);
  while (!atomic_load(&w->stands_still) && now < until && w->time.passed < work_until) {
    w->sys->wake_wait(w->sys, -1, LC_MILLISECOND);
    now = w->sys->now(w->sys);
    lc_worktime_count(&w->time, now, 1);
  }
}

static void end_process(lc_watchdog *w, lc_time now)
{
  make_stand_still(w, now);
  for (lc_server *server = NULL; (server = lc_fleet_next(w->fleet, server));)
    lc_server_reset_at_exit(server);
  w->sys->say(w->sys, LC_STDERR, w->text,
              w->events->stuck(LC_BEAT_WORK(w->seen), w->text, sizeof w->text, w->user),
              LAST_WORDS);
  w->sys->exit(w->sys, LC_EXIT_STUCK);
}

static void note_deadline(lc_watchdog *w, lc_time end_at)
{
  lc_time from = end_at > w->on_our_feet_since ? end_at : w->on_our_feet_since;
  if (from == w->late_from) return;
  w->late_from = from;
  w->late_since = w->deaf_since = w->time.passed;
}

static int is_late(const lc_watchdog *w, lc_time now)
{
  return now - w->late_from >= LATE_MOST || w->time.passed - w->late_since >= LATE_AFTER;
}

static int is_deaf(const lc_watchdog *w)
{
  if (w->time.passed - w->deaf_since < DEAF_AFTER) return 0;
  return atomic_load(&w->arrived) - w->deaf_to >= DEAF_TO;
}

static int is_stuck(lc_watchdog *w, const lc_due *found, lc_time now)
{
  if (!w->options.exit_stuck || found->end_at > now) return 0;
  note_deadline(w, found->end_at);
  if (is_late(w, now)) return 1;
  /* The library's own work ends by itself. */
  return LC_BEAT_WORK(w->seen) != LC_WORK_LOOP && is_deaf(w);
}

static void listen_anew(lc_watchdog *w)
{
  w->deaf_since = w->time.passed;
  w->deaf_to = atomic_load(&w->arrived);
}

/* How long the work may go on before it is asked. Short work ends by itself. */
static lc_time patience(lc_work work, unsigned what)
{
  if (work == LC_WORK_ENDING) return LC_ENDING_GRACE;
  return what & LC_ASK_END ? END_AFTER : YIELD_AFTER;
}

/* Looks once at a busy loop. Returns when the next look is due. Called with the lock. */
static lc_time look(lc_watchdog *w, lc_work work, lc_time now)
{
  lc_due found = lc_outlook_due(&w->outlook, &w->pulse, now);
  lc_time worked = w->time.passed - w->work_since, next = now + LOOK;
  unsigned what = found.ask;
  w->is_due = what || work == LC_WORK_ENDING;
  if (w->max_block / 4 < LOOK) next = now + w->max_block / 4 + LC_MILLISECOND;
  if (is_stuck(w, &found, now)) {
    end_process(w, now);
    return LC_NEVER;
  }
  if (work == LC_WORK_LOOP) return w->is_due || found.next < next ? now + LOOK_DUE : next;
  if (work == LC_WORK_ENDING) what = LC_ASK_END;
  if (what && worked < patience(work, what)) what = 0;
  if (what && now - w->interrupted_at < REPEAT) what = 0;
  if (work == LC_WORK_SCRIPT) what |= notice(w, now - w->since);
  if (what) ask(w, what, now);
  if (w->is_due) return now + LOOK_DUE;
  if (found.next < next) next = found.next;
  return next;
}

/* Waits, at most until `until`. A process may be stopped (SIGSTOP, a frozen container), even past
 * its deadline. That is not the loop's fault, so the loop has its second from the moment on which
 * it can run. While the loop slept we did not look: the process may have been stopped, and is taken
 * to have been. */
static void wait_until(lc_watchdog *w, lc_time now, lc_time until)
{
  w->sys->wake_wait(w->sys, w->pulse.wake_fd, until == LC_NEVER ? LC_NEVER : until - now);
  lc_time after = w->sys->now(w->sys);
  if (after >= lc_time_add(until == LC_NEVER ? now : until, PAUSED)) {
    w->on_our_feet_since = after;
    lc_worktime_stood_still(&w->time, after);
  } else if (until == LC_NEVER) {
    lc_worktime_slept(&w->time, after);
  }
}

/* Sleeps until the loop works again. Called with the lock, which is released meanwhile. We set
 * `asleep`, then look at the beat. The loop changes the beat, then looks at `asleep`. All four are
 * in one order (sequentially consistent), so at least one of the two sees the other's store. */
static void sleep_on(lc_watchdog *w)
{
  atomic_store(&w->pulse.asleep, 1);
  if (atomic_load(&w->pulse.beat) == w->seen) {
    pthread_mutex_unlock(&w->pulse.lock);
    wait_until(w, w->sys->now(w->sys), LC_NEVER);
    pthread_mutex_lock(&w->pulse.lock);
  }
  atomic_store(&w->pulse.asleep, 0);
  w->sys->wake_clear(w->sys, w->pulse.wake_fd);
}

/* Finds out what the loop's thread is doing, and for how long it has done that. */
static lc_time follow(lc_watchdog *w)
{
  unsigned long long beat = atomic_load_explicit(&w->pulse.beat, memory_order_acquire);
  lc_time now = w->sys->now(w->sys);
  lc_worktime_count(&w->time, now, w->is_due);
  atomic_store(&w->worked, w->time.passed);
  if (beat != w->seen) {
    w->seen = beat;
    w->since = now;
    w->work_since = w->time.passed;
    listen_anew(w);
    w->interrupted_at = 0;
    w->noticed = 0;
  }
  if (atomic_exchange(&w->answered, 0)) listen_anew(w);
  return now;
}

static void *watch(void *argument)
{
  lc_watchdog *w = argument;
  lc_worktime_begin(&w->time, w->sys, w->interruptible);
  pthread_mutex_lock(&w->pulse.lock);
  while (!w->is_ending) {
    lc_time now = follow(w);
    lc_work work = LC_BEAT_WORK(w->seen);
    if (work == LC_WORK_NONE) {
      sleep_on(w);
      continue;
    }
    lc_time next = look(w, work, now);
    pthread_mutex_unlock(&w->pulse.lock);
    wait_until(w, now, next);
    w->sys->wake_clear(w->sys, w->pulse.wake_fd);
    pthread_mutex_lock(&w->pulse.lock);
  }
  pthread_mutex_unlock(&w->pulse.lock);
  return NULL;
}

/* ------------------------------------------------------------ birth and death -- */

void lc_watchdog_options_init(lc_watchdog_options *options)
{
  *options = (lc_watchdog_options){.max_block = 250 * LC_MILLISECOND, .exit_stuck = 1};
}

/* The creator blocks all signals, and the thread inherits that: no signal arrives in it. */
static int start_thread(lc_watchdog *w)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&w->thread, NULL, watch, w);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return -error;
}

static void watchdog_end(lc_child *child)
{
  lc_watchdog_stop(LC_OWNER(child, lc_watchdog, child)->loop);
}

static void watchdog_free(lc_watchdog *w)
{
  if (w->interruptible >= 0) w->sys->uninterruptible(w->sys, w->interruptible);
  lc_pulse_close(&w->pulse);
  free(w);
}

static lc_watchdog *watchdog_new(lc_loop *loop, const lc_watchdog_options *options)
{
  lc_watchdog *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->loop = loop;
  w->sys = loop->sys;
  if (options) w->options = *options;
  else lc_watchdog_options_init(&w->options);
  w->max_block = w->options.max_block;
  lc_outlook_init(&w->outlook);
  w->interruptible = -1;
  lc_pulse_init(&w->pulse, loop->sys);
  return w;
}

int lc_watchdog_start(lc_loop *loop, const lc_watchdog_options *options,
                      const lc_watchdog_events *events, void *user)
{
  if (loop->pulse) return -EBUSY;
  lc_fleet *fleet = lc_fleet_of(loop);
  lc_watchdog *w = fleet ? watchdog_new(loop, options) : NULL;
  if (!w) return -ENOMEM;
  w->fleet = fleet;
  w->events = events;
  w->user = user;
  int result = w->pulse.wake_fd = w->sys->wake_create(w->sys);
  if (result >= 0) result = w->interruptible = w->sys->interruptible(w->sys, interrupted, w);
  if (result >= 0) result = start_thread(w);
  if (result < 0) {
    watchdog_free(w);
    return result;
  }
  loop->pulse = &w->pulse;
  lc_loop_add_child(loop, &w->child, watchdog_end);
  lc_fleet_watch_begin(fleet, &w->watch, fleet_changed);
  lc_fleet_changed(fleet); /* the ladder passes its timetable to the watchdog */
  return 0;
}

void lc_watchdog_stop(lc_loop *loop)
{
  lc_watchdog *w = watchdog_of(loop);
  if (!w) return;
  pthread_mutex_lock(&w->pulse.lock);
  w->is_ending = 1;
  pthread_mutex_unlock(&w->pulse.lock);
  w->sys->wake(w->sys, w->pulse.wake_fd);
  pthread_join(w->thread, NULL);
  for (int i = 0; i < w->outlook.signal_count; i++)
    w->sys->signal_also_wake(w->sys, w->outlook.signals[i], -1);
  loop->pulse = NULL;
  lc_fleet_watch_end(&w->watch);
  lc_loop_remove_child(&w->child);
  watchdog_free(w);
}
