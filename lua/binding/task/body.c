/* task/body.c - the function that a task's coroutine runs.
 *
 * The body runs under lua_pcallk, so that a traceback can be taken where an error is
 * raised, and an error thrown into the coroutine by force is caught in it.
 */
#include "task/body.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "task/suspension.h"
#include "task/task.h"
#include "task/wait.h"

/* Marks the table {error, traceback}, so that it is not mistaken for an error of the script. */
static const char DESCRIBED = 0;

int task_describe_error(lua_State *L)
{
  lua_createtable(L, 2, 1);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, -2, &DESCRIBED);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 1);
  luaL_traceback(L, L, NULL, 1);
  lua_rawseti(L, -2, 2);
  return 1;
}

void task_wrap_error(lua_State *L)
{
  if (lua_istable(L, -1)) {
    int is_described = lua_rawgetp(L, -1, &DESCRIBED) != LUA_TNIL;
    lua_pop(L, 1);
    if (is_described)
      return; /* the error has passed the handler, which stays in force while a coroutine closes */
  }
  lua_createtable(L, 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
}

/* Stack: the message handler, which is also the slot at the base, the function, results. The
 * function is the first result: it says where an ended task was. A handler's function is found with
 * its server, because one value more would double the stacks of many handlers. */
static int body_done(lua_State *L, int status, lua_KContext kept)
{
  task *t = (task *)kept;
  if (t->is_forced && !t->killing) return task_freeze(L, t, kept, body_done);
  t->failed = status != LUA_OK && status != LUA_YIELD;
  return lua_gettop(L) - 1;
}

/* Called with a function and its arguments. Upvalue: the runtime. */
int task_body(lua_State *L)
{
  runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  task *t = rt->current;
  int count = lua_gettop(L) - 1;
  lua_KContext kept = (lua_KContext)t;
  suspension_push_base(L, rt);
  if (!t->is_handler) {
    lua_pushvalue(L, 2);
    lua_insert(L, 2);
  }
  return body_done(L, lua_pcallk(L, count, LUA_MULTRET, 1, kept, body_done), kept);
}
