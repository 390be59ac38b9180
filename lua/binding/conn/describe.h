/* conn/describe.h - the facts about a connection, as a table for scripts. */
#ifndef LC_BINDING_CONN_DESCRIBE_H
#define LC_BINDING_CONN_DESCRIBE_H

#include <lua.h>

#include "lastcall.h"

/* Fills a Lua table at the top with id, peer, state, age, quiet, received, sent, unsent,
 * unacked. */
void conn_describe(lua_State *L, const lc_conn *conn);

#endif
