/* watchdog.h - a thread that watches the loop's thread, and what the process's ladder tells it.
 *
 * A signal interrupts work that holds the loop too long, or holds it while a step of
 * a ladder is due. After the deadline of the process's ladder, work that cannot be
 * interrupted ends the process.
 */
#ifndef LC_WATCHDOG_H
#define LC_WATCHDOG_H

#include "process/timetable.h"

/* The process's ladder has begun, moved or changed; NULL: it has been freed. Does nothing without a
 * watchdog. */
void lc_watchdog_plan(lc_loop *loop, const lc_timetable *table);

#endif
