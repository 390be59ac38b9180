/* module/birth.c - the runtime of a Lua state: made when the module is loaded, ended with the state. */
#include "module/birth.h"
#include "binding.h"
#include "server/moves.h"
#include "sys/sys.h"

static const char RUNTIME_TYPE[] = "lastcall.runtime";

/* A light userdata in the registry under this name is used as the operating system: for tests. */
static const char SYS_KEY[] = "lastcall.sys";

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
  moves_free(rt);
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
  *rt = (runtime){
    .process_anchor = LUA_NOREF,
    .calls = {.next = 1},
  };
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
  rt->calls.queue = new_table_reference(L);
  rt->calls.hooks = new_table_reference(L);
  rt->busy = new_table_reference(L);
  moves_open(rt);
  stragglers_open_process(L, rt);
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
