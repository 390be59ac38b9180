/* watchdog.h - a thread that looks at the loop's thread from outside, and what the core tells it.
 *
 * The loop's thread says what it is at by lc_loop_enter: one store, no clock, no
 * system call. The watchdog looks at that now and then while the loop is busy,
 * and sleeps for good while it waits for events; only the turn that finds it
 * asleep pays for waking it. What the loop's thread holds too long, or holds
 * while a step of a ladder is due, is interrupted by a signal; past the deadline
 * of the process's ladder, what cannot be interrupted ends the process.
 */
#ifndef LC_WATCHDOG_H
#define LC_WATCHDOG_H

#include "base/list.h"
#include "process/timetable.h"
#include "sys/sys.h"

/* A moment at which a ladder wants the loop; zero until the first lc_watchdog_want. */
typedef struct lc_want {
  lc_link link;
  lc_time at;
} lc_want;

/* LC_NEVER: no longer. These do nothing while there is no watchdog. */
void lc_watchdog_want(lc_loop *loop, lc_want *want, lc_time at);
/* The process's ladder has begun, moved on or changed; NULL: it is gone. */
void lc_watchdog_plan(lc_loop *loop, const lc_timetable *table);
/* A server has come or gone, or has another drain.timeout. */
void lc_watchdog_survey(lc_loop *loop);
void lc_watchdog_unfollow(lc_loop *loop, int signal);
void lc_watchdog_free(lc_watchdog *watchdog);

#endif
