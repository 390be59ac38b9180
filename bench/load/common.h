/* common.h - what every part of the load generator needs: the clock, and giving up. */
#ifndef LOAD_COMMON_H
#define LOAD_COMMON_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static const double one_second = 1e9; /* in nanoseconds, the unit of all times here */

static inline int64_t read_clock(clockid_t clock)
{
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t clock_now(void) { return read_clock(CLOCK_MONOTONIC); }

/* Says what could not be done, errno included, and ends with status 3: the measurement is void. */
_Noreturn void give_up(const char *what);

/* The result of an allocation, which is there. */
void *must_have(void *memory);

/* Runs on this processor alone from now on; negative: on any. */
void run_on(int processor);

#endif
