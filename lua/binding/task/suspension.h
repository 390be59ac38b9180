/* task/suspension.h - how a wait ends in order when somebody else closes its coroutine. */
#ifndef LC_BINDING_TASK_SUSPENSION_H
#define LC_BINDING_TASK_SUSPENSION_H

#include <lua.h>

typedef struct runtime runtime;

/* A slot at the base of the function that runs, below its arguments. It is closed after all that lies above it, and is
 * a message handler, too: one value more would make the stacks of many coroutines twice as large. [0, +1] */
void suspension_push_base(lua_State *L);
/* A slot on top, before L yields to the loop; where it lies. [0, +1] */
int suspension_begin(lua_State *L);
/* It goes on: drops that, and what lies above it. */
void suspension_end(lua_State *L, runtime *rt, int mark);
/* `on_close` is called with the coroutine's stack when the suspension is over, or the coroutine is closed. It is above
 * this file, for what to do about a coroutine that somebody else closes, tasks know. `on_error` is the handler. */
void suspension_open(lua_State *L, runtime *rt, lua_CFunction on_close, lua_CFunction on_error);

#endif
