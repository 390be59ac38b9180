/* task/body.h - the function that a task's coroutine runs. */
#ifndef LC_BINDING_TASK_BODY_H
#define LC_BINDING_TASK_BODY_H

#include <lua.h>

int task_body(lua_State *L); /* what a task's coroutine runs: a function and its arguments */
int task_describe_error(
  lua_State *L); /* the message handler: as a method, the error is its second argument */
/* Puts the error at the top of L into a table {error}, unless it has passed the message handler. An
 * error for lack of memory, or in a __close, has not. */
void task_wrap_error(lua_State *L);

#endif
