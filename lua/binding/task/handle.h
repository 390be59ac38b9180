/* task/handle.h - the script's object for a task. */
#ifndef LC_BINDING_TASK_HANDLE_H
#define LC_BINDING_TASK_HANDLE_H

#include <lua.h>

#include "task/task.h"

/* task_start, and pushes the task's handle: returns 1. `object`: where the context's object lies; 0 when the context is
 * held. */
int task_go(lua_State *L, runtime *rt, owner *by, context *ctx, int object, int count);
const char *task_status_name(const task *t); /* of one that has not finished */

#endif
