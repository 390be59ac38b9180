/* test_sys_signal.c - the signal table: counts, stamps, owners, and letting go in the middle of a storm. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
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
    cmocka_unit_test(errno_survives_a_signal),
    cmocka_unit_test(release_then_close_is_safe_in_a_storm),
    cmocka_unit_test(no_arrival_is_lost_between_threads),
  };

  alarm(TIME_LIMIT);
  sys = lc_sys_linux();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
