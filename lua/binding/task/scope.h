/* task/scope.h - ctx:call: calls that use another context while they run. */
#ifndef LC_BINDING_TASK_SCOPE_H
#define LC_BINDING_TASK_SCOPE_H

#include <lua.h>

#include "task/context.h"
#include "task/task.h"

/* A ctx:call under way. The close of its slot on the stack ends it, however the call is left. While
 * the generator that made it is suspended, the call is set aside, so that it bounds no other code.
 * Its user value is that generator, so that neither of the two is collected before the other. */
struct scope {
  task *by; /* the task whose context it has changed; NULL while it is set aside, or over */
  context *ctx;
  context *before;
  lua_State *co;
  scope *outer; /* of the same task, or set aside with it */
  int is_aside;
};

/* The task leaves a generator, or goes on with it: in between, the generator's calls of ctx:call
 * bound no code. */
void scopes_leave(lua_State *L, task *t, lua_State *co);
void scopes_enter(lua_State *L, task *t, lua_State *co);
void scopes_forget(task *t);                           /* the task has finished */
void scope_enter(scope *now, task *t);                 /* the task uses its context */
void scope_end(lua_State *L, runtime *rt, scope *now); /* the call is left for good */
void scopes_open(lua_State *L);

#endif
