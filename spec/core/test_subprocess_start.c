/* test_subprocess_start.c - the loop goes on while a child comes to its program. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "kernel.h"
#include "world.h"

static faults bad;

/* A PATH with so many folders that are not there: some milliseconds until the program is found, or missed. */
enum { FOLDERS = 5000 };
static char slow_path[sizeof "PATH=" + FOLDERS * (sizeof "/-:" - 1) + sizeof "/usr/bin:/bin"];
static const char *const slow_env[] = {slow_path, NULL};

typedef struct told {
  int started;
  int error;
  lc_start_step step;
  int ended;
  lc_subprocess_end end;
} told;

static void on_start(void *user, int error, lc_start_step step)
{
  told *t = user;
  assert_int_equal(t->ended, 0);
  t->started++;
  t->error = error;
  t->step = step;
}

static void on_end(void *user, const lc_subprocess_end *end)
{
  told *t = user;
  assert_int_equal(t->started, 1);
  t->ended++;
  t->end = *end;
}

static lc_subprocess *begin(lc_loop *loop, told *t, const char *const *argv,
                            const lc_subprocess_options *more)
{
  static const lc_child_fd standard[] = {{0, LC_FD_NULL, 0}, {1, 1, 0}, {2, 2, 0}};
  static const lc_subprocess_events events = {on_start, on_end};
  lc_subprocess_options options = *more;
  int error = 0;
  options.argv = argv;
  if (!options.fds) options.fds = standard, options.fd_count = 3;
  *t = (told){0};
  lc_subprocess *child = lc_subprocess_begin(loop, &options, &events, t, &error, &t->step);
  if (!child) t->error = error;
  return child;
}

static const char *const no_program[] = {"no-such-program", NULL};
static const char *const one_that_sleeps[] = {"sleep", "100", NULL};
static const char *const one_that_ends[] = {"sh", "-c", "exit 3", NULL};
static const lc_subprocess_options plain, slowly = {.env = slow_env},
                                          slowly_as_leader = {.env = slow_env, .leads_group = 1};

/* Elsewhere the thread stands still until the program runs. */
static void need_a_loop_that_goes_on(world *w)
{
  const lc_sys *sys = w->sys;
  const char *const argv[] = {"true", NULL};
  const lc_child_fd none[] = {{0, LC_FD_NULL, 0}};
  const lc_subprocess_options options = {.argv = argv, .env = slow_env, .fds = none, .fd_count = 1};
  lc_birth *birth = NULL;
  lc_start_step step;
  int pid = sys->spawn(sys, &options, &birth, &step), goes_on = birth != NULL;
  assert_true(pid > 0);
  while (birth && !sys->born(sys, birth, &step)) world_turn(w);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  if (goes_on) return;
  print_message("a child shares no memory with a loop that goes on, here\n");
  skip();
}

static int set_up(void **state)
{
  static world w;
  int error = 0;
  faults_init(&bad);
  world_begin(&w, &bad.sys);
  w.loop = lc_loop_new(&bad.sys, &error);
  *state = &w;
  return w.loop ? 0 : -1;
}

static int tear_down(void **state)
{
  world_end(*state);
  assert_int_equal(bad.open, 0);
  assert_int_equal(bad.strange, 0);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
  return 0;
}

static void the_start_is_told_before_the_end(void **state)
{
  static const fault_call without_descriptor[] = {FAULT_CALLS, FAULT_PROCESS_WATCH,
                                                  FAULT_POLLER_CONTROL};
  world *w = *state;
  told t = {0};
  for (size_t i = 0; i < sizeof without_descriptor / sizeof *without_descriptor; i++) {
    if (i > 0) faults_fail(&bad, without_descriptor[i], 1, 1, -ENOMEM);
    lc_subprocess *child = begin(w->loop, &t, one_that_ends, i == 1 ? &plain : &slowly);
    assert_non_null(child);
    TURN_UNTIL(w, t.ended);
    assert_int_equal(t.error, 0);
    assert_int_equal(t.end.kind, LC_END_EXIT);
    assert_int_equal(t.end.status, 3);
    lc_subprocess_free(child);
    faults_none(&bad);
  }
}

static void assert_failed(world *w, const told *t, const lc_subprocess *child, int error,
                          lc_start_step step)
{
  if (child) TURN_UNTIL(w, t->started);
  assert_int_equal(t->error, error);
  assert_int_equal(t->step, step);
  assert_int_equal(t->ended, 0);
}

