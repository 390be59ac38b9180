/* describe.h - what a connection has agreed on with its peer, as a table for scripts. */
#ifndef TLS_DESCRIBE_H
#define TLS_DESCRIBE_H

#include <lua.h>

#include "ssl/inside.h"

void tls_describe(lua_State *L, const tls_state *state); /* [0, +1] */

#endif
