/* conn/events.h - events of a connection in the core. */
#ifndef LC_BINDING_CONN_EVENTS_H
#define LC_BINDING_CONN_EVENTS_H

#include <lua.h>

#include "conn/box.h"

/* Logs how the connection ended, unless it ended in order. */
void conn_log_failure(runtime *rt, const server_base *server, lc_conn *conn);
int conn_on_ready(lc_conn *conn, unsigned what); /* 0: it has no object, or no longer */
void conn_on_closed(lc_conn *conn);
void conn_on_draining(lc_conn *conn);
void conn_cancel(lc_conn *conn);

#endif
