/* context/current.c - the caller's context. */
#include "context/current.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "task/context.h"
#include "task/task.h"

context *context_push_current(lua_State *L, runtime *rt)
{
  context *ctx = rt->current ? task_context(L, rt->current) : rt->contexts->process;
  if (!context_push(L, ctx)) luaL_error(L, "lastcall: the context of a connection that is gone");
  return ctx;
}
