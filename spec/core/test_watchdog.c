/* test_watchdog.c - what the watchdog asks of the loop's thread, and when; the loop's thread here
 * spins in C and counts how often it is interrupted. The process does not end: `exit` is ours. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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

#define TIME_LIMIT 120 /* seconds for the whole file, then SIGALRM ends it */

/* One loop, and what its thread has been told. */
typedef struct place {
  lc_sys sys; /* the real kernel, but for the last words and the end */
  lc_loop *loop;
  atomic_int interrupts;
  atomic_int exit_status;
  atomic_int complaints;
  atomic_int located;
} place;

static void our_exit(const lc_sys *sys, int status)
{
  atomic_store(&((place *)sys->state)->exit_status, status);
}

static ssize_t our_say(const lc_sys *sys, int fd, const char *text, size_t length, lc_time patience)
{
  (void)fd;
  (void)text;
  (void)patience;
  atomic_fetch_add(&((place *)sys->state)->complaints, 1);
  return (ssize_t)length;
}

/* The handler's answer is dropped: the thread is not to stand still for good. */
static int (*told)(void *user);

static int tell(void *user)
{
  told(user);
  return 0;
}

static int our_interruptible(const lc_sys *sys, int (*function)(void *user), void *user)
{
  told = function;
  return lc_sys_linux()->interruptible(sys, tell, user);
}

static void on_interrupt(void *user) { atomic_fetch_add(&((place *)user)->interrupts, 1); }
static void on_locate(void *user) { atomic_fetch_add(&((place *)user)->located, 1); }

static size_t on_stuck(lc_work work, char *text, size_t size, void *user)
{
  (void)work, (void)user;
  memset(text, '!', size);
  return size;
}

static const lc_watchdog_events EVENTS = {on_interrupt, on_locate, on_stuck};

static void open_place(place *p, lc_time max_block, int exit_stuck)
{
  lc_watchdog_options options = {.max_block = max_block, .exit_stuck = exit_stuck};
  int error = 0;

  memset(p, 0, sizeof *p);
  p->sys = *lc_sys_linux();
  p->sys.state = p;
  p->sys.exit = our_exit;
  p->sys.say = our_say;
  if (exit_stuck) p->sys.interruptible = our_interruptible;
  p->loop = lc_loop_new(&p->sys, &error);
  assert_non_null(p->loop);
  assert_int_equal(lc_watchdog_start(p->loop, &options, &EVENTS, p), 0);
}

static void close_place(place *p)
{
  lc_watchdog_stop(p->loop);
  lc_loop_free(p->loop);
}

/* Holds the loop until something is asked, at most `limit`; what it was. */
static unsigned hold(place *p, lc_work work, lc_time limit)
{
  lc_time until = p->sys.now(&p->sys) + limit;
  unsigned asked = 0;

  lc_loop_enter(p->loop, work);
  while (!asked && p->sys.now(&p->sys) < until) {
    usleep(500); /* under the thread sanitizer, signals arrive at calls of libc only */
    asked = lc_watchdog_asked(p->loop);
  }
  lc_loop_enter(p->loop, LC_WORK_NONE);
  return asked;
}

static void held_too_long_is_noticed_once(void **state)
{
  place p;

  (void)state;
  open_place(&p, 50 * LC_MILLISECOND, 0);
  assert_int_equal(hold(&p, LC_WORK_SCRIPT, 5 * LC_SECOND), LC_ASK_NOTICE);
  for (int i = 0; i < 1000 && !atomic_load(&p.interrupts); i++) usleep(1000); /* asked, then sent */
  assert_true(atomic_load(&p.interrupts) >= 1);
  lc_loop_enter(p.loop, LC_WORK_SCRIPT);
  usleep(200000);
  assert_int_equal(lc_watchdog_asked(p.loop), LC_ASK_NOTICE);
  assert_true(lc_watchdog_held(p.loop) >= 50 * LC_MILLISECOND);
  assert_int_equal(lc_watchdog_asked(p.loop), 0);
  usleep(200000);
  assert_int_equal(lc_watchdog_asked(p.loop), 0);
  lc_loop_enter(p.loop, LC_WORK_NONE);
  assert_int_equal(lc_watchdog_asked(p.loop), 0);
  close_place(&p);
}

static void work_of_the_loop_is_left_alone(void **state)
{
  place p;

  (void)state;
  open_place(&p, 20 * LC_MILLISECOND, 0);
  assert_int_equal(hold(&p, LC_WORK_LOOP, 200 * LC_MILLISECOND), 0);
  assert_int_equal(atomic_load(&p.interrupts), 0);
  close_place(&p);
}

