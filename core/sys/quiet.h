/* quiet.h - writes without SIGPIPE, also where there is no reader. */
#ifndef LC_SYS_QUIET_H
#define LC_SYS_QUIET_H

#include <signal.h>

/* SIGPIPE of this thread is blocked from begin to end; one that came in between is taken away. */
typedef struct lc_quiet {
  sigset_t before;
  int was_pending;
} lc_quiet;
void lc_sys_quiet_begin(lc_quiet *quiet);
void lc_sys_quiet_end(const lc_quiet *quiet, int may_have_come);

#endif
