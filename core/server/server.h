/* server.h - a server as those above it see it. */
#ifndef LC_SERVER_H
#define LC_SERVER_H

#include "server/inside.h"

/* The process is about to end in mid-work: its end then resets each connection, so that no part of a reply looks like
 * a whole one. */
void lc_server_reset_at_exit(lc_server *server);

#endif
