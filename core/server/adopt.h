/* adopt.h - makes a connection of a descriptor, and removes one from the server. */
#ifndef LC_ADOPT_H
#define LC_ADOPT_H

#include "server/inside.h"

/* Returns a spare connection, or NULL for lack of memory. */
lc_conn *lc_server_spare(lc_server *server);
/* Makes the spare the connection of a descriptor that was accepted or is connecting. */
int lc_server_adopt(lc_server *server, int fd, const lc_address *peer, lc_conn **conn);
/* Removes a connection from the registry, and drops the server's reference. */
void lc_server_lose(lc_server *server, lc_conn *conn);

#endif
