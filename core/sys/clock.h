/* clock.h - the kernel's clocks; safe in a signal handler. */
#ifndef LC_SYS_CLOCK_H
#define LC_SYS_CLOCK_H

#include <time.h>

#include "lastcall.h"

static inline lc_time lc_sys_clock(clockid_t clock)
{
  struct timespec now;
  clock_gettime(clock, &now);
  return (lc_time)now.tv_sec * LC_SECOND + now.tv_nsec;
}

#endif