static void a_start_that_fails_says_where(void **state)
{
  const lc_child_fd closed[] = {{0, 987654, 0}};
  const lc_subprocess_options nowhere = {.cwd = "/no/such", .env = slow_env};
  const lc_subprocess_options lacking = {.fds = closed, .fd_count = 1};
  world *w = *state;
  told t = {0};
  need_a_loop_that_goes_on(w);
  assert_failed(w, &t, begin(w->loop, &t, no_program, &slowly), -ENOENT, LC_START_PROGRAM);
  assert_failed(w, &t, begin(w->loop, &t, one_that_ends, &nowhere), -ENOENT, LC_START_DIRECTORY);
  assert_null(begin(w->loop, &t, one_that_ends, &lacking));
  assert_failed(w, &t, NULL, -EBADF, LC_START_DESCRIPTORS);
  faults_fail(&bad, FAULT_SPAWN, 1, 1, -EAGAIN);
  assert_null(begin(w->loop, &t, one_that_ends, &plain));
  assert_failed(w, &t, NULL, -EAGAIN, LC_START_PROCESS);
}

/* The child has no copy of a descriptor that is not for it, not even while it starts. */
/* The copies of what the child is given lie one above the other, and the kernel has another word where the last one
 * lies at the limit. */
static void too_few_descriptors_have_one_word(void **state)
{
  world *w = *state;
  struct rlimit before, few;
  told t = {0};
  lc_subprocess *child = NULL;
  rlim_t refused = 0;
  int lowest = dup(STDIN_FILENO);
  assert_true(lowest >= 0);
  close(lowest);
  getrlimit(RLIMIT_NOFILE, &before);
  for (few = before; !child; refused++) {
    few.rlim_cur = (rlim_t)lowest + refused;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    child = begin(w->loop, &t, one_that_ends, &plain);
    setrlimit(RLIMIT_NOFILE, &before);
    if (!child) assert_failed(w, &t, child, -EMFILE, LC_START_DESCRIPTORS);
  }
  assert_true(refused > 3);
  TURN_UNTIL(w, t.ended);
  lc_subprocess_free(child);
}

static void what_is_closed_meanwhile_is_closed(void **state)
{
  world *w = *state;
  told t = {0};
  int ends[2];
  char byte;
  need_a_loop_that_goes_on(w);
  for (int i = 0; i < 10; i++) {
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    lc_subprocess *child = begin(w->loop, &t, one_that_ends, &slowly);
    assert_non_null(child);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody has the other end */
    close(ends[0]);
    assert_int_equal(t.started, 0);
    TURN_UNTIL(w, t.ended);
    lc_subprocess_free(child);
  }
}

static void what_the_child_is_given_may_be_closed_and_changed_at_once(void **state)
{
  world *w = *state;
  told t = {0};
  int ends[2];
  char text[8] = {0}, program[] = "echo";
  const char *argv[] = {program, "told", NULL};
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  const lc_child_fd fds[] = {{1, ends[1], 0}};
  const lc_subprocess_options options = {.env = slow_env, .fds = fds, .fd_count = 1};
  lc_subprocess *child = begin(w->loop, &t, argv, &options);
  assert_non_null(child);
  close(ends[1]);
  memset(program, 'x', sizeof program - 1);
  argv[1] = "changed";
  TURN_UNTIL(w, t.ended);
  assert_int_equal(t.error, 0);
  assert_int_equal(read(ends[0], text, sizeof text), 5);
  assert_string_equal(text, "told\n");
  close(ends[0]);
  lc_subprocess_free(child);
}

/* A child that shared errno with this thread would change it at some time. */
static void errno_is_the_parents_own(void **state)
{
  world *w = *state;
  told t = {0};
  need_a_loop_that_goes_on(w);
  for (int round = 0; round < 5; round++) {
    assert_non_null(begin(w->loop, &t, no_program, &slowly));
    while (!t.started) {
      for (int i = 0; i < 10000; i++) {
        errno = EDOM;
        for (volatile int wait = 0; wait < 10; wait++) continue;
        assert_int_equal(errno, EDOM);
      }
      world_turn(w);
    }
    assert_int_equal(t.error, -ENOENT);
  }
}

