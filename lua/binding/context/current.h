/* context/current.h - the caller's context. */
#ifndef LC_BINDING_CONTEXT_CURRENT_H
#define LC_BINDING_CONTEXT_CURRENT_H

#include <lua.h>

typedef struct runtime runtime;

typedef struct context context;

context *context_push_current(lua_State *L, runtime *rt); /* the caller's context [0, +1] */

#endif
