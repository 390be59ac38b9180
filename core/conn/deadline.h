/* deadline.h - the one timer of a connection, and the moments that it is set for.
 *
 * The timer is moved ahead when something nearer comes up, and never back: when it
 * fires early, it is set anew for whatever comes first (limits.c).
 */
#ifndef LC_DEADLINE_H
#define LC_DEADLINE_H

#include "conn/inside.h"

void lc_conn_arm(lc_conn *conn, lc_time at); /* the timer fires at `at` or earlier */
lc_time lc_conn_limit(const lc_conn *conn, lc_time allowed); /* so much from now on */
lc_time lc_conn_age_end(const lc_conn *conn); /* the moment of max_age, or LC_NEVER */

#endif
