/* worktime.c - how long a thread has worked, as another thread counts it. */
#include "process/worktime.h"

void lc_worktime_begin(lc_worktime *time, const lc_sys *sys, int thread)
{
  *time = (lc_worktime){.sys = sys, .thread = thread, .counted_at = sys->now(sys)};
  time->ran = sys->ran(sys, thread);
}

/* Returns the processor time since the last count; a code where the kernel does not tell. */
static lc_time run_since(lc_worktime *time)
{
  lc_time before = time->ran;
  time->ran = time->sys->ran(time->sys, time->thread);
  if (before < 0) return before;
  return time->ran < 0 ? time->ran : time->ran - before;
}

void lc_worktime_count(lc_worktime *time, lc_time now, int with_blocked)
{
  lc_time most = now - time->counted_at, worked = run_since(time);
  if (worked < 0 || worked > most) worked = most; /* no clock of a test's is overtaken */
  if (with_blocked && worked < most && time->sys->blocked(time->sys, time->thread) != 0)
    worked = most;
  time->passed += worked;
  time->counted_at = now;
}

void lc_worktime_slept(lc_worktime *time, lc_time now)
{
  run_since(time);
  time->passed += now - time->counted_at;
  time->counted_at = now;
}

void lc_worktime_stood_still(lc_worktime *time, lc_time now)
{
  run_since(time);
  time->counted_at = now;
}
