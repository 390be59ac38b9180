/* runtime/rest.c - Lua's collector rests when the deadline of a shutdown is near.
 *
 * A step of the collector may take long, because it traverses the largest table at once. Nothing
 * interrupts it. The rest is no longer than a step may take, so the garbage of that time is no more
 * than the memory in use.
 */
#include <lua.h>
#include <stdlib.h>

#include "runtime/collector.h"
#include "runtime/runtime.h"

#define LEAST (100 * LC_MILLISECOND)
#define PER_MEBIBYTE (2 * LC_MILLISECOND) /* a step through all memory in use takes half of it */
#define MOST LC_SECOND

/* How long before the deadline the collector rests. */
static lc_time rest(lua_State *L)
{
  lc_time time = LEAST + PER_MEBIBYTE * lua_gc(L, LUA_GCCOUNT) / 1024;
  return time < MOST ? time : MOST;
}

/* glibc joins small free blocks only when a large block comes or goes. Then it joins them all, a
 * million in 50 ms. So this makes it join them while there is time. */
static void let_malloc_join(void)
{
  void *volatile block = malloc(64 * 1024);
  free(block);
}

void collector_rest(runtime *rt)
{
  const lc_shutdown *shutdown = rt->shutdown;
  if (!shutdown || rt->collector.is_resting) return;
  if (lc_shutdown_deadline(shutdown) - lc_loop_now(rt->loop) > rest(rt->L)) return;
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
