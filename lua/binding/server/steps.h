/* server/steps.h - what a step of the ladder does to each connection, and then to the server's
 * other tasks. */
#ifndef LC_BINDING_SERVER_STEPS_H
#define LC_BINDING_SERVER_STEPS_H

#include "lastcall.h"

void server_on_reached(lc_conn *conn, lc_step step, void *user);
int server_on_reached_all(lc_server *server, lc_step step, void *user);

#endif
