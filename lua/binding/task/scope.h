/* task/scope.h - calls that go by another context for their time: ctx:call. */
#ifndef LC_BINDING_TASK_SCOPE_H
#define LC_BINDING_TASK_SCOPE_H

#include <lua.h>

#include "task/context.h"
#include "task/task.h"

/* A call of ctx:call under way: the closing of its slot on the stack ends it, whichever way it is left. While the
 * generator that it was made in is suspended it is set aside, so that it bounds nobody else; its user
 * value is that generator, lest one of the two be collected before the other. */
struct scope {
  task *by; /* whose context it has changed; NULL while it is set aside, or over */
  context *ctx;
  context *before;
  lua_State *co;
  scope *outer; /* of the same task, or set aside with it */
  int is_aside;
};

/* A generator of the task is left, or gone on with: its calls of ctx:call bound nobody meanwhile. */
void scopes_leave(lua_State *L, task *t, lua_State *co);
void scopes_enter(lua_State *L, task *t, lua_State *co);
void scopes_forget(task *t);                           /* it has finished */
void scope_enter(scope *now, task *t);                 /* the task goes by its context */
void scope_end(lua_State *L, runtime *rt, scope *now); /* it is left for good, wherever it is */
void scopes_open(lua_State *L);

#endif
