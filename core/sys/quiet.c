/* quiet.c - writes without SIGPIPE, also where there is no reader. The signal goes to the thread that writes. */
#include "sys/quiet.h"

#include <errno.h>
#include <time.h>

void lc_sys_quiet_begin(lc_quiet *quiet)
{
  sigset_t broken, pending;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, &quiet->before);
  quiet->was_pending = 0;
  if (!sigismember(&quiet->before, SIGPIPE))
    return; /* none can have been pending for this thread */
  sigemptyset(&pending);
  sigpending(&pending);
  quiet->was_pending = sigismember(&pending, SIGPIPE);
}

void lc_sys_quiet_end(const lc_quiet *quiet, int may_have_come)
{
  static const struct timespec none;
  sigset_t broken;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  if (may_have_come && !quiet->was_pending) {
    while (sigtimedwait(&broken, NULL, &none) < 0 && errno == EINTR) continue;
  }
  pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}
