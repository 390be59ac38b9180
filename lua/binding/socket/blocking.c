/* socket/blocking.c - waits without a task to suspend: the thread blocks, and turns the loop
 * meanwhile. */
#include "socket/blocking.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/arguments.h"
#include "sys/sys.h"
#include "task/task.h"

const lc_sys *socket_sys(const runtime *rt) { return lc_loop_sys(rt->loop); }

lc_time socket_deadline(lua_State *L, int index)
{
  if (lua_isnoneornil(L, index)) return LC_NEVER;
  return lc_seconds(check_number(L, index));
}

/* Whether the loop is free now: no run, no task, no callback uses it. */
static int may_turn(const runtime *rt)
{
  return !rt->running && !rt->current && !rt->tasks->in_turn;
}

void socket_turn(lua_State *L, runtime *rt)
{
  if (!may_turn(rt)) return;
  lua_State *before = rt->L;
  luaL_checkstack(L, 32, NULL);
  rt->L = L;
  rt->running = 1; /* code that runs in this turn must not turn the loop */
  lc_loop_turn(rt->loop, 0);
  rt->running = 0;
  rt->L = before;
}

/* Lua runs hooks, and with them signal handlers, only between its own instructions. */
static void let_hooks_run(lua_State *L)
{
  if (luaL_loadstring(L, "return") == LUA_OK) lua_call(L, 0, 0);
  else lua_pop(L, 1);
}

int socket_block(lua_State *L, runtime *rt, struct pollfd *fds, unsigned count, lc_time deadline)
{
  const lc_sys *sys = socket_sys(rt);
  for (;;) {
    unsigned all = count;
    lc_time now = sys->now(sys), until = deadline;
    if (may_turn(rt)) {
      fds[all++] = (struct pollfd){.fd = lc_loop_pollfd(rt->loop), .events = POLLIN};
      until = lc_time_earlier(until, lc_loop_next(rt->loop));
    }
    lc_time left = until == LC_NEVER ? LC_NEVER : until > now ? until - now : 0;
    int ready = sys->poll(sys, fds, all, left);
    if (ready == -EINTR) {
      let_hooks_run(L);
      continue;
    }
    if (ready < 0) return ready;
    if (all > count && fds[count].revents) ready--;
    if (ready > 0) return 0;
    socket_turn(L, rt);
    if (deadline != LC_NEVER && sys->now(sys) >= deadline) return LC_TIMEOUT;
  }
}
