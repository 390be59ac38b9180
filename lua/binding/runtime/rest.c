/* runtime/rest.c - Lua's collector rests when the deadline of a shutdown is near.
 *
 * A step of it may take long: it goes through the largest table in one go. Nothing interrupts it. As it rests no longer
 * than a step may take, the garbage of that time is no more than what is in use.
 */
#include <lua.h>
#include <stdlib.h>

#include "runtime/collector.h"
#include "runtime/runtime.h"

#define LEAST (100 * LC_MILLISECOND)
#define PER_MEBIBYTE (2 * LC_MILLISECOND) /* a step through all that is in use takes half of it */
#define MOST LC_SECOND

/* So long before the deadline. */
static lc_time rest(lua_State *L)
{
  lc_time time = LEAST + PER_MEBIBYTE * lua_gc(L, LUA_GCCOUNT) / 1024;
  return time < MOST ? time : MOST;
}

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
