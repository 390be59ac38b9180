/* state.h - whether a server is done, and what is to be called when it may be. */
#ifndef LC_SERVER_STATE_H
#define LC_SERVER_STATE_H

#include "server/inside.h"

/* Whether a server that drains has no listener, connection or task left. */
int lc_server_is_done(const lc_server *server);
/* Whether a retiring server has nothing left, before its ladder has begun. */
int lc_server_is_retired(const lc_server *server);
/* A part of the server has ended, perhaps the last one. The ladder looks later in this turn or in
 * the next. */
void lc_server_check(lc_server *server);
/* Whether handshakes may be under way at a listener. */
int lc_server_is_settling(const lc_server *server);
/* The silence of connections that have sent nothing may have an end from now on: a drain looks at
 * all of them again. */
void lc_server_look_again(lc_server *server);

#endif
