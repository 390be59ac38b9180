/* conn/adopt.h - connections of descriptors that the script was given. */
#ifndef LC_BINDING_CONN_ADOPT_H
#define LC_BINDING_CONN_ADOPT_H

#include <lua.h>

#include "conn/box.h"

/* Why an end of a pipe has no heartbeat. */
#define ONE_WAY "an end of a pipe goes one way, so its peer cannot answer a heartbeat"

void adopt_open(lua_State *L, runtime *rt);

#endif
