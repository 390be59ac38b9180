/* limits.h - the deadlines of a connection's operations, and the limits that close it. */
#ifndef LC_LIMITS_H
#define LC_LIMITS_H

#include "conn/inside.h"

void lc_conn_rearm(lc_conn *conn); /* sets the timer for the next deadline */
void lc_conn_due(lc_timer *timer, lc_time now);

#endif
