/* test_subprocess.c - child processes on the real kernel, with bad luck, and on the simulated one. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "kernel.h"
#include "world.h"

static faults bad;

typedef struct told {
  int count;
  lc_subprocess_end end;
} told;

static void on_end(void *user, const lc_subprocess_end *end)
{
  told *t = user;
  t->count++;
  t->end = *end;
}

static const lc_child_fd STANDARD[] = {{0, LC_FD_NULL, 0}, {1, 1, 0}, {2, 2, 0}};

static lc_subprocess *start_in(lc_loop *loop, const char *const *argv, int leads_group, told *t,
                               int *error, lc_start_step *step)
{
  lc_subprocess_options options = {
    .argv = argv, .fds = STANDARD, .fd_count = 3, .leads_group = leads_group};
  *t = (told){0};
  return lc_subprocess_start(loop, &options, on_end, t, error, step);
}

static lc_subprocess *start(world *w, told *t, const char *script)
{
  const char *const argv[] = {"sh", "-c", script, NULL};
  int error = 0;
  lc_subprocess *child = start_in(w->loop, argv, 0, t, &error, NULL);
  assert_int_equal(error, 0);
  assert_non_null(child);
  return child;
}

/* The loop has waited for all children. */
static void assert_no_zombie(void)
{
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
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
  assert_no_zombie();
  return 0;
}

static void assert_end(const told *t, lc_end_kind kind, int status)
{
  assert_int_equal(t->count, 1);
  assert_int_equal(t->end.kind, kind);
  assert_int_equal(t->end.status, status);
}

static void the_end_of_a_child_is_told_once(void **state)
{
  world *w = *state;
  told a, b;
  lc_subprocess *first = start(w, &a, "exit 7"), *second = start(w, &b, "kill -9 $$");
  assert_true(lc_subprocess_pid(first) > 0);
  TURN_UNTIL(w, a.count && b.count);
  assert_end(&a, LC_END_EXIT, 7);
  assert_end(&b, LC_END_SIGNAL, SIGKILL);
  assert_int_equal(lc_subprocess_ended(first)->status, 7);
  assert_int_equal(lc_subprocess_signal(first, SIGTERM), -ESRCH);
  lc_subprocess_free(first);
  lc_subprocess_free(second);
}

/* ENOSYS is what a kernel before 5.3 says. */
static void without_its_descriptor_a_child_is_found_by_looking(void **state)
{
  static const struct {
    fault_call call;
    int code;
  } ways[] = {{FAULT_PROCESS_WATCH, -ENOSYS},
              {FAULT_PROCESS_WATCH, -EMFILE},
              {FAULT_POLLER_CONTROL, -ENOMEM}};
  world *w = *state;
  told t;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    faults_fail(&bad, ways[i].call, 1, 1, ways[i].code);
    lc_subprocess *child = start(w, &t, "sleep 0.02; exit 3");
    TURN_UNTIL(w, t.count);
    assert_end(&t, LC_END_EXIT, 3);
    lc_subprocess_free(child);
    faults_none(&bad);
  }
}

static void other_code_may_have_taken_its_status(void **state)
{
  world *w = *state;
  told t;
  lc_subprocess *child = start(w, &t, "exit 7");
  assert_int_equal(waitpid(lc_subprocess_pid(child), NULL, 0), lc_subprocess_pid(child));
  TURN_UNTIL(w, t.count);
  assert_end(&t, LC_END_UNKNOWN, 0);
  lc_subprocess_free(child);
}

static void children_of_others_are_left_to_them(void **state)
{
  world *w = *state;
  int status = 0;
  told t;
  pid_t other = fork();
  if (other == 0) _exit(5);
  lc_subprocess *child = start(w, &t, "exit 7");
  TURN_UNTIL(w, t.count);
  lc_subprocess_free(child);
  assert_int_equal(waitpid(other, &status, 0), other);
  assert_int_equal(WEXITSTATUS(status), 5);
}

static void a_child_that_is_forgotten_leaves_no_zombie(void **state)
{
  world *w = *state;
  told t;
  lc_subprocess *child = start(w, &t, "exit 0");
  int pid = lc_subprocess_pid(child);
  lc_subprocess_free(child);
  TURN_UNTIL(w, kill(pid, 0) < 0);
  assert_int_equal(t.count, 0);
}

