/* watchdog.h - a thread that looks at the loop's thread from outside, and what the process's ladder tells it.
 *
 * What the loop's thread holds too long, or holds while a step of a ladder is due, is
 * interrupted by a signal; past the deadline of the process's ladder, what cannot be
 * interrupted ends the process.
 */
#ifndef LC_WATCHDOG_H
#define LC_WATCHDOG_H

#include "process/timetable.h"

/* The process's ladder has begun, moved on or changed; NULL: it is gone. Does nothing while there is no watchdog. */
void lc_watchdog_plan(lc_loop *loop, const lc_timetable *table);

#endif
