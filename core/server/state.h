/* state.h - where a server stands, for all its files. */
#ifndef LC_SERVER_STATE_H
#define LC_SERVER_STATE_H

#include "server/inside.h"

/* Nothing is left of a server that drains: no listener, connection, or task. */
int lc_server_is_done(const lc_server *server);
/* Its last listener may be stopped, and nothing is left of it: the ladder has not begun. */
int lc_server_is_retired(const lc_server *server);
/* Something has ended, perhaps the last thing: the ladder looks, a moment later. */
void lc_server_check(lc_server *server);
/* A listener has been closed, perhaps the last one: the silence of those that never spoke has an end now. */
void lc_server_settled(lc_server *server);

#endif