static void many_short_works_are_left_alone(void **state)
{
  place p;

  (void)state;
  open_place(&p, LC_SECOND, 0);
  for (int i = 0; i < 200; i++) {
    lc_loop_enter(p.loop, LC_WORK_SCRIPT);
    usleep(1000);
    assert_int_equal(lc_watchdog_asked(p.loop), 0);
    lc_loop_enter(p.loop, LC_WORK_NONE);
  }
  assert_int_equal(atomic_load(&p.interrupts), 0);
  close_place(&p);
}

static void a_wanted_loop_is_given_way_to(void **state)
{
  place p;
  lc_want want = {0};
  lc_time began;

  (void)state;
  open_place(&p, LC_NEVER, 0);
  began = p.sys.now(&p.sys);
  lc_pulse_want(p.loop->pulse, &want, began + 100 * LC_MILLISECOND);
  assert_int_equal(hold(&p, LC_WORK_SCRIPT, 5 * LC_SECOND), LC_ASK_YIELD);
  assert_true(p.sys.now(&p.sys) - began >= 100 * LC_MILLISECOND);
  lc_pulse_want(p.loop->pulse, &want, LC_NEVER);
  assert_int_equal(hold(&p, LC_WORK_SCRIPT, 200 * LC_MILLISECOND), 0);
  close_place(&p);
}

static void what_is_ended_by_force_has_a_moment(void **state)
{
  place p;
  lc_time began;

  (void)state;
  open_place(&p, LC_NEVER, 0);
  began = p.sys.now(&p.sys);
  assert_int_equal(hold(&p, LC_WORK_ENDING, 5 * LC_SECOND), LC_ASK_END);
  assert_true(p.sys.now(&p.sys) - began >= LC_ENDING_GRACE);
  close_place(&p);
}

/* 200 ms in all: cancel at 180, kill at 200. */
static lc_timetable short_table(void)
{
  lc_drain_options drain = {.timeout = 200 * LC_MILLISECOND, .grace = 20 * LC_MILLISECOND};
  lc_timetable table;

  lc_timetable_init(&table, &drain);
  return table;
}

static void seen(void *user, int signal, unsigned count, lc_time at)
{
  (void)user, (void)signal, (void)count, (void)at;
}

static void the_clock_starts_with_the_signal(void **state)
{
  place p;
  lc_timetable table = short_table();
  lc_time began;

  (void)state;
  open_place(&p, LC_NEVER, 0);
  lc_watchdog_plan(p.loop, &table);
  assert_int_equal(lc_loop_signal(p.loop, SIGUSR1, seen, NULL), 0);
  assert_int_equal(lc_watchdog_follow(p.loop, SIGUSR1), 0);
  began = p.sys.now(&p.sys);
  raise(SIGUSR1);
  assert_int_equal(hold(&p, LC_WORK_SCRIPT, 5 * LC_SECOND) & LC_ASK_YIELD, LC_ASK_YIELD);
  assert_true(p.sys.now(&p.sys) - began >= 180 * LC_MILLISECOND);
  while (!(hold(&p, LC_WORK_SCRIPT, 5 * LC_SECOND) & LC_ASK_END)) continue;
  assert_true(p.sys.now(&p.sys) - began >= 200 * LC_MILLISECOND);
  close_place(&p);
}

static void presses_escalate_while_the_loop_is_held(void **state)
{
  place p;
  lc_drain_options drain = {.timeout = 600 * LC_SECOND, .grace = LC_SECOND};
  lc_timetable table;

  (void)state;
  open_place(&p, LC_NEVER, 0);
  lc_timetable_init(&table, &drain);
  lc_watchdog_plan(p.loop, &table);
  assert_int_equal(lc_loop_signal(p.loop, SIGUSR1, seen, NULL), 0);
  assert_int_equal(lc_watchdog_follow(p.loop, SIGUSR1), 0);
  raise(SIGUSR1);
  raise(SIGUSR1); /* a bounce */
  assert_int_equal(hold(&p, LC_WORK_SCRIPT, 200 * LC_MILLISECOND), 0);
  raise(SIGUSR1);
  assert_int_equal(hold(&p, LC_WORK_SCRIPT, 5 * LC_SECOND), LC_ASK_YIELD);
  usleep(120000);
  raise(SIGUSR1);
  assert_true((hold(&p, LC_WORK_SCRIPT, 5 * LC_SECOND) & LC_ASK_END) != 0);
  close_place(&p);
}

