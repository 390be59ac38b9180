/* process/process.h - runs the loop, the process's ladder, and its tasks; and what the process was
 * given. */
#ifndef LC_BINDING_PROCESS_PROCESS_H
#define LC_BINDING_PROCESS_PROCESS_H

#include <lua.h>

typedef struct runtime runtime;

void process_open(lua_State *L, runtime *rt); /* run, step, shutdown */
void process_open_tasks(lua_State *L, runtime *rt);
void process_open_aside(lua_State *L, runtime *rt);
void environment_open(lua_State *L, runtime *rt);
void folder_open(lua_State *L, runtime *rt);
void line_open(lua_State *L, runtime *rt); /* the line between a supervisor and its worker */

#endif
