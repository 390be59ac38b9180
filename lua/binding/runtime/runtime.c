/* runtime/runtime.c - one loop for each Lua state, its anchors, and calls into the script between turns. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "sys/sys.h"

static const char RUNTIME_KEY = 0;
static const char RUNTIME_TYPE[] = "lastcall.runtime";

/* A light userdata in the registry under this name is used as the operating system: for tests. */
static const char SYS_KEY[] = "lastcall.sys";

void runtime_check(lua_State *L, const runtime *rt)
{
  if (!rt)
    raise_error(
      L, "lastcall: what this call is for has been collected; a finalizer cannot use it any more");
  if (!rt->loop) raise_error(L, "lastcall: its loop has ended with the Lua state");
}

runtime *runtime_upvalue(lua_State *L)
{
  runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  runtime_check(L, rt);
  return rt;
}

/* ------------------------------------------------------------------ anchors -- */

int runtime_anchor(lua_State *L, runtime *rt)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
  lua_insert(L, -2);
  int anchor = luaL_ref(L, -2);
  lua_pop(L, 1);
  return anchor;
}

void runtime_release(runtime *rt, int anchor)
{
  if (anchor == LUA_NOREF || anchor == LUA_REFNIL || !lua_checkstack(rt->L, 3)) return;
  lua_rawgeti(rt->L, LUA_REGISTRYINDEX, rt->anchors);
  luaL_unref(rt->L, -1, anchor);
  lua_pop(rt->L, 1);
}

void runtime_push_anchored(lua_State *L, runtime *rt, int anchor)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
  lua_rawgeti(L, -1, anchor);
  lua_remove(L, -2);
}

/* ---------------------------------------------------------------- protection -- */

void runtime_protect(runtime *rt, lua_CFunction function, void *argument)
{
  runtime_protect_on(rt->L, rt, function, argument);
}

void runtime_protect_on(lua_State *L, runtime *rt, lua_CFunction function, void *argument)
{
  if (!lua_checkstack(L, 8)) return;
  lua_pushcfunction(L, function);
  lua_pushlightuserdata(L, argument);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
  const char *message = lua_tostring(L, -1);
  rt->trouble = message ? "an error in lastcall's own callback" : "an error that is not a string";
  lua_warning(L, "lastcall: ", 1);
  lua_warning(L, message ? message : rt->trouble, 0);
  lua_pop(L, 1);
}

void runtime_protect_script(runtime *rt, lua_CFunction function, void *argument)
{
  int outermost = !rt->innermost; /* else it is part of what is watched already */
  lc_work before = LC_WORK_NONE;
  if (outermost) before = interrupt_enter(rt, rt->L, LC_WORK_SCRIPT);
  runtime_protect(rt, function, argument);
  if (!outermost) return;
  rt->innermost = NULL;
  interrupt_work_done(rt, NULL);
  lc_loop_enter(rt->loop, before);
}

static int turn(void *user)
{
  runtime *rt = user;
  turn_share_begin(rt);
  callbacks_run(rt);
  turn_share_begin(rt);
  int more = task_run_ready(rt);
  if (!rt->turn_over) callbacks_run(rt);
  return more || callbacks_wait(rt);
}

/* ---------------------------------------------------------- birth and death -- */

static int runtime_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  runtime *rt = lua_touserdata(L, 1);
  lc_loop *loop = rt->loop;
  rt->L = L;
  if (!loop) return 0;
  lc_shutdown_free(rt->shutdown);
  task_pool_free(rt);
  polls_free(rt);
  conn_forget_leaks(rt);
  callbacks_free(rt);
  works_free(rt);
  allocator_end(L, rt); /* the state is closed in the midst of a run */
  signals_close(rt);
  descriptors_put_back(rt);
  rt->loop = NULL; /* finalizers that come later find nothing to touch */
  lc_loop_free(loop);
  return 0;
}

static const lc_sys *chosen_sys(lua_State *L)
{
  lua_getfield(L, LUA_REGISTRYINDEX, SYS_KEY);
  const lc_sys *sys = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return sys;
}

static int new_table_reference(lua_State *L)
{
  lua_newtable(L);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static runtime *runtime_new(lua_State *L)
{
  int error = 0;
  runtime *rt = lua_newuserdatauv(L, sizeof *rt, 0);
  *rt = (runtime){.process_anchor = LUA_NOREF,
                  .next_callback = 1,
                  .stragglers = {.table = LUA_NOREF, .others = LUA_NOREF}};
  lc_list_init(&rt->ready);
  lc_list_init(&rt->pool);
  lc_list_init(&rt->preempted);
  lc_list_init(&rt->tasks);
  rt->next_to_kill = &rt->tasks;
  lc_list_init(&rt->ending);
  lc_list_init(&rt->works);
  lc_list_init(&rt->lost_works);
  lc_list_init(&rt->process_waiters);
  lc_list_init(&rt->descriptor_waits);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  rt->L = lua_tothread(L, -1);
  lua_pop(L, 1);
  new_type(L, RUNTIME_TYPE);
  lua_pushcfunction(L, runtime_collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  rt->limit = rt->least_block = rt->max_block = LC_NEVER;
  rt->sys = chosen_sys(L) ? chosen_sys(L) : lc_sys_linux();
  rt->loop = lc_loop_new(rt->sys, &error);
  if (!rt->loop) luaL_error(L, "lastcall: no loop: %s", lc_code_text(error));
  rt->outbound = conn_new_outbound(rt);
  if (!rt->outbound) luaL_error(L, "lastcall: not enough memory");
  rt->anchors = new_table_reference(L);
  rt->callbacks = new_table_reference(L);
  rt->hooks = new_table_reference(L);
  rt->busy = new_table_reference(L);
  lc_loop_on_turn(rt->loop, turn, rt);
  return rt;
}

runtime *runtime_get(lua_State *L)
{
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &RUNTIME_KEY) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    runtime_new(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &RUNTIME_KEY);
  }
  runtime *rt = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return rt;
}
