/* idle.h - which connections a drain closes as idle, and when. */
#ifndef LC_IDLE_H
#define LC_IDLE_H

#include "server/inside.h"

/* when the ladder may close the connection; LC_NEVER while it works */
lc_time lc_idle_look_at(lc_conn *conn);
void lc_idle_look(lc_conn *conn); /* closes the connection when its time has come */
/* At the step cancel: closes a connection that is idle, but has not been silent for long enough. No
 * task works for it, so nothing is cut. Returns whether it is closing now. */
int lc_idle_is_out_of_time(lc_conn *conn);

#endif
