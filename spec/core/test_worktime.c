/* test_worktime.c - how long a thread has worked, and a watchdog that goes by it. The clock is the
 * test's own, and so is what the kernel says of the watched thread: a second takes no time here. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "loop/pulse.h"
#include "process/watchdog.h"
#include "process/worktime.h"

#define TIME_LIMIT 60 /* seconds for the whole file, then SIGALRM ends it */
#define MS LC_MILLISECOND

/* Instead of a share. UNSEEN: there is no descriptor left to look with. */
enum { BLOCKED = -1, UNKNOWN = -2, UNSEEN = -3 };

/* A machine on which the watched thread gets `share` per cent of a processor. */
typedef struct machine {
  lc_sys sys;
  int share;
  int is_deaf; /* interrupts never arrive */
  atomic_llong now;
  int (*arrive)(void *user); /* what an interrupt calls */
  void *user;
  lc_loop *loop;
  atomic_llong asked_at; /* the first interrupt; 0: none */
  atomic_llong ended_at; /* 0: the process has not ended */
} machine;

static machine *machine_of(const lc_sys *sys) { return sys->state; }

static lc_time machine_now(const lc_sys *sys) { return atomic_load(&machine_of(sys)->now); }

static lc_time machine_ran(const lc_sys *sys, int number)
{
  const machine *m = machine_of(sys);
  (void)number;
  if (m->share == UNKNOWN) return -ENOENT;
  return m->share < 0 ? 0 : machine_now(sys) / 100 * m->share;
}

static int machine_blocked(const lc_sys *sys, int number)
{
  const machine *m = machine_of(sys);
  (void)number;
  return m->share == UNSEEN ? -EMFILE : m->share == BLOCKED;
}

/* Only the watchdog waits, so a wait moves the clock. One without a limit waits in earnest. */
static int machine_wake_wait(const lc_sys *sys, int fd, lc_time timeout)
{
  if (timeout == LC_NEVER) return lc_sys_linux()->wake_wait(sys, fd, timeout);
  atomic_fetch_add(&machine_of(sys)->now, timeout);
  return 0;
}

static int machine_interruptible(const lc_sys *sys, int (*function)(void *user), void *user)
{
  machine_of(sys)->arrive = function;
  machine_of(sys)->user = user;
  return 0;
}

static int machine_uninterruptible(const lc_sys *sys, int number)
{
  (void)sys;
  return number;
}

static int machine_interrupt(const lc_sys *sys, int number)
{
  machine *m = machine_of(sys);
  (void)number;
  if (!m->is_deaf) m->arrive(m->user);
  return 0;
}

static ssize_t machine_say(const lc_sys *sys, int fd, const char *text, size_t length,
                           lc_time patience)
{
  (void)sys, (void)fd, (void)text, (void)patience;
  return (ssize_t)length;
}

static void machine_exit(const lc_sys *sys, int status)
{
  assert_int_equal(status, LC_EXIT_STUCK);
  atomic_store(&machine_of(sys)->ended_at, machine_now(sys));
}

static void on_interrupt(void *user)
{
  machine *m = user;
  long long none = 0;
  atomic_compare_exchange_strong(&m->asked_at, &none, machine_now(&m->sys));
}

static void on_locate(void *user) { (void)user; }

static size_t on_stuck(lc_work work, char *text, size_t size, void *user)
{
  (void)work, (void)user;
  if (size) text[0] = '\0';
  return 0;
}

static void machine_init(machine *m, int share)
{
  memset(m, 0, sizeof *m);
  m->share = share;
  m->now = LC_SECOND;
  m->sys = *lc_sys_linux();
  m->sys.state = m;
  m->sys.now = machine_now;
  m->sys.ran = machine_ran;
  m->sys.blocked = machine_blocked;
  m->sys.wake_wait = machine_wake_wait;
  m->sys.interruptible = machine_interruptible;
  m->sys.uninterruptible = machine_uninterruptible;
  m->sys.interrupt = machine_interrupt;
  m->sys.say = machine_say;
  m->sys.exit = machine_exit;
}

static void pass(machine *m, lc_time time) { atomic_fetch_add(&m->now, time); }

/* ----------------------------------------------------------------- the work time -- */

/* The work time of 100 ms, counted every 5 ms. */
static lc_time counted(int share, int with_blocked)
{
  machine m;
  lc_worktime time;

  machine_init(&m, share);
  lc_worktime_begin(&time, &m.sys, 0);
  for (int i = 0; i < 20; i++) {
    pass(&m, 5 * MS);
    lc_worktime_count(&time, machine_now(&m.sys), with_blocked);
  }
  return time.passed;
}

