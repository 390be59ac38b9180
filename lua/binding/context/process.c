/* context/process.c - the contexts of a process: one for its tasks, and one that never ends. */
#include "context/process.h"

#include <lua.h>

#include "runtime/runtime.h"
#include "task/context.h"

/* The context of process-owned tasks. After the end of a run it is an ended one. */
void process_context_new(lua_State *L, runtime *rt)
{
  context *before = rt->contexts->process;
  int anchor = rt->contexts->process_anchor;
  rt->contexts->process = context_new(L, rt, NULL);
  context_hold_object(L, -1);
  rt->contexts->process_anchor = runtime_anchor(L, rt);
  if (before) context_unhold(before);
  runtime_release(rt, anchor);
}

void context_open_process(lua_State *L, runtime *rt)
{
  process_context_new(L, rt);
  rt->contexts->background = context_new(L, rt, NULL);
  context_hold_object(L, -1);
  rt->contexts->background_anchor = runtime_anchor(L, rt);
}
