/* activity.h - whether a connection is at work, idle, or dismissed: kept up to date. */
#ifndef LC_ACTIVITY_H
#define LC_ACTIVITY_H

#include "conn/inside.h"

void lc_conn_update(lc_conn *conn); /* brings new, active and idle up to date */
/* Whether nothing is under way, as far as the protocol can say. */
int lc_conn_is_between(const lc_conn *conn);
/* Whether the owner drains and has not dismissed it yet. */
int lc_conn_is_draining(const lc_conn *conn);
/* When the owner, which drains, wants to look at it; LC_NEVER: not by itself. */
lc_time lc_conn_look_at(lc_conn *conn);
/* It has become idle, or the drain has begun: its timer comes when the owner is to look at it. */
void lc_conn_consider(lc_conn *conn);

#endif