static void goes_by_while_a_thread_works(void **state)
{
  (void)state;
  assert_int_equal(counted(100, 1), 100 * MS);
  assert_int_equal(counted(10, 1), 10 * MS);
  assert_int_equal(counted(300, 1), 100 * MS); /* the test's clock is slower than the kernel's */
  assert_int_equal(counted(0, 1), 0);
  assert_int_equal(counted(BLOCKED, 1), 100 * MS);
  assert_int_equal(counted(BLOCKED, 0), 0); /* nobody has looked */
  assert_int_equal(counted(UNKNOWN, 0), 100 * MS);
  assert_int_equal(counted(UNKNOWN, 1), 100 * MS);
  assert_int_equal(counted(UNSEEN, 1), 100 * MS);
}

static void tells_a_rest_from_a_standstill(void **state)
{
  machine m;
  lc_worktime time;

  (void)state;
  machine_init(&m, BLOCKED);
  lc_worktime_begin(&time, &m.sys, 0);
  pass(&m, 30 * MS);
  lc_worktime_slept(&time, machine_now(&m.sys));
  assert_int_equal(time.passed, 30 * MS);
  pass(&m, 30 * MS);
  lc_worktime_stood_still(&time, machine_now(&m.sys));
  assert_int_equal(time.passed, 30 * MS);
  pass(&m, 5 * MS);
  lc_worktime_count(&time, machine_now(&m.sys), 1);
  assert_int_equal(time.passed, 35 * MS);
}

/* ------------------------------------------------------------------ the watchdog -- */

static void start(machine *m, int share, int is_deaf)
{
  static const lc_watchdog_events EVENTS = {on_interrupt, on_locate, on_stuck};
  lc_watchdog_options options = {.max_block = LC_NEVER, .exit_stuck = 1};
  int error = 0;

  machine_init(m, share);
  m->is_deaf = is_deaf;
  m->loop = lc_loop_new(&m->sys, &error);
  assert_non_null(m->loop);
  assert_int_equal(lc_watchdog_start(m->loop, &options, &EVENTS, m), 0);
}

/* Works until `event` has happened. Returns how long after `due` that was. */
static lc_time work_until(machine *m, lc_work work, const atomic_llong *event, lc_time due)
{
  lc_loop_enter(m->loop, work);
  while (!atomic_load(event)) usleep(100);
  lc_loop_enter(m->loop, LC_WORK_NONE);
  lc_watchdog_stop(m->loop);
  lc_loop_free(m->loop);
  return atomic_load(event) - due;
}

/* When work is asked to yield. */
static lc_time yields(int share)
{
  machine m;
  lc_want want = {0};

  start(&m, share, 0);
  lc_pulse_want(m.loop->pulse, &want, m.now);
  return work_until(&m, LC_WORK_SCRIPT, &m.asked_at, m.now);
}

/* When work is asked to end: kill is due, and the hooks have much time. */
static lc_time ends(int share, lc_work work)
{
  const lc_drain_options drain = {.timeout = 100 * LC_SECOND, .hooks = 90 * LC_SECOND};
  machine m;
  lc_timetable table;
  lc_time kill_at;

  start(&m, share, 0);
  lc_timetable_init(&table, &drain);
  table.has_hooks = 1;
  lc_timetable_begin(&table, m.now, -1);
  kill_at = lc_timetable_kill_at(&table);
  atomic_store(&m.now, kill_at);
  lc_watchdog_plan(m.loop, &table);
  return work_until(&m, work, &m.asked_at, kill_at);
}

/* When the process is ended because of work that goes on after the deadline. */
static lc_time exits(int share, int is_deaf)
{
  const lc_drain_options drain = {.timeout = LC_SECOND};
  machine m;
  lc_timetable table;

  start(&m, share, is_deaf);
  lc_timetable_init(&table, &drain);
  lc_timetable_begin(&table, m.now - LC_SECOND, -1);
  lc_watchdog_plan(m.loop, &table);
  return work_until(&m, LC_WORK_SCRIPT, &m.ended_at, m.now);
}

#define assert_between(time, least, most) assert_in_range((time) / MS, least, most)

