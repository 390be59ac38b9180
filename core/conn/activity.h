/* activity.h - keeps the state of a connection up to date: active or idle. */
#ifndef LC_ACTIVITY_H
#define LC_ACTIVITY_H

#include "conn/inside.h"

/* Moves the connection to active or idle, if its work has begun or ended. */
void lc_conn_update(lc_conn *conn);
/* Whether the transport is in the middle of something, or the library that moves the bytes
 * instead. */
int lc_conn_is_half_way(const lc_conn *conn);
/* Whether the connection is between two units of work, as far as the protocol can tell. */
int lc_conn_is_between(const lc_conn *conn);
/* Whether the owner drains, and has not dismissed the connection yet. */
int lc_conn_is_draining(const lc_conn *conn);
/* Returns when a draining owner has to look at the connection. LC_NEVER: not before the next
 * event. */
lc_time lc_conn_look_at(lc_conn *conn);
/* Called when the connection has become idle or the drain has begun. Sets the timer for the owner's
 * look. */
void lc_conn_consider(lc_conn *conn);

#endif
