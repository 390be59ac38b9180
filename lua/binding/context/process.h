/* context/process.h - the contexts of a process. */
#ifndef LC_BINDING_CONTEXT_PROCESS_H
#define LC_BINDING_CONTEXT_PROCESS_H

#include <lua.h>

typedef struct runtime runtime;

/* The context of process-owned tasks. After the end of a run it is an ended one. */
void process_context_new(lua_State *L, runtime *rt);
void context_open_process(lua_State *L, runtime *rt);

#endif