static void a_child_can_be_ended_while_it_starts(void **state)
{
  world *w = *state;
  told t = {0};
  for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
    lc_subprocess *child =
      begin(w->loop, &t, one_that_sleeps, is_stopped ? &slowly : &slowly_as_leader);
    assert_non_null(child);
    if (is_stopped) lc_subprocess_stop(child, world_seconds(20));
    else assert_int_equal(lc_subprocess_signal(child, SIGKILL), 0);
    TURN_UNTIL(w, t.ended);
    assert_int_equal(t.error, 0);
    assert_int_equal(t.end.kind, LC_END_SIGNAL);
    assert_int_equal(t.end.status, is_stopped ? SIGTERM : SIGKILL);
    lc_subprocess_free(child);
  }
}

static void one_that_is_forgotten_while_it_starts_is_told_nothing(void **state)
{
  world *w = *state;
  told t, other;
  lc_subprocess_free(begin(w->loop, &t, no_program, &slowly));
  lc_subprocess_free(begin(w->loop, &other, one_that_ends, &slowly));
  TURN_UNTIL(w, waitpid(-1, NULL, WNOHANG | WNOWAIT) < 0);
  assert_int_equal(t.started + other.started + other.ended, 0);
}

/* The loop waits for them. */
static void the_loop_may_end_while_children_start(void **state)
{
  static told t;
  world *w = *state;
  begin(w->loop, &t, one_that_sleeps, &slowly_as_leader);
  begin(w->loop, &t, no_program, &slowly);
  begin(w->loop, &t, one_that_sleeps, &slowly);
}

static void on_the_simulated_kernel(void **state)
{
  static const char *const short_one[] = {"child", "30", "4", NULL};
  static const char *const quick_one[] = {"child", "0", "5", NULL};
  sim_kernel *kernel = sim_kernel_new(3);
  sim_process *process = sim_process_new(kernel, 1);
  int error = 0;
  told t = {0};
  (void)state;
  lc_loop *loop = lc_loop_new(sim_process_sys(process), &error);
  lc_time began = sim_now(kernel);
  lc_subprocess *child = begin(loop, &t, short_one, &plain);
  while (!t.started) assert_int_equal(lc_loop_turn(loop, LC_SECOND), 0);
  assert_int_equal(t.ended, 0);
  assert_in_range(sim_now(kernel) - began, LC_MILLISECOND, 3 * LC_MILLISECOND);
  while (!t.ended) assert_int_equal(lc_loop_turn(loop, LC_SECOND), 0);
  assert_int_equal(t.end.status, 4);
  lc_subprocess_free(child);
  child = begin(loop, &t, quick_one, &plain);
  while (!t.ended) assert_int_equal(lc_loop_turn(loop, LC_SECOND), 0);
  assert_int_equal(t.error, 0);
  lc_subprocess_free(child);
  assert_non_null(begin(loop, &t, no_program, &plain));
  while (!t.started) assert_int_equal(lc_loop_turn(loop, LC_SECOND), 0);
  assert_int_equal(t.error, -ENOENT);
  assert_int_equal(t.step, LC_START_PROGRAM);
  assert_int_equal(sim_process_children(process), 0);
  begin(loop, &t, short_one, &plain);
  lc_loop_free(loop);
  assert_int_equal(sim_process_children(process), 0);
  assert_int_equal(sim_process_descriptors(process), 0);
  sim_kernel_free(kernel);
}

static void fill_path(void)
{
  char *to = slow_path + sprintf(slow_path, "PATH=");
  for (int i = 0; i < FOLDERS; i++) to += sprintf(to, "/-:");
  sprintf(to, "/usr/bin:/bin");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  fill_path();
  const struct CMUnitTest tests[] = {
    TEST(the_start_is_told_before_the_end),
    TEST(a_start_that_fails_says_where),
    TEST(too_few_descriptors_have_one_word),
    TEST(what_is_closed_meanwhile_is_closed),
    TEST(what_the_child_is_given_may_be_closed_and_changed_at_once),
    TEST(errno_is_the_parents_own),
    TEST(a_child_can_be_ended_while_it_starts),
    TEST(one_that_is_forgotten_while_it_starts_is_told_nothing),
    TEST(the_loop_may_end_while_children_start),
    cmocka_unit_test(on_the_simulated_kernel)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
