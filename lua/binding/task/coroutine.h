/* task/coroutine.h - coroutines that know of tasks. */
#ifndef LC_BINDING_TASK_COROUTINE_H
#define LC_BINDING_TASK_COROUTINE_H

#include <lua.h>

#include "task/task.h"

/* Closes what is nested in it, innermost first, then its own coroutine; a status. */
int task_close_coroutines(lua_State *L, task *t);
/* The same down to the coroutine `L`, which somebody else closes. A status, other than LUA_OK with the
 * last error at the top. */
int coroutine_close_nested(lua_State *L, task *t);
/* Whether its <close> variables run, called by somebody else who is closing it. They may have turned the loop. */
int coroutine_is_closing(lua_State *co);
/* Closes `co` in any state but that one, and ends what waits for it: a status, as lua_resetthread. */
int coroutine_close_told(lua_State *L, runtime *rt, lua_State *co);
void coroutine_forget(task *t); /* it has ended: its own coroutine is busy no more */

#endif
