/* task/run.h - resumes tasks, finishes them, and kills them. */
#ifndef LC_BINDING_TASK_RUN_H
#define LC_BINDING_TASK_RUN_H

#include <lua.h>

#include "task/task.h"

int task_run_ready(runtime *rt); /* runs one share; returns whether more are ready */
void task_kill(lua_State *L, task *t);
/* Kills the chosen tasks, and those that a dying one starts; not the running one, nor one that is
 * closing. */
void tasks_kill(lua_State *L, runtime *rt, int (*is_meant)(const task *t, const void *whose),
                const void *whose);

#endif
