/* task/body.c - the function that a task's coroutine runs.
 *
 * The body runs under lua_pcallk, so that a traceback can be taken where an error is
 * raised, and an error thrown into the coroutine by force is caught in it.
 *
 *   task_body ----> run ----> body_done ----> the coroutine returns
 *                    ^            |
 *                    `- next_body <   it rests: the next task of the coroutine goes on here
 *
 * The coroutine of a handler rests suspended in its body. To return, and to begin the body and its
 * slot anew, would take 400 instructions more for each connection and request.
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

static int next_body(lua_State *L, int status, lua_KContext kept);

/* Stack: the message handler, which is also the slot at the base, the function, results. The
 * function is the first result: it says where an ended task was. A handler's function is found with
 * its server, because one value more would double the stacks of many handlers. */
static int body_done(lua_State *L, int status, lua_KContext kept)
{
  task *t = (task *)kept;
  if (t->is_forced && !t->killing) return task_freeze(L, t, kept, body_done);
  t->failed = status != LUA_OK && status != LUA_YIELD;
  int count = lua_gettop(L) - 1;
  if (!t->is_handler || t->is_exposed)
    return count; /* a script that has seen it is to see it dead */
  t->rests = 1;
  return lua_yieldk(L, count, 0, next_body);
}

/* Stack: the slot, a function and its arguments. */
static int run(lua_State *L, task *t)
{
  int count = lua_gettop(L) - 2;
  lua_KContext kept = (lua_KContext)t;
  if (!t->is_handler) {
    lua_pushvalue(L, 2);
    lua_insert(L, 2);
  }
  return body_done(L, lua_pcallk(L, count, LUA_MULTRET, 1, kept, body_done), kept);
}

/* Other code that resumes a coroutine at rest gets nothing. Its last task may be gone. */
static int next_body(lua_State *L, int status, lua_KContext kept)
{
  const runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  (void)status;
  if (!rt->current || rt->current->co != L || !rt->current->rests) {
    lua_settop(L, 1);
    return lua_yieldk(L, 0, kept, next_body);
  }
  rt->current->rests = 0;
  return run(L, rt->current);
}

/* Called with a function and its arguments. Upvalue: the runtime. */
int task_body(lua_State *L)
{
  const runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  suspension_push_base(L, rt);
  return run(L, rt->current);
}
