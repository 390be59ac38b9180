/* activity.h - keeps up to date whether a connection is at work, idle, or dismissed. */
#ifndef LC_ACTIVITY_H
#define LC_ACTIVITY_H

#include "conn/inside.h"

/* moves the connection to active or idle, if that has changed */
void lc_conn_update(lc_conn *conn);
/* Whether no work is under way, as far as the protocol can tell. */
int lc_conn_is_between(const lc_conn *conn);
/* Whether the owner drains, and has not dismissed the connection yet. */
int lc_conn_is_draining(const lc_conn *conn);
/* When a draining owner wants to look at the connection. LC_NEVER: an event comes first. */
lc_time lc_conn_look_at(lc_conn *conn);
/* The connection has become idle, or the drain has begun: sets the timer for the owner's look. */
void lc_conn_consider(lc_conn *conn);

#endif