static void a_thread_that_spins_is_asked_in_time(void **state)
{
  (void)state;
  assert_between(yields(100), 20, 30);
  assert_between(ends(100, LC_WORK_SCRIPT), 5, 15);
  assert_between(ends(100, LC_WORK_ENDING), 25, 35);
  assert_between(yields(UNKNOWN), 20, 30);
}

static void a_thread_with_a_tenth_of_a_processor_is_asked_after_the_same_work(void **state)
{
  (void)state;
  assert_between(yields(10), 200, 210);
  assert_between(ends(10, LC_WORK_SCRIPT), 50, 60);
  assert_between(ends(10, LC_WORK_ENDING), 250, 260);
}

static void a_thread_that_is_blocked_is_asked_in_time(void **state)
{
  (void)state;
  assert_between(yields(BLOCKED), 20, 30);
  assert_between(ends(BLOCKED, LC_WORK_SCRIPT), 5, 15);
  assert_between(ends(BLOCKED, LC_WORK_ENDING), 25, 35);
}

static void work_that_does_not_answer_ends_the_process(void **state)
{
  (void)state;
  assert_between(exits(100, 0), 50, 80);
  assert_between(exits(BLOCKED, 0), 50, 80);
  assert_between(exits(10, 0), 500, 560);
}

/* A thread that has heard nothing has a second, and 0.25 s to stand still. */
static void the_time_for_which_others_had_the_processor_is_not_counted(void **state)
{
  (void)state;
  assert_between(exits(100, 1), 1250, 1270);
  assert_between(exits(BLOCKED, 1), 1250, 1270);
  assert_between(exits(UNKNOWN, 1), 1250, 1270); /* nobody knows: all of it counts */
  assert_between(exits(50, 1), 2500, 2530);
}

static void a_process_without_any_processor_ends_all_the_same(void **state)
{
  (void)state;
  assert_between(exits(10, 1), 4750, 4770);
  assert_between(exits(0, 1), 4750, 4770);
}

/* -------------------------------------------------------------------- the kernel -- */

static int heard(void *user)
{
  (void)user;
  return 0;
}

typedef struct watcher {
  int number;
  lc_time ran;
  atomic_int saw_blocked; /* the thread, which waits for that */
} watcher;

static void *wait_for_blocked(void *argument)
{
  const lc_sys *sys = lc_sys_linux();
  watcher *w = argument;
  int seen;

  while ((seen = sys->blocked(sys, w->number)) == 0) usleep(500);
  w->ran = sys->ran(sys, w->number);
  atomic_store(&w->saw_blocked, seen);
  return NULL;
}

static void the_kernel_tells_what_a_thread_does(void **state)
{
  const lc_sys *sys = lc_sys_linux();
  watcher w = {.number = sys->interruptible(sys, heard, NULL)};
  pthread_t thread;
  lc_time before;

  (void)state;
  assert_true(w.number >= 0);
  before = sys->ran(sys, w.number);
  assert_true(before >= 0);
  while (sys->ran(sys, w.number) < before + 2 * MS) continue; /* it runs */
  if (sys->blocked(sys, w.number) != -ENOENT) assert_int_equal(sys->blocked(sys, w.number), 0);
  assert_int_equal(pthread_create(&thread, NULL, wait_for_blocked, &w), 0);
  pthread_join(thread, NULL); /* blocked in here */
  assert_true(atomic_load(&w.saw_blocked) == 1 || atomic_load(&w.saw_blocked) == -ENOENT);
  assert_true(w.ran >= before + 2 * MS);
  assert_int_equal(sys->uninterruptible(sys, w.number), 0);
  assert_int_equal(sys->ran(sys, w.number), -EINVAL);
  assert_int_equal(sys->blocked(sys, w.number), -EINVAL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(goes_by_while_a_thread_works),
    cmocka_unit_test(tells_a_rest_from_a_standstill),
    cmocka_unit_test(a_thread_that_spins_is_asked_in_time),
    cmocka_unit_test(a_thread_with_a_tenth_of_a_processor_is_asked_after_the_same_work),
    cmocka_unit_test(a_thread_that_is_blocked_is_asked_in_time),
    cmocka_unit_test(work_that_does_not_answer_ends_the_process),
    cmocka_unit_test(the_time_for_which_others_had_the_processor_is_not_counted),
    cmocka_unit_test(a_process_without_any_processor_ends_all_the_same),
    cmocka_unit_test(the_kernel_tells_what_a_thread_does),
  };

  alarm(TIME_LIMIT);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
