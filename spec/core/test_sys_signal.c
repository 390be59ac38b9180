/* test_sys_signal.c - the signal table: counts, stamps, owners, and letting go in the middle of a
 * storm. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/sys.h"

#define TIME_LIMIT 60 /* seconds for the whole file, then SIGALRM ends it */

static const lc_sys *sys;

static int is_readable(int fd, int milliseconds)
{
  struct pollfd one = {fd, POLLIN, 0};

  return poll(&one, 1, milliseconds) == 1;
}

static void close_all(const int *fds, int count)
{
  for (int i = 0; i < count; i++) assert_int_equal(sys->close(sys, fds[i]), 0);
}

static atomic_int own_handler_ran;

static void own_handler(int signal)
{
  (void)signal;
  atomic_fetch_add(&own_handler_ran, 1);
}

static void install(int signal, void (*with)(int))
{
  struct sigaction action;

  memset(&action, 0, sizeof action);
  action.sa_handler = with;
  assert_int_equal(sigaction(signal, &action, NULL), 0);
}

static void signals_are_counted_and_stamped(void **state)
{
  lc_signal_seen seen;
  lc_time began, ended;
  int fd = sys->wake_create(sys);

  (void)state;
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 0);
  assert_false(is_readable(fd, 0));

  began = sys->now(sys);
  raise(SIGUSR1);
  usleep(2000);
  raise(SIGUSR1);
  raise(SIGUSR1);
  ended = sys->now(sys);
  assert_true(is_readable(fd, 0));
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 3);
  assert_true(began <= seen.first_at && seen.last_at <= ended);
  assert_true(seen.last_at - seen.first_at >= 2 * LC_MILLISECOND);

  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 0); /* taken */
  raise(SIGUSR1);
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 1);
  assert_true(seen.first_at == seen.last_at && seen.first_at >= ended);

  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  close_all(&fd, 1);
}

static void presses_are_told_from_bounces_and_can_be_peeked_at(void **state)
{
  lc_signal_seen seen;
  int fd = sys->wake_create(sys);

  (void)state;
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
  int other = sys->wake_create(sys);
  assert_int_equal(sys->signal_also_wake(sys, SIGUSR1, other), 0);
  raise(SIGUSR1);
  raise(SIGUSR1);
  usleep(120000);
  raise(SIGUSR1);
  assert_true(is_readable(other, 0));
  for (int i = 0; i < 2; i++) {
    assert_int_equal(sys->signal_peek(sys, SIGUSR1, &seen), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.presses, 2);
  }
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.presses, 2);
  assert_true(lc_signal_press_at(&seen, 0) == seen.first_at);
  assert_true(lc_signal_press_at(&seen, 1) == seen.last_at);
  raise(SIGUSR1); /* close to the last, though that has been taken */
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 1);
  assert_int_equal(seen.presses, 0);
  assert_int_equal(sys->wake_clear(sys, other), 0);
  assert_int_equal(sys->signal_also_wake(sys, SIGUSR1, -1), 0);
  raise(SIGUSR1);
  assert_false(is_readable(other, 0));
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  close_all(&fd, 1);
  close_all(&other, 1);
}

static void a_signal_has_one_owner(void **state)
{
  lc_signal_seen seen;
  int fds[2] = {sys->wake_create(sys), sys->wake_create(sys)};

  (void)state;
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fds[0]), 0);
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fds[1]), -EBUSY);
  assert_int_equal(sys->signal_watch(sys, SIGUSR2, fds[1]), 0); /* another loop, another signal */
  raise(SIGUSR2);
  assert_false(is_readable(fds[0], 0));
  assert_true(is_readable(fds[1], 0));
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 0);
  assert_int_equal(sys->signal_release(sys, SIGUSR2), 0);
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fds[1]), 0); /* free again, and forgotten */
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  close_all(fds, 2);
}

static void some_signals_cannot_be_watched(void **state)
{
  static const int signals[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0, -1, NSIG, 32};
  lc_signal_seen seen;
  int fd = sys->wake_create(sys);

  (void)state;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    assert_int_equal(sys->signal_watch(sys, signals[i], fd), -EINVAL);
    assert_int_equal(sys->signal_release(sys, signals[i]), -EINVAL);
    assert_int_equal(sys->signal_take(sys, signals[i], &seen), -EINVAL);
  }
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, -1), -EINVAL);
  assert_int_equal(sys->signal_release(sys, SIGUSR1), -EINVAL); /* nobody's */
  close_all(&fd, 1);
}

