/* renew.c - runs another program in the place of this one, with the same pid and children. */
#include "sys/renew.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

static int set_kept(const int *fds, size_t count, int flags)
{
  for (size_t i = 0; i < count; i++)
    if (fcntl(fds[i], F_SETFD, flags) < 0) return -errno;
  return 0;
}

/* Signals that come before the new program has its handlers wait: their default would end it. */
int lc_sys_replace_program(const lc_sys *sys, const char *const *argv, const char *const *env,
                           const int *kept, size_t count)
{
  sigset_t all, before;
  (void)sys;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int result = set_kept(kept, count, 0);
  if (!result) {
    execvpe(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    result = -errno;
  }
  set_kept(kept, count, FD_CLOEXEC);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return result;
}

void lc_sys_let_signals_in(const lc_sys *sys)
{
  sigset_t none;
  (void)sys;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
}
