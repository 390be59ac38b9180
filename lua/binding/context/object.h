/* context/object.h - contexts as scripts have them. */
#ifndef LC_BINDING_CONTEXT_OBJECT_H
#define LC_BINDING_CONTEXT_OBJECT_H

#include <lua.h>

typedef struct runtime runtime;
typedef struct context context;

/* Methods, or functions, into the table at the top. */
void context_open_tasks(lua_State *L, runtime *rt);
void context_open_narrowing(lua_State *L, runtime *rt);
void context_open_making(lua_State *L, runtime *rt);
void context_open(lua_State *L, runtime *rt); /* module functions into the table at the top */
/* The context that process-owned tasks live in; a run that has ended leaves an ended one behind. */
void process_context_new(lua_State *L, runtime *rt);
void context_open_process(lua_State *L, runtime *rt);
context *context_push_current(lua_State *L, runtime *rt); /* what the caller goes by [0, +1] */

#endif
