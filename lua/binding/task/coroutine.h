/* task/coroutine.h - coroutines that know tasks. */
#ifndef LC_BINDING_TASK_COROUTINE_H
#define LC_BINDING_TASK_COROUTINE_H

#include <lua.h>

#include "task/task.h"

/* Closes the coroutines nested in the task, innermost first, then its own. Returns a status. */
int task_close_coroutines(lua_State *L, task *t);
/* The same down to the coroutine `L`, which other code closes. Returns a status; unless it is
 * LUA_OK, the last error lies at the top. */
int coroutine_close_nested(lua_State *L, task *t);
/* Whether other code is closing it, so that its <close> variables run. They may have turned the
 * loop. */
int coroutine_is_closing(lua_State *co);
void coroutine_forget(task *t); /* the task has ended: its own coroutine is no longer busy */

#endif
