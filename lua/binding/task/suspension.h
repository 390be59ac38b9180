/* task/suspension.h - what lies on top of a coroutine's stack while it is suspended for the loop. */
#ifndef LC_BINDING_TASK_SUSPENSION_H
#define LC_BINDING_TASK_SUSPENSION_H

#include <lua.h>

typedef struct runtime runtime;

/* Before L yields to the loop; where the stack then ends. [0, +1] */
int suspension_begin(lua_State *L);
/* It goes on: drops that, and what lies above it. */
void suspension_end(lua_State *L, runtime *rt, int mark);
/* `on_close` is called with the coroutine's stack when the suspension is over, or the coroutine is closed. It is above
 * this file, for what to do about a coroutine that somebody else closes, tasks know. */
void suspension_open(lua_State *L, runtime *rt, lua_CFunction on_close);

#endif