static void children_end_with_the_loop(void **state)
{
  world *w = *state;
  told t;
  start(w, &t, "exec sleep 100"); /* the loop frees it */
}

static void a_child_may_outlive_the_loop(void **state)
{
  (void)state;
  world w;
  told t;
  int error = 0;
  world_begin(&w, lc_sys_linux());
  w.loop = lc_loop_new(w.sys, &error);
  lc_subprocess *child = start(&w, &t, "exec sleep 100");
  int pid = lc_subprocess_pid(child);
  lc_subprocess_leave_alone(child);
  world_end(&w);
  assert_int_equal(kill(pid, 0), 0);
  assert_int_equal(kill(pid, SIGKILL), 0);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A shell that has written a byte, so its traps are set; and the end of its pipe. */
static lc_subprocess *start_shell(world *w, told *t, const char *script, int leads_group, int *end)
{
  int ends[2], error = 0;
  char byte;
  assert_int_equal(pipe(ends), 0);
  const lc_child_fd fds[] = {{0, LC_FD_NULL, 0}, {1, ends[1], 0}, {2, 2, 0}};
  const char *const argv[] = {"sh", "-c", script, NULL};
  lc_subprocess_options options = {
    .argv = argv, .fds = fds, .fd_count = 3, .leads_group = leads_group};
  *t = (told){0};
  lc_subprocess *child = lc_subprocess_start(w->loop, &options, on_end, t, &error, NULL);
  assert_non_null(child);
  close(ends[1]);
  assert_int_equal(read(ends[0], &byte, 1), 1);
  *end = ends[0];
  return child;
}

static void a_stop_that_is_ignored_becomes_a_kill(void **state)
{
  world *w = *state;
  told t;
  int end;
  lc_subprocess *child =
    start_shell(w, &t, "trap '' TERM; echo; while :; do sleep 0.01; done", 0, &end);
  lc_subprocess_stop(child, 30 * LC_MILLISECOND);
  TURN_UNTIL(w, t.count);
  assert_end(&t, LC_END_SIGNAL, SIGKILL);
  close(end);
  lc_subprocess_free(child);
}

/* One of the group ignores SIGTERM, and has the end of a pipe. */
static void a_stop_ends_the_whole_group(void **state)
{
  world *w = *state;
  told t;
  int end;
  char byte;
  lc_subprocess *child =
    start_shell(w, &t, "(trap '' TERM; echo; while :; do sleep 0.01; done) & wait", 1, &end);
  lc_subprocess_stop(child, world_seconds(5));
  TURN_UNTIL(w, t.count);
  assert_end(&t, LC_END_SIGNAL, SIGTERM);
  assert_int_equal(read(end, &byte, 1), 0); /* no process has the other end */
  close(end);
  lc_subprocess_free(child);
}

static void a_child_started_elsewhere_can_be_taken(void **state)
{
  world *w = *state;
  told t = {0};
  int error = 0;
  pid_t pid = fork();
  if (pid == 0) _exit(9);
  lc_subprocess *child = lc_subprocess_take(w->loop, pid, on_end, &t, &error);
  assert_non_null(child);
  TURN_UNTIL(w, t.count);
  assert_end(&t, LC_END_EXIT, 9);
  lc_subprocess_free(child);
  assert_null(lc_subprocess_take(w->loop, getppid(), on_end, &t, &error));
  assert_int_equal(error, -ECHILD);
}

static void process_one_takes_strangers_and_leaves_our_own_to_the_loop(void **state)
{
  world *w = *state;
  told t;
  pid_t other = fork();
  if (other == 0) _exit(5);
  lc_subprocess *child = start(w, &t, "exit 7");
  lc_time until = w->sys->now(w->sys) + world_seconds(10);
  int pid = 0;
  while (pid <= 0 && w->sys->now(w->sys) < until) {
    pid = lc_subprocess_reap_stranger(w->loop);
    if (pid == -EAGAIN) world_turn(w); /* ours came first */
  }
  assert_int_equal(pid, other);
  TURN_UNTIL(w, t.count);
  assert_end(&t, LC_END_EXIT, 7);
  assert_int_equal(lc_subprocess_reap_stranger(w->loop), 0);
  lc_subprocess_free(child);
}

/* It makes children by fork. */
static int is_under_valgrind(void)
{
  const char *preload = getenv("LD_PRELOAD");
  return preload && strstr(preload, "vgpreload");
}

static void a_start_that_fails_says_where(void **state)
{
  if (is_under_valgrind()) skip();
  static const char *const none[] = {"/no/such/program", NULL};
  world *w = *state;
  told t;
  int error = 0;
  lc_start_step step = LC_START_PROCESS;
  assert_null(start_in(w->loop, none, 0, &t, &error, &step));
  assert_int_equal(error, -ENOENT);
  assert_int_equal(step, LC_START_PROGRAM);
  faults_fail(&bad, FAULT_SPAWN, 1, 1, -EAGAIN);
  assert_null(start_in(w->loop, none, 0, &t, &error, &step));
  assert_int_equal(error, -EAGAIN);
  faults_none(&bad);
  const lc_child_fd closed[] = {{0, 987654, 0}};
  const char *const argv[] = {"true", NULL};
  lc_subprocess_options options = {.argv = argv, .fds = closed, .fd_count = 1};
  assert_null(lc_subprocess_start(w->loop, &options, on_end, &t, &error, &step));
  assert_int_equal(error, -EBADF);
  assert_int_equal(step, LC_START_DESCRIPTORS);
}

static void signals_have_their_defaults_in_a_child(void **state)
{
  world *w = *state;
  sigset_t all, before;
  struct sigaction ignore, was;
  told t;
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN;
  sigfillset(&all);
  assert_int_equal(sigaction(SIGPIPE, &ignore, &was), 0);
  sigprocmask(SIG_SETMASK, &all, &before);
  lc_subprocess *child = start(
    w, &t,
    "exec awk '/^Sig(Blk|Ign)/ && $2 !~ /^0+$/ { bad = 1 } END { exit bad }' /proc/self/status");
  sigprocmask(SIG_SETMASK, &before, NULL);
  sigaction(SIGPIPE, &was, NULL);
  TURN_UNTIL(w, t.count);
  assert_end(&t, LC_END_EXIT, 0);
  lc_subprocess_free(child);
}

static void on_the_simulated_kernel(void **state)
{
  static const char *const short_one[] = {"child", "30", "4", NULL};
  static const char *const deaf_one[] = {"child", "-", "0", "deaf", NULL};
  sim_kernel *kernel = sim_kernel_new(3);
  sim_process *process = sim_process_new(kernel, 1);
  told a, b;
  int error = 0;
  (void)state;
  lc_loop *loop = lc_loop_new(sim_process_sys(process), &error);
  lc_time began = sim_now(kernel);
  lc_subprocess *first = start_in(loop, short_one, 0, &a, &error, NULL);
  lc_subprocess *second = start_in(loop, deaf_one, 0, &b, &error, NULL);
  while (!a.count) assert_int_equal(lc_loop_turn(loop, LC_SECOND), 0);
  assert_int_equal(sim_now(kernel) - began, 30 * LC_MILLISECOND);
  assert_end(&a, LC_END_EXIT, 4);
  lc_subprocess_stop(second, 5 * LC_SECOND);
  lc_subprocess_stop(second, 7 * LC_SECOND); /* does not prolong it */
  while (!b.count) assert_int_equal(lc_loop_turn(loop, LC_SECOND), 0);
  assert_int_equal(sim_now(kernel) - began, 30 * LC_MILLISECOND + 5 * LC_SECOND);
  assert_end(&b, LC_END_SIGNAL, SIGKILL);
  lc_subprocess_free(first);
  lc_subprocess_free(second);
  assert_int_equal(sim_process_children(process), 0);
  sim_process_fail(process, FAULT_PROCESS_WATCH, 1, 1, -EMFILE);
  first = start_in(loop, short_one, 0, &a, &error, NULL);
  while (!a.count) assert_int_equal(lc_loop_turn(loop, LC_SECOND), 0);
  assert_end(&a, LC_END_EXIT, 4);
  lc_subprocess_free(first);
  start_in(loop, deaf_one, 0, &a, &error, NULL);
  lc_loop_free(loop);
  assert_int_equal(sim_process_children(process), 0);
  assert_int_equal(sim_process_descriptors(process), 0);
  sim_kernel_free(kernel);
}

static void assert_pins(const lc_sys *sys, int pid)
{
  int numbers[8192], first = -1;
  int count = sys->processors(sys, numbers, 8192);
  assert_true(count > 0);
  assert_int_equal(sys->processors(sys, &first, 1), 1);
  assert_int_equal(first, numbers[0]);
  assert_int_equal(sys->process_pin(sys, pid, numbers[count - 1]), 0);
  assert_int_equal(sys->process_pin(sys, pid, numbers[count - 1] + 1000), -EINVAL);
  assert_int_equal(sys->process_pin(sys, pid, 8191), -EINVAL);
  assert_int_equal(sys->process_pin(sys, pid, 8192), -EINVAL);
  assert_int_equal(sys->process_pin(sys, pid, -1), -EINVAL);
}

/* A processor that is not there, or not any more, is refused. */
static void a_child_is_pinned_to_a_processor(void **state)
{
  static const char *const idle[] = {"child", "-", "0", NULL};
  world *w = *state;
  told t;
  int error = 0;
  lc_subprocess *child = start(w, &t, "exec sleep 100");
  assert_pins(&bad.sys, lc_subprocess_pid(child));
  lc_subprocess_stop(child, LC_SECOND);
  TURN_UNTIL(w, t.count);
  assert_int_equal(bad.sys.process_pin(&bad.sys, lc_subprocess_pid(child), 0), -ESRCH);
  lc_subprocess_free(child);
  sim_kernel *kernel = sim_kernel_new(3);
  const lc_sys *sys = sim_process_sys(sim_process_new(kernel, 1));
  lc_loop *loop = lc_loop_new(sys, &error);
  child = start_in(loop, idle, 0, &t, &error, NULL);
  assert_pins(sys, lc_subprocess_pid(child));
  assert_int_equal(sys->process_pin(sys, 1, 0), -ESRCH);
  lc_loop_free(loop);
  sim_kernel_free(kernel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Before any test forks. A poller keeps a descriptor of which
 * another process has a copy. */
static void a_descriptor_given_away_is_noted(void)
{
  const lc_sys *sys = lc_sys_linux();
  const char *const argv[] = {"true", NULL};
  lc_child_fd fds[] = {{0, LC_FD_NULL, 0}, {1, 1, 0}, {2, 2, 0}};
  lc_subprocess_options options = {.argv = argv, .fds = fds, .fd_count = 3};
  lc_start_step step;
  for (int is_kept = 0; is_kept < 2; is_kept++) {
    fds[1].is_kept = is_kept;
    pid_t pid = sys->spawn(sys, &options, NULL, &step);
    if (pid < 0 || waitpid(pid, NULL, 0) != pid || sys->is_alone(sys) == is_kept) {
      print_error("a descriptor given away is not noted\n");
      exit(1);
    }
  }
}

int main(void)
{
  a_descriptor_given_away_is_noted();
  const struct CMUnitTest tests[] = {
    TEST(the_end_of_a_child_is_told_once),
    TEST(without_its_descriptor_a_child_is_found_by_looking),
    TEST(other_code_may_have_taken_its_status),
    TEST(children_of_others_are_left_to_them),
    TEST(a_child_that_is_forgotten_leaves_no_zombie),
    TEST(children_end_with_the_loop),
    TEST(a_child_may_outlive_the_loop),
    TEST(a_stop_that_is_ignored_becomes_a_kill),
    TEST(a_stop_ends_the_whole_group),
    TEST(a_child_started_elsewhere_can_be_taken),
    TEST(process_one_takes_strangers_and_leaves_our_own_to_the_loop),
    TEST(a_start_that_fails_says_where),
    TEST(signals_have_their_defaults_in_a_child),
    TEST(a_child_is_pinned_to_a_processor),
    cmocka_unit_test(on_the_simulated_kernel)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
