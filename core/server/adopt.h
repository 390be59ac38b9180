/* adopt.h - a descriptor becomes a connection of the server, and a connection leaves it. */
#ifndef LC_ADOPT_H
#define LC_ADOPT_H

#include "server/inside.h"

/* A spare connection, or NULL for lack of memory. */
lc_conn *lc_server_spare(lc_server *server);
/* The spare becomes the connection of a descriptor just accepted or connecting. */
int lc_server_adopt(lc_server *server, int fd, const lc_address *peer, lc_conn **conn);
/* Takes a connection out of the registry, and drops the server's reference. */
void lc_server_lose(lc_server *server, lc_conn *conn);

#endif
