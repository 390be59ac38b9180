/* worktime.h - how long a thread has worked, as another thread counts it.
 *
 *   the thread      runs | waits for a processor | runs | is blocked in a call | runs
 *   its work time   goes | stands still          | goes | goes                 | goes
 *
 * So work has the same time on a busy machine as on an idle one, and code that is blocked in C does
 * not last for ever.
 *
 * The processor time of a thread is exact at any moment. How long it was blocked is not known, so
 * each count asks what the thread does now. When it is blocked, all of the time since the last
 * count was work; else its processor time was. Frequent counts are therefore exact counts.
 */
#ifndef LC_WORKTIME_H
#define LC_WORKTIME_H

#include "sys/sys.h"

typedef struct lc_worktime {
  const lc_sys *sys;
  int thread; /* the number that sys->interruptible gave it */
  lc_time passed;
  lc_time counted_at;
  lc_time ran; /* the thread's processor time by then */
} lc_worktime;

void lc_worktime_begin(lc_worktime *time, const lc_sys *sys, int thread);
/* Counts the time since the last count. `with_blocked` 0: its processor time alone, which is
 * cheaper. Where the kernel does not tell what the thread does, all of the time is work. */
void lc_worktime_count(lc_worktime *time, lc_time now, int with_blocked);
/* Since the last count the thread slept, or the whole process stood still. */
void lc_worktime_slept(lc_worktime *time, lc_time now);
void lc_worktime_stood_still(lc_worktime *time, lc_time now);

#endif
