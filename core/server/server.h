/* server.h - what the process's part of the core calls of a server. */
#ifndef LC_SERVER_H
#define LC_SERVER_H

#include "server/inside.h"

/* The process is about to end in the middle of its work: the kernel then resets each connection, so
 * that no part of a reply looks like a whole one. */
void lc_server_reset_at_exit(lc_server *server);

#endif
