/* context/process.h - the contexts of a process. */
#ifndef LC_BINDING_CONTEXT_PROCESS_H
#define LC_BINDING_CONTEXT_PROCESS_H

#include <lua.h>

typedef struct runtime runtime;

/* The context that process-owned tasks live in; a run that has ended leaves an ended one behind. */
void process_context_new(lua_State *L, runtime *rt);
void context_open_process(lua_State *L, runtime *rt);

#endif
