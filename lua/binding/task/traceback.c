/* task/traceback.c - where a task is, through all of its coroutines. */
#include "task/traceback.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/raise.h"
#include "task/task.h"

/* Leaves out the function of lastcall that asks for it. */
void task_push_traceback(lua_State *L, task *t, unsigned most)
{
  if (!t->has_begun) {
    lua_pushliteral(L, "not begun yet");
    return;
  }
  if (t->extra && t->extra->held != LUA_NOREF) {
    runtime_push_anchored(L, t->rt, t->extra->held);
    return;
  }
  luaL_Buffer text;
  unsigned depth = task_depth(t);
  unsigned left_out = most <= depth ? depth + 1 - most : 0;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  luaL_buffinit(L, &text);
  for (unsigned i = depth; i > left_out; i--) {
    lua_State *inner = t->extra->levels[i - 1].co;
    luaL_traceback(L, inner, i == depth ? NULL : "resumed by", inner == L);
    luaL_addvalue(&text);
    luaL_addchar(&text, '\n');
  }
  if (left_out) {
    lua_pushfstring(L, "resumed by\n\t...\t(%d coroutines)\n", (int)left_out);
    luaL_addvalue(&text);
  }
  luaL_traceback(L, t->co, depth ? "resumed by" : NULL, t->co == L);
  luaL_addvalue(&text);
  luaL_pushresult(&text);
}

/* The innermost coroutine comes first. */
int task_script_frame(lua_State *L, const task *t, lua_Debug *frame)
{
  if (!t->has_begun) return 0;
  for (unsigned i = task_depth(t); i > 0; i--)
    if (find_script_frame(L, t->extra->levels[i - 1].co, 0, frame)) return 1;
  return find_script_frame(L, t->co, 0, frame);
}
