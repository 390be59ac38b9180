/* subprocess/subprocess.h - child processes as objects. */
#ifndef LC_BINDING_SUBPROCESS_SUBPROCESS_H
#define LC_BINDING_SUBPROCESS_SUBPROCESS_H

#include <lua.h>

typedef struct runtime runtime;

void subprocess_open(lua_State *L, runtime *rt);

#endif
