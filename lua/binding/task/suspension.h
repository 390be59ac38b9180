/* task/suspension.h - ends a wait in order when other code closes its coroutine. */
#ifndef LC_BINDING_TASK_SUSPENSION_H
#define LC_BINDING_TASK_SUSPENSION_H

#include <lua.h>

typedef struct runtime runtime;

/* Makes a slot at the base of the running function, below its arguments. It is closed after all
 * others, and is also the message handler: one value more would double the stacks of many
 * coroutines. [0, +1] */
void suspension_push_base(lua_State *L, const runtime *rt);
/* Makes a slot on top, before L yields to the loop. Returns where it lies. [0, +1] */
int suspension_begin(lua_State *L, const runtime *rt);
/* The coroutine goes on: drops that slot, and the values above it. */
void suspension_end(lua_State *L, runtime *rt, int mark);
/* `on_close` is called with the coroutine's stack when the suspension is over, or the coroutine is
 * closed. It is above this file, because only tasks know what a foreign close means. `on_error` is
 * the message handler. */
void suspension_open(lua_State *L, runtime *rt, lua_CFunction on_close, lua_CFunction on_error);

#endif
