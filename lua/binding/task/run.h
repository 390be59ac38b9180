/* task/run.h - resuming tasks, how they finish, and how they are killed. */
#ifndef LC_BINDING_TASK_RUN_H
#define LC_BINDING_TASK_RUN_H

#include <lua.h>

#include "task/task.h"

int task_run_ready(runtime *rt); /* one share; whether more are ready */
void task_kill(lua_State *L, task *t);
/* Those that are meant, but the one that runs and any whose coroutine is being closed; those too that a dying one starts. */
void tasks_kill(lua_State *L, runtime *rt, int (*is_meant)(const task *t, const void *whose),
                const void *whose);

#endif
