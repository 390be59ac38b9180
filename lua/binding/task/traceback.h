/* task/traceback.h - where a task is, through all of its coroutines. */
#ifndef LC_BINDING_TASK_TRACEBACK_H
#define LC_BINDING_TASK_TRACEBACK_H

#include <limits.h>
#include <lua.h>

#include "task/task.h"

#define TASK_WHOLE UINT_MAX
/* Shows a limited number of its nested coroutines: the innermost ones, and the outermost [0,
 * +1]. */
void task_push_traceback(lua_State *L, task *t, unsigned most);
/* The innermost frame of the script in it, with its line; 0 when there is none. `L` has room for a
 * value. */
int task_script_frame(lua_State *L, const task *t, lua_Debug *frame);

#endif