static void the_deaf_end_the_process(void **state)
{
  place p;
  lc_timetable table = short_table();
  lc_time began, until;

  (void)state;
  open_place(&p, LC_NEVER, 1);
  began = p.sys.now(&p.sys);
  lc_timetable_begin(&table, began, -1);
  lc_watchdog_plan(p.loop, &table);
  lc_loop_enter(p.loop, LC_WORK_SCRIPT);
  until = began + 10 * LC_SECOND;
  while (!atomic_load(&p.exit_status) && p.sys.now(&p.sys) < until) usleep(500);
  assert_int_equal(atomic_load(&p.exit_status), LC_EXIT_STUCK);
  assert_true(p.sys.now(&p.sys) - began >= 250 * LC_MILLISECOND);
  assert_int_equal(atomic_load(&p.complaints), 1);
  assert_int_equal(atomic_load(&p.located), 1);
  lc_loop_enter(p.loop, LC_WORK_NONE);
  close_place(&p);
}

static void who_answers_is_not_stuck_at_once(void **state)
{
  place p;
  lc_timetable table = short_table();
  lc_time until;

  (void)state;
  open_place(&p, LC_NEVER, 1);
  until = p.sys.now(&p.sys) + 700 * LC_MILLISECOND;
  lc_timetable_begin(&table, p.sys.now(&p.sys), -1);
  lc_watchdog_plan(p.loop, &table);
  lc_loop_enter(p.loop, LC_WORK_SCRIPT);
  while (p.sys.now(&p.sys) < until) {
    usleep(500);
    lc_watchdog_asked(p.loop);
  }
  assert_int_equal(atomic_load(&p.exit_status), 0);
  lc_loop_enter(p.loop, LC_WORK_NONE);
  close_place(&p);
}

static int lost_interrupt(const lc_sys *sys, int number)
{
  (void)number;
  atomic_fetch_add(&((place *)sys->state)->interrupts, 1);
  return 0;
}

/* A thread that has not had a processor since it was asked has not refused to answer. */
static void who_has_not_heard_is_not_stuck_at_once(void **state)
{
  place p;
  lc_timetable table = short_table();
  lc_time began;

  (void)state;
  open_place(&p, LC_NEVER, 1);
  p.sys.interrupt = lost_interrupt;
  began = p.sys.now(&p.sys);
  lc_timetable_begin(&table, began, -1);
  lc_watchdog_plan(p.loop, &table);
  lc_loop_enter(p.loop, LC_WORK_SCRIPT);
  while (!atomic_load(&p.exit_status) && p.sys.now(&p.sys) < began + 20 * LC_SECOND) usleep(500);
  assert_int_equal(atomic_load(&p.exit_status), LC_EXIT_STUCK);
  assert_true(p.sys.now(&p.sys) - began >= 1200 * LC_MILLISECOND); /* a second past the deadline */
  assert_int_equal(atomic_load(&p.interrupts), 2); /* not one after the other; to stand still */
  lc_loop_enter(p.loop, LC_WORK_NONE);
  close_place(&p);
}

static void *watched_elsewhere(void *failure)
{
  for (int i = 0; i < 5; i++) {
    place p;

    open_place(&p, 20 * LC_MILLISECOND, 0);
    if (hold(&p, LC_WORK_SCRIPT, 10 * LC_SECOND) != LC_ASK_NOTICE) return failure;
    close_place(&p);
  }
  return NULL;
}

static void loops_of_several_threads_have_their_own(void **state)
{
  pthread_t threads[3];
  void *failed = NULL;

  (void)state;
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, watched_elsewhere, &threads), 0);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
}

static void a_loop_has_one_and_takes_it_along(void **state)
{
  place p;

  (void)state;
  open_place(&p, LC_NEVER, 0);
  assert_int_equal(lc_watchdog_start(p.loop, NULL, &EVENTS, &p), -EBUSY);
  lc_loop_free(p.loop); /* stops it */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(held_too_long_is_noticed_once),
    cmocka_unit_test(work_of_the_loop_is_left_alone),
    cmocka_unit_test(many_short_works_are_left_alone),
    cmocka_unit_test(a_wanted_loop_is_given_way_to),
    cmocka_unit_test(what_is_ended_by_force_has_a_moment),
    cmocka_unit_test(the_clock_starts_with_the_signal),
    cmocka_unit_test(presses_escalate_while_the_loop_is_held),
    cmocka_unit_test(the_deaf_end_the_process),
    cmocka_unit_test(who_answers_is_not_stuck_at_once),
    cmocka_unit_test(who_has_not_heard_is_not_stuck_at_once),
    cmocka_unit_test(loops_of_several_threads_have_their_own),
    cmocka_unit_test(a_loop_has_one_and_takes_it_along),
  };

  alarm(TIME_LIMIT);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
