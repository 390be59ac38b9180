/* module/birth.c - the runtime of a Lua state: made when the module is loaded, ended with the
 * state. */
#include "module/birth.h"

#include <lauxlib.h>
#include <lua.h>

#include "conn/box.h"
#include "conn/connect.h"
#include "conn/leaks.h"
#include "conn/staying.h"
#include "conn/stragglers.h"
#include "http/methods.h"
#include "runtime/allocator.h"
#include "runtime/callbacks.h"
#include "runtime/calling.h"
#include "runtime/descriptors.h"
#include "runtime/runtime.h"
#include "runtime/signals.h"
#include "runtime/turn.h"
#include "runtime/watched.h"
#include "script/register.h"
#include "server/moves.h"
#include "sys/sys.h"
#include "task/context.h"
#include "task/run.h"
#include "wait/poll.h"
#include "wait/selecting.h"
#include "wait/work.h"

static const char RUNTIME_TYPE[] = "lastcall.runtime";

/* For tests: a light userdata in the registry under this name replaces the operating system. */
static const char SYS_KEY[] = "lastcall.sys";

static int turn(void *user)
{
  runtime *rt = user;
  turn_share_begin(rt, "callbacks");
  if (callbacks_wait(rt)) callbacks_run(rt);
  turn_share_begin(rt, "tasks");
  int more = task_run_ready(rt);
  if (!rt->turn.is_over && callbacks_wait(rt)) callbacks_run(rt);
  http_end_turn(rt);
  return more || callbacks_wait(rt);
}

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
  conn_forget_staying(rt);
  moves_free(rt);
  works_free(rt);
  allocator_end(L, rt); /* the state is closed during a run */
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

/* Runs before the loop exists: one of them may raise for lack of memory, and then nothing has to be
 * ended. */
static void make_parts(lua_State *L, runtime *rt)
{
  rt->anchors = new_table_reference(L);
  rt->calls =
    (callbacks){.queue = new_table_reference(L), .hooks = new_table_reference(L), .next = 1};
  rt->limits = (limits){.max_block = LC_NEVER, .least_block = LC_NEVER, .end_at = LC_NEVER};
  rt->conns = runtime_part(L, sizeof *rt->conns);
  tasks_open(L, rt);
  contexts_open(L, rt);
  works_open(L, rt);
  polls_open(L, rt);
  selects_open(L, rt);
  servers_open(L, rt);
  stragglers_open_process(L, rt);
}

static runtime *runtime_new(lua_State *L)
{
  int error = 0;
  runtime *rt = lua_newuserdatauv(L, sizeof *rt, 0);
  *rt = (runtime){.loop = NULL};
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  rt->L = lua_tothread(L, -1);
  lua_pop(L, 1);
  new_type(L, RUNTIME_TYPE);
  lua_pushcfunction(L, runtime_collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  make_parts(L, rt);
  rt->sys = chosen_sys(L) ? chosen_sys(L) : lc_sys_linux();
  rt->loop = lc_loop_new(rt->sys, &error);
  if (!rt->loop) luaL_error(L, "lastcall: no loop: %s", lc_code_text(error));
  conns_open(L, rt);
  lc_loop_on_turn(rt->loop, turn, rt);
  return rt;
}

runtime *runtime_make(lua_State *L)
{
  runtime *rt = runtime_get(L);
  if (rt) return rt;
  rt = runtime_new(L);
  runtime_keep(L);
  return rt;
}
