/* context/methods.h - contexts for scripts. */
#ifndef LC_BINDING_CONTEXT_METHODS_H
#define LC_BINDING_CONTEXT_METHODS_H

#include <lua.h>

typedef struct runtime runtime;

/* Each adds methods, or functions, to the table at the top. */
void context_open_tasks(lua_State *L, runtime *rt);
void context_open_narrowing(lua_State *L, runtime *rt);
void context_open_making(lua_State *L, runtime *rt);
void context_open(lua_State *L, runtime *rt); /* module functions into the table at the top */

#endif
