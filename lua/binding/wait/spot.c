/* wait/spot.c - a place where one task waits until another brings a value.
 *
 *   fresh ----> waiting ----> taken
 *     |            `--------> gone    (canceled, timed out, killed)
 *     |---------> taken               (the value came first)
 *     `---------> gone                (the caller cannot wait)
 *
 * Channels, semaphores, wait groups and select are written in Lua on top of it.
 * A spot is used once. It keeps the value, so that a task that is
 * woken and canceled in the same moment still gets it.
 */
#include "wait/spot.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "task/task.h"
#include "task/wait.h"

static const char SPOT_TYPE[] = "lastcall.spot";

typedef enum spot_state { SPOT_FRESH, SPOT_WAITING, SPOT_TAKEN, SPOT_GONE } spot_state;

/* User values: the two arguments of wake. */
typedef struct spot {
  task *waiting; /* NULL unless SPOT_WAITING */
  spot_state state;
} spot;

static int spot_new(lua_State *L)
{
  spot *here = lua_newuserdatauv(L, sizeof *here, 2);
  *here = (spot){NULL, SPOT_FRESH};
  luaL_setmetatable(L, SPOT_TYPE);
  return 1;
}

static void leave(task *t)
{
  spot *here = t->wait_object;
  here->waiting = NULL;
  if (here->state == SPOT_WAITING) here->state = SPOT_GONE;
}

static int wait_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  const spot *here = lua_touserdata(L, 1);
  task *t = runtime_upvalue(L)->current;
  if (here->state == SPOT_TAKEN) {
    lua_getiuservalue(L, 1, 1);
    lua_getiuservalue(L, 1, 2);
    return 2;
  }
  int ended = task_ended(t);
  if (ended) task_failed(t);
  return push_failure(L, ended ? ended : LC_TIMEOUT, NULL, lua_tostring(L, 2));
}

/* spot:wait(what, seconds, at_rest): the arguments of wake, or nil, code, message. */
static int spot_wait(lua_State *L)
{
  spot *here = check_object(L, 1, SPOT_TYPE);
  runtime *rt = runtime_upvalue(L);
  spot_state was = here->state;
  if (was == SPOT_FRESH)
    here->state = SPOT_GONE; /* also when one of these raises: then no task waits here */
  const char *what = check_string(L, 2); /* the stack of the waiting task keeps it alive */
  lc_time seconds = optional_seconds(L, 3);
  int at_rest = lua_toboolean(L, 4);
  task *t = task_current(L, rt, what);
  lua_settop(L, 2);
  if (was == SPOT_TAKEN) return wait_done(L, LUA_OK, 0);
  check_that(L, was == SPOT_FRESH, 1, "has been used already");
  if (task_ended(t) || seconds <= 0)
    return task_is_spent(t) ? task_yield(L, t, 0, wait_done) : wait_done(L, LUA_OK, 0);
  here->waiting = t;
  here->state = SPOT_WAITING;
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  t->at_rest = (unsigned)at_rest & 1u;
  return task_suspend(L, t, what, here, leave, 0, wait_done);
}

/* spot:wake(value, value): false if no task waits here any more, or another wake came first. */
static int spot_wake(lua_State *L)
{
  spot *here = check_object(L, 1, SPOT_TYPE);
  runtime_check(L, runtime_upvalue(L));
  int is_free = here->state <= SPOT_WAITING;
  if (is_free) {
    lua_settop(L, 3);
    lua_setiuservalue(L, 1, 2);
    lua_setiuservalue(L, 1, 1);
    here->state = SPOT_TAKEN;
    if (here->waiting) task_wake(here->waiting, 0);
  }
  lua_pushboolean(L, is_free);
  return 1;
}

/* spot:is_free(): whether wake would have an effect. */
static int spot_is_free(lua_State *L)
{
  const spot *here = check_object(L, 1, SPOT_TYPE);
  lua_pushboolean(L, here->state <= SPOT_WAITING);
  return 1;
}

void spot_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"wait", spot_wait}, {"wake", spot_wake}, {"is_free", spot_is_free}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"spot", spot_new}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  new_type(L, SPOT_TYPE);
  lua_newtable(L);
  register_functions(L, rt, "spot:", methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
