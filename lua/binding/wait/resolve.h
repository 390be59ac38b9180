/* wait/resolve.h - look-ups of names. */
#ifndef LC_BINDING_WAIT_RESOLVE_H
#define LC_BINDING_WAIT_RESOLVE_H

#include <lua.h>

typedef struct runtime runtime;

void resolve_open(lua_State *L, runtime *rt);

#endif
