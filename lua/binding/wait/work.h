/* wait/work.h - guards of work that belongs to no connection. */
#ifndef LC_BINDING_WAIT_WORK_H
#define LC_BINDING_WAIT_WORK_H

#include <lua.h>

typedef struct runtime runtime;

void works_open(lua_State *L, runtime *rt);
void work_open(lua_State *L, runtime *rt);
void works_guard_shutdown(runtime *rt);          /* held guards also hold a new ladder */
void works_note_held(lua_State *L, runtime *rt); /* among the process's stragglers */
/* Appends `most` of the held guards to the array at the top. Returns how many are held. */
lua_Integer works_push(lua_State *L, runtime *rt, lua_Integer most);
void works_tell_lost(runtime *rt); /* logs the guards that were collected while held */
void works_free(runtime *rt);

#endif
