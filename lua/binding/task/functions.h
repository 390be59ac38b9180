/* task/functions.h - the functions of tasks for scripts: each of these registers some into the
 * table at the top. */
#ifndef LC_BINDING_TASK_FUNCTIONS_H
#define LC_BINDING_TASK_FUNCTIONS_H

#include <lua.h>

typedef struct runtime runtime;

void sleep_open(lua_State *L, runtime *rt);
void task_open_handles(lua_State *L, runtime *rt);
void task_open_looking(lua_State *L, runtime *rt);
void coroutine_open(lua_State *L, runtime *rt);
void foreign_open(lua_State *L,
                  runtime *rt); /* none; but what a foreign close of a task's coroutine does */

#endif
