/* conn/closing_wait.h - waiting for the end of a connection that closes. */
#ifndef LC_BINDING_CONN_CLOSING_WAIT_H
#define LC_BINDING_CONN_CLOSING_WAIT_H

#include <lua.h>

#include "conn/box.h"

/* Whether the running task may wait for it. To be asked before the closing begins, which may end
 * the task's context. */
int conn_may_await_end(lua_State *L, const conn_box *box);
/* Stack: the connection, at 1. What conn:close returns, after a wait if there is to be one. */
int conn_await_end(lua_State *L, conn_box *box, int waits);

#endif
