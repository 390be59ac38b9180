/* idle.h - who is closed as idle by a drain, and when. */
#ifndef LC_IDLE_H
#define LC_IDLE_H

#include "server/inside.h"

lc_time lc_idle_look_at(lc_conn *conn); /* when the ladder may close it; LC_NEVER while it works */
void lc_idle_look(lc_conn *conn);       /* closes it when its time has come */

#endif
