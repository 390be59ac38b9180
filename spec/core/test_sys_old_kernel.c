/* test_sys_old_kernel.c - waits where the kernel has no epoll_pwait2 (before 5.11, or behind a
 * filter).
 *
 * In a process of its own a seccomp filter traps the call; the handler counts, and has it fail. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/sys.h"

#define TIME_LIMIT 30 /* seconds for the whole file, then SIGALRM ends it */

enum { GOOD, EARLY, ASKED_AGAIN, NOT_ASKED, NOT_PERMITTED, NOT_THE_KERNEL };

#if defined SYS_epoll_pwait2 && (defined __x86_64__ || defined __aarch64__)

static volatile sig_atomic_t asked;
static int failure;

static void refuse(int number, siginfo_t *info, void *context)
{
  ucontext_t *registers = context;

  (void)number;
  (void)info;
  asked = asked + 1;
#ifdef __x86_64__
  registers->uc_mcontext.gregs[REG_RAX] = -failure;
#else
  registers->uc_mcontext.regs[0] = (unsigned long long)-failure;
#endif
}

static int trap_the_call(void)
{
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  struct sigaction action = {.sa_sigaction = refuse, .sa_flags = SA_SIGINFO};

  sigaction(SIGSYS, &action, NULL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static int wait_some_times(void)
{
  const lc_sys *sys = lc_sys_linux();
  int epoll = sys->poller_create(sys);
  lc_poll_event event;

  if (trap_the_call() < 0) return NOT_PERMITTED;
  syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, 0);
  if (asked == 0) return NOT_THE_KERNEL;
  asked = 0;
  for (int i = 1; i <= 5; i++) {
    lc_time began = sys->now(sys), timeout = i * LC_MILLISECOND + 1;

    if (sys->poller_wait(sys, epoll, &event, 1, timeout) != 0) return EARLY;
    if (sys->now(sys) - began < timeout) return EARLY;
  }
  if (asked == 0) return NOT_ASKED;
  return asked == 1 ? GOOD : ASKED_AGAIN;
}

#else

static int failure;
static int wait_some_times(void) { return NOT_PERMITTED; }

#endif

static void waits_with(int error)
{
  pid_t child;
  int status = 0;

  failure = error;
  child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(TIME_LIMIT / 3);
    _exit(wait_some_times());
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == NOT_PERMITTED) {
    print_message("seccomp, or this machine's registers, are not to be had\n");
    skip();
  }
  if (WEXITSTATUS(status) == NOT_THE_KERNEL) {
    print_message("the call does not reach the kernel (valgrind answers it)\n");
    skip();
  }
  assert_int_equal(WEXITSTATUS(status), GOOD);
}

static void a_call_that_is_missing_is_tried_once_and_waits_end_no_earlier(void **state)
{
  (void)state;
  waits_with(ENOSYS);
}

static void so_is_one_that_a_filter_refuses(void **state)
{
  (void)state;
  waits_with(EPERM);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_call_that_is_missing_is_tried_once_and_waits_end_no_earlier),
    cmocka_unit_test(so_is_one_that_a_filter_refuses),
  };

  alarm(TIME_LIMIT);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
