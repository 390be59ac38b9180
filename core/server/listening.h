/* listening.h - the listeners of a server: it is their owner, and hands out their connections. */
#ifndef LC_LISTENING_H
#define LC_LISTENING_H

#include "server/inside.h"

void lc_listening_init(lc_server *server);
void lc_listening_free(lc_server *server);
void lc_listening_stop(lc_server *server);     /* each listener begins to stop, at once */
void lc_listening_stop_now(lc_server *server); /* ends the stops under way */
void lc_listening_unhold(lc_server *server);   /* there may be room for clients that wait */

#endif
