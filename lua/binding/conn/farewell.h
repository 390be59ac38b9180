/* conn/farewell.h - how the server closes a connection. */
#ifndef LC_BINDING_CONN_FAREWELL_H
#define LC_BINDING_CONN_FAREWELL_H

#include <lua.h>

#include "conn/box.h"

/* Closes in order, with the farewell. */
void conn_dismiss(lua_State *L, conn_box *box, const char *cause);
int conn_has_farewell(const conn_box *box); /* its own, or the server's */
/* The handler has ended: closes in order, with the farewell if the ladder is the reason; resets if
 * it was killed. */
void conn_finished(owner *by, task *t);

#endif
