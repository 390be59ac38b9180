/* test_sys_say.c - what is said on stderr never waits longer than it may, whatever stderr is. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/sys.h"

#define TIME_LIMIT 60 /* seconds for the whole file, then SIGALRM ends it */
#define PATIENCE (30 * LC_MILLISECOND)

static const lc_sys *sys;

/* Says it where `fd` is stderr; how long that took. */
static ssize_t say_to(int fd, const char *text, size_t length, lc_time *took)
{
  int before = dup(STDERR_FILENO);
  lc_time began;
  ssize_t result;

  assert_true(before >= 0);
  if (fd >= 0) dup2(fd, STDERR_FILENO);
  else close(STDERR_FILENO);
  began = sys->now(sys);
  result = sys->say(sys, STDERR_FILENO, text, length, PATIENCE);
  if (took) *took = sys->now(sys) - began;
  dup2(before, STDERR_FILENO);
  close(before);
  return result;
}

static ssize_t say_line(int fd, lc_time *took) { return say_to(fd, "a line\n", 7, took); }

/* Until it takes no more; then it waits its time, and no longer. */
static void fill(int fd)
{
  ssize_t result = 0;
  lc_time took = 0;
  int flags = fcntl(fd, F_GETFL);

  for (int i = 0; i < 1 << 20 && result >= 0; i++) result = say_line(fd, &took);
  assert_int_equal(result, -EAGAIN);
  assert_true(took >= PATIENCE);
  assert_int_equal(fcntl(fd, F_GETFL), flags); /* others have the same description */
}

static void a_full_pipe_is_not_waited_for(void **state)
{
  int ends[2];
  char byte[64];

  (void)state;
  assert_int_equal(pipe(ends), 0);
  fill(ends[1]);
  while (say_line(ends[1], NULL) < 0) assert_true(read(ends[0], byte, sizeof byte) > 0);
  close(ends[0]);
  close(ends[1]);
}

/* Another process may have set O_NONBLOCK, as shells do. */
static void nor_one_that_does_not_block(void **state)
{
  int ends[2];

  (void)state;
  assert_int_equal(pipe(ends), 0);
  fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) | O_NONBLOCK);
  fill(ends[1]);
  close(ends[0]);
  close(ends[1]);
}

static void a_full_socket_is_not_waited_for(void **state)
{
  int ends[2];

  (void)state;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  fill(ends[1]);
  close(ends[0]);
  assert_int_equal(say_line(ends[1], NULL), -EPIPE);
  close(ends[1]);
}

static void a_terminal_that_is_held_is_not_waited_for(void **state)
{
  int master = posix_openpt(O_RDWR | O_NOCTTY), terminal;
  lc_time took;

  (void)state;
  assert_true(master >= 0);
  assert_int_equal(grantpt(master), 0);
  assert_int_equal(unlockpt(master), 0);
  terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  assert_true(terminal >= 0);
  assert_int_equal(say_line(terminal, NULL), 7);
  assert_int_equal(tcflow(terminal, TCOOFF), 0); /* as Ctrl-S does */
  fill(terminal);
  assert_int_equal(tcflow(terminal, TCOON), 0);
  assert_int_equal(say_line(terminal, &took), 7);
  close(terminal);
  close(master);
}

static void a_broken_pipe_raises_no_signal(void **state)
{
  int ends[2];

  (void)state;
  signal(SIGPIPE, SIG_DFL);
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  assert_int_equal(say_line(ends[1], NULL), -EPIPE);
  close(ends[1]);
}

static void a_signal_that_waited_before_waits_still(void **state)
{
  int ends[2];
  sigset_t set, before;

  (void)state;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  raise(SIGPIPE);
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  assert_int_equal(say_line(ends[1], NULL), -EPIPE);
  assert_int_equal(sigpending(&set), 0);
  assert_int_equal(sigismember(&set, SIGPIPE), 1);
  signal(SIGPIPE, SIG_IGN); /* which takes it away */
  signal(SIGPIPE, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
}

static void a_file_is_written_where_it_ends(void **state)
{
  FILE *file = tmpfile();
  int fd = fileno(file);

  (void)state;
  assert_int_equal(say_line(fd, NULL), 7);
  assert_int_equal(say_line(fd, NULL), 7);
  assert_int_equal(lseek(fd, 0, SEEK_CUR), 14);
  fclose(file);
}

static void what_is_longer_than_a_pipe_is_cut(void **state)
{
  static char text[1 << 20];
  int ends[2];
  ssize_t said;

  (void)state;
  memset(text, 'x', sizeof text);
  assert_int_equal(pipe(ends), 0);
  said = say_to(ends[1], text, sizeof text, NULL);
  assert_in_range(said, 4096, sizeof text - 1);
  close(ends[0]);
  close(ends[1]);
}

static void nothing_is_said_where_there_is_no_stderr(void **state)
{
  int ends[2];

  (void)state;
  assert_int_equal(say_line(-1, NULL), -EBADF);
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(say_line(ends[0], NULL), -EBADF); /* a reading end */
  close(ends[0]);
  close(ends[1]);
}

/* One who has become another user may not open the pipe of the first again. */
static void nor_does_it_wait_where_the_pipe_cannot_be_opened_again(void **state)
{
  int ends[2], status;

  (void)state;
  if (geteuid() != 0) {
    print_message("only root can become another user\n");
    skip();
  }
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(fchmod(ends[1], 0600), 0);
  pid_t child = fork();
  if (child == 0) {
    lc_time took = 0;
    ssize_t result = 0;
    if (setgid(65534) < 0 || setuid(65534) < 0) _exit(2);
    dup2(ends[1], STDERR_FILENO);
    if (open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK) >= 0) _exit(3);
    while (result >= 0) {
      lc_time began = sys->now(sys);
      result = sys->say(sys, STDERR_FILENO, "a line\n", 7, PATIENCE);
      took = sys->now(sys) - began;
    }
    _exit(result == -EAGAIN && took >= PATIENCE ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  close(ends[0]);
  close(ends[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_full_pipe_is_not_waited_for),
    cmocka_unit_test(nor_one_that_does_not_block),
    cmocka_unit_test(a_full_socket_is_not_waited_for),
    cmocka_unit_test(a_terminal_that_is_held_is_not_waited_for),
    cmocka_unit_test(a_broken_pipe_raises_no_signal),
    cmocka_unit_test(a_signal_that_waited_before_waits_still),
    cmocka_unit_test(a_file_is_written_where_it_ends),
    cmocka_unit_test(what_is_longer_than_a_pipe_is_cut),
    cmocka_unit_test(nothing_is_said_where_there_is_no_stderr),
    cmocka_unit_test(nor_does_it_wait_where_the_pipe_cannot_be_opened_again),
  };

  alarm(TIME_LIMIT);
  sys = lc_sys_linux();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
