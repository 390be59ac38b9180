/* task/foreign.h - a suspended coroutine that is closed by means that we are not told of. */
#ifndef LC_BINDING_TASK_FOREIGN_H
#define LC_BINDING_TASK_FOREIGN_H

#include <lua.h>

typedef struct runtime runtime;

void foreign_open(lua_State *L, runtime *rt);

#endif
