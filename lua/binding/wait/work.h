/* wait/work.h - guards of work that no connection stands for. */
#ifndef LC_BINDING_WAIT_WORK_H
#define LC_BINDING_WAIT_WORK_H

#include <lua.h>

typedef struct runtime runtime;

void works_open(lua_State *L, runtime *rt);
void work_open(lua_State *L, runtime *rt);
void works_guard_shutdown(runtime *rt);          /* those that are held hold a new ladder too */
void works_note_held(lua_State *L, runtime *rt); /* among the process's stragglers */
/* Into the array at the top, `most` of those that are held; how many there are. */
lua_Integer works_push(lua_State *L, runtime *rt, lua_Integer most);
void works_tell_lost(runtime *rt); /* the log: those that were collected while held */
void works_free(runtime *rt);

#endif
