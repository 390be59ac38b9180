/* wait/spot.h - a place where one task waits until another brings a value. */
#ifndef LC_BINDING_WAIT_SPOT_H
#define LC_BINDING_WAIT_SPOT_H

#include <lua.h>

typedef struct runtime runtime;

void spot_open(lua_State *L, runtime *rt);

#endif