static void the_disposition_before_comes_back(void **state)
{
  struct sigaction action;
  int fd = sys->wake_create(sys);

  (void)state;
  install(SIGUSR1, own_handler);
  atomic_store(&own_handler_ran, 0);
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
  assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
  assert_true((action.sa_flags & SA_RESTART) != 0);
  raise(SIGUSR1);
  assert_int_equal(atomic_load(&own_handler_ran), 0);
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  raise(SIGUSR1);
  assert_int_equal(atomic_load(&own_handler_ran), 1);

  install(SIGUSR1, SIG_IGN);
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_IGN);
  install(SIGUSR1, SIG_DFL);
  close_all(&fd, 1);
}

static void a_handler_put_over_ours_is_left_alone(void **state)
{
  struct sigaction action;
  int fd = sys->wake_create(sys);

  (void)state;
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
  install(SIGUSR1, own_handler);
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
  assert_true(action.sa_handler == own_handler);
  install(SIGUSR1, SIG_DFL);
  close_all(&fd, 1);
}

static void (*disposition(int signal))(int)
{
  struct sigaction action;

  assert_int_equal(sigaction(signal, NULL, &action), 0);
  return action.sa_handler;
}

/* ------------------------------------------------------------- deaf to it -- */

static void a_signal_that_is_not_heard_does_nothing(void **state)
{
  static const int signals[] = {SIGPIPE, SIGUSR1, SIGTERM};

  (void)state;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    assert_int_equal(sys->signal_deaf(sys, signals[i], 1), 1);
    raise(signals[i]);                               /* would end us */
    assert_true(disposition(signals[i]) != SIG_IGN); /* exec would hand that on */
    assert_int_equal(sys->signal_deaf(sys, signals[i], 0), 0);
    assert_true(disposition(signals[i]) == SIG_DFL);
  }
  assert_int_equal(sys->signal_deaf(sys, SIGKILL, 1), -EINVAL);
  assert_int_equal(sys->signal_deaf(sys, NSIG, 0), -EINVAL);
}

static void what_somebody_has_seen_to_stays(void **state)
{
  (void)state;
  install(SIGPIPE, SIG_IGN);
  assert_int_equal(sys->signal_deaf(sys, SIGPIPE, 1), 0);
  assert_true(disposition(SIGPIPE) == SIG_IGN);
  install(SIGPIPE, own_handler);
  atomic_store(&own_handler_ran, 0);
  assert_int_equal(sys->signal_deaf(sys, SIGPIPE, 1), 0);
  raise(SIGPIPE);
  assert_int_equal(atomic_load(&own_handler_ran), 1);
  install(SIGPIPE, SIG_DFL);
}

static void several_may_be_deaf_and_one_may_own_it(void **state)
{
  lc_signal_seen seen;
  int fd = sys->wake_create(sys);

  (void)state;
  assert_int_equal(sys->signal_deaf(sys, SIGUSR1, 1), 1);
  assert_int_equal(sys->signal_deaf(sys, SIGUSR1, 1), 1);
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
  assert_int_equal(sys->signal_deaf(sys, SIGUSR1, 0), 0);
  raise(SIGUSR1);
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 1);
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  raise(SIGUSR1); /* the second is deaf still */
  assert_int_equal(sys->signal_deaf(sys, SIGUSR1, 0), 0);
  assert_true(disposition(SIGUSR1) == SIG_DFL);
  close_all(&fd, 1);
}

/* -------------------------------------------------------------- process 1 -- */

enum { REFUSED = 99 };

/* The exit status of `body` in a process that is the first of its own numbers; or skips. */
static int as_first_process(int (*body)(void))
{
  int status;
  pid_t child = fork();

  if (child == 0) {
    if (unshare(CLONE_NEWPID) < 0) _exit(REFUSED);
    child = fork();
    if (child == 0) _exit(body());
    if (child < 0 || waitpid(child, &status, 0) < 0) _exit(REFUSED);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
  }
  assert_true(child > 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == REFUSED) {
    printf("no process numbers of one's own here: unshare is refused\n");
    skip();
  }
  return WEXITSTATUS(status);
}

