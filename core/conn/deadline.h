/* deadline.h - the one timer of a connection, and the times for which it is set.
 *
 * An earlier deadline moves the timer forward. No deadline moves it back: when the
 * timer fires too early, it is set again for the next deadline (limits.c).
 */
#ifndef LC_DEADLINE_H
#define LC_DEADLINE_H

#include "conn/inside.h"

void lc_conn_arm_earlier(lc_conn *conn, lc_time at); /* for lc_conn_arm */
/* The timer fires at `at` or earlier. Mostly it is set for an earlier time already. */
static inline void lc_conn_arm(lc_conn *conn, lc_time at)
{
  if (at < lc_heap_at(&conn->loop->timers, &conn->timer)) lc_conn_arm_earlier(conn, at);
}
lc_time lc_conn_limit(const lc_conn *conn, lc_time allowed); /* `allowed` from now on */
lc_time lc_conn_age_end(const lc_conn *conn); /* when max_age is reached, or LC_NEVER */

#endif
