/* runtime/rest.c - Lua's collector rests when the deadline of a shutdown is near, and everything has been canceled.
 *
 * A step of it may take long: it goes through the largest table in one go. Nothing interrupts it.
 */
#include <lua.h>
#include <stdlib.h>

#include "runtime/collector.h"
#include "runtime/runtime.h"

#define REST LC_SECOND /* before the deadline */

/* glibc puts off the joining of small blocks that are free until a large one comes or goes: then it joins them all, a
 * million in 50 ms. So that is done while there is time. */
static void let_malloc_join(void)
{
  void *volatile block = malloc(64 * 1024);
  free(block);
}

void collector_rest(runtime *rt)
{
  const lc_shutdown *shutdown = rt->shutdown;
  if (!shutdown || rt->collector.is_resting || lc_shutdown_step(shutdown) < LC_STEP_CANCEL) return;
  if (lc_shutdown_deadline(shutdown) - lc_loop_now(rt->loop) > REST) return;
  rt->collector.is_resting = lua_gc(rt->L, LUA_GCISRUNNING);
  if (!rt->collector.is_resting) return;
  lua_gc(rt->L, LUA_GCSTOP);
  let_malloc_join();
}

void collector_rest_end(lua_State *L, runtime *rt)
{
  if (rt->collector.is_resting) lua_gc(L, LUA_GCRESTART);
  rt->collector.is_resting = 0;
}