static int be_ended(int signal)
{
  if (sys->signal_act(sys, signal, 1) != 1) return 1;
  raise(signal);
  return 2;
}

static int be_ended_by_term(void) { return be_ended(SIGTERM); }
static int be_ended_by_int(void) { return be_ended(SIGINT); }

static void the_first_process_ends_by_a_signal_that_nobody_owns(void **state)
{
  (void)state;
  assert_int_equal(as_first_process(be_ended_by_term), 128 + SIGTERM);
  assert_int_equal(as_first_process(be_ended_by_int), 128 + SIGINT);
}

/* Two arrivals are one: nobody could hear the first. */
static int keep_for_the_owner(void)
{
  lc_signal_seen seen;
  int fd = sys->wake_create(sys);

  if (sys->signal_act(sys, SIGTERM, 1) != 1) return 1;
  sys->listening(sys, 1);
  raise(SIGTERM);
  raise(SIGTERM);
  if (sys->signal_watch(sys, SIGTERM, fd) != 0 || !is_readable(fd, 0)) return 2;
  if (sys->signal_take(sys, SIGTERM, &seen) != 0 || seen.presses != 1) return 3;
  raise(SIGTERM); /* the owner hears it, and lives */
  if (sys->signal_take(sys, SIGTERM, &seen) != 0 || seen.count != 1) return 4;
  if (sys->signal_release(sys, SIGTERM) != 0) return 5;
  raise(SIGTERM); /* it listens still */
  return 0;
}

static int listen_no_more(void)
{
  sys->listening(sys, 1);
  sys->listening(sys, -1);
  return be_ended(SIGTERM);
}

static void the_first_process_keeps_it_while_it_listens(void **state)
{
  (void)state;
  assert_int_equal(as_first_process(keep_for_the_owner), 0);
  assert_int_equal(as_first_process(listen_no_more), 128 + SIGTERM);
}

static int leave_alone(void)
{
  install(SIGTERM, SIG_IGN);
  if (sys->signal_act(sys, SIGTERM, 1) != 0 || disposition(SIGTERM) != SIG_IGN) return 1;
  if (sys->signal_act(sys, SIGINT, 1) != 1 || sys->signal_act(sys, SIGINT, 0) != 0) return 2;
  return disposition(SIGINT) == SIG_DFL ? 0 : 3;
}

/* A child inherits the handler, but has a default action. */
static int have_a_child(void)
{
  int status;

  if (sys->signal_act(sys, SIGTERM, 1) != 1) return 1;
  pid_t child = fork();
  if (child == 0) {
    raise(SIGTERM);
    sigset_t none; /* it waits, blocked, for the handler to return */
    sigemptyset(&none);
    sigsuspend(&none);
    _exit(2);
  }
  if (waitpid(child, &status, 0) != child) return 3;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 0 : 4;
}

static void only_the_first_process_needs_that_and_only_where_it_is_not_ignored(void **state)
{
  (void)state;
  assert_int_equal(sys->signal_act(sys, SIGTERM, 1), 0); /* not process 1 */
  assert_true(disposition(SIGTERM) == SIG_DFL);
  assert_int_equal(sys->signal_act(sys, SIGKILL, 1), -EINVAL);
  assert_int_equal(as_first_process(leave_alone), 0);
  assert_int_equal(as_first_process(have_a_child), 0);
}

static void errno_survives_a_signal(void **state)
{
  uint64_t nearly = UINT64_MAX - 1;
  lc_signal_seen seen;
  int fd = sys->wake_create(sys);

  (void)state;
  assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
  assert_int_equal(write(fd, &nearly, sizeof nearly), sizeof nearly); /* its write will fail */
  errno = EDOM;
  raise(SIGUSR1);
  assert_int_equal(errno, EDOM);
  assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
  assert_int_equal(seen.count, 1);
  assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
  close_all(&fd, 1);
}

/* Runs the handler without pause while the main thread watches, releases and closes. */
#define STORMS 4 /* more than there may be processors, so that some are stopped halfway */
static atomic_int storm_over;

static void *storm(void *unused)
{
  (void)unused;
  while (!atomic_load(&storm_over)) {
    raise(SIGUSR1);
    if (sys->now(sys) % 7 == 0) sched_yield();
  }
  return NULL;
}

static void release_then_close_is_safe_in_a_storm(void **state)
{
  pthread_t threads[STORMS];
  unsigned seen_in_all = 0;
  lc_time until = lc_time_add(sys->now(sys), LC_SECOND / 2);

  (void)state;
  install(SIGUSR1, own_handler);
  atomic_store(&storm_over, 0);
  for (int i = 0; i < STORMS; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, storm, NULL), 0);
  }
  while (sys->now(sys) < until || seen_in_all == 0) {
    lc_signal_seen seen;
    int innocent, fd = sys->wake_create(sys);

    assert_int_equal(sys->signal_watch(sys, SIGUSR1, fd), 0);
    assert_true(is_readable(fd, 5000));
    assert_int_equal(sys->signal_take(sys, SIGUSR1, &seen), 0);
    if (seen.count > 0) assert_true(seen.first_at > 0 && seen.first_at <= seen.last_at);
    seen_in_all += seen.count;
    assert_int_equal(sys->signal_release(sys, SIGUSR1), 0);
    assert_int_equal(sys->close(sys, fd), 0);
    innocent = sys->wake_create(sys); /* gets the same number */
    assert_int_equal(innocent, fd);
    assert_false(is_readable(innocent, 0));
    sched_yield();
    assert_false(is_readable(innocent, 0));
    assert_int_equal(sys->close(sys, innocent), 0);
  }
  atomic_store(&storm_over, 1);
  for (int i = 0; i < STORMS; i++) pthread_join(threads[i], NULL);
  install(SIGUSR1, SIG_DFL);
}

#define MANY_SIGNALS 2000

static void *send_many(void *unused)
{
  (void)unused;
  for (int i = 0; i < MANY_SIGNALS; i++) raise(SIGUSR2); /* handled here, before it returns */
  return NULL;
}

static void no_arrival_is_lost_between_threads(void **state)
{
  pthread_t threads[2];
  unsigned count = 0;
  lc_signal_seen seen;
  int fd = sys->wake_create(sys);

  (void)state;
  assert_int_equal(sys->signal_watch(sys, SIGUSR2, fd), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, send_many, NULL), 0);
  }
  for (int i = 0; i < 100; i++) {
    assert_int_equal(sys->signal_take(sys, SIGUSR2, &seen), 0);
    count += seen.count;
    usleep(100);
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  assert_int_equal(sys->signal_take(sys, SIGUSR2, &seen), 0);
  assert_int_equal(count + seen.count, 2 * MANY_SIGNALS);
  assert_int_equal(sys->signal_release(sys, SIGUSR2), 0);
  close_all(&fd, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(signals_are_counted_and_stamped),
    cmocka_unit_test(presses_are_told_from_bounces_and_can_be_peeked_at),
    cmocka_unit_test(a_signal_has_one_owner),
    cmocka_unit_test(some_signals_cannot_be_watched),
    cmocka_unit_test(the_disposition_before_comes_back),
    cmocka_unit_test(a_handler_put_over_ours_is_left_alone),
    cmocka_unit_test(a_signal_that_is_not_heard_does_nothing),
    cmocka_unit_test(what_somebody_has_seen_to_stays),
    cmocka_unit_test(several_may_be_deaf_and_one_may_own_it),
    cmocka_unit_test(the_first_process_ends_by_a_signal_that_nobody_owns),
    cmocka_unit_test(the_first_process_keeps_it_while_it_listens),
    cmocka_unit_test(only_the_first_process_needs_that_and_only_where_it_is_not_ignored),
    cmocka_unit_test(errno_survives_a_signal),
    cmocka_unit_test(release_then_close_is_safe_in_a_storm),
    cmocka_unit_test(no_arrival_is_lost_between_threads),
  };

  alarm(TIME_LIMIT);
  sys = lc_sys_linux();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
