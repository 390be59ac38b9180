/* collector.c - Lua's collector while a run is under way: in small steps, and rather while nobody waits.
 *
 * The stacks of all coroutines are looked at once more at the end of each cycle,
 * in one go. So cycles are to be few, and incremental: the generational mode, which
 * the program `lua5.4` turns on, does that in each of its many small collections.
 * A cycle that is due begins when the loop would sleep; a loop that never sleeps
 * pays for it with what it allocates, when it has twice what the last one left.
 */
#include "binding.h"

#define MEBIBYTE ((size_t)1 << 20)

enum {
  WORTH_A_CYCLE = 4, /* a quarter more than the last one left, when there is time */
  LEAST_GROWTH = 4,  /* MiB, whatever it left: a small heap would be gone through all the time */
  PAUSE = 200,       /* per cent of what the last one left, without time: Lua's own */
  PAUSE_MOST = 1000  /* what it takes */
};

static size_t bytes_in_use(lua_State *L)
{
  return (size_t)lua_gc(L, LUA_GCCOUNT) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB);
}

/* As Lua counts it: the growth of PAUSE, or LEAST_GROWTH if that is more. */
static int pause_for(size_t bytes)
{
  size_t per_cent = 100 + LEAST_GROWTH * MEBIBYTE / (bytes / 100 + 1);
  if (per_cent < PAUSE) return PAUSE;
  return per_cent > PAUSE_MOST ? PAUSE_MOST : (int)per_cent;
}

static void plan_next(lua_State *L, runtime *rt)
{
  size_t bytes = bytes_in_use(L), growth = bytes / WORTH_A_CYCLE;
  rt->collect_at = bytes + (growth > MEBIBYTE ? growth : MEBIBYTE);
  lua_gc(L, LUA_GCINC, pause_for(bytes), 0, 0);
}

void collector_begin(lua_State *L, runtime *rt)
{
  rt->mode_before = lua_gc(L, LUA_GCINC, 0, 0, 0);
  rt->is_collecting = 0;
  plan_next(L, rt);
}

void collector_end(lua_State *L, const runtime *rt)
{
  lua_gc(L, LUA_GCINC, PAUSE, 0, 0);
  if (rt->mode_before == LUA_GCGEN) lua_gc(L, LUA_GCGEN, 0, 0);
}

int collector_has_work(lua_State *L, const runtime *rt)
{
  return rt->is_collecting || bytes_in_use(L) >= rt->collect_at;
}

/* Its finalizers may be the script's. */
static int step(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  rt->is_collecting = !lua_gc(L, LUA_GCSTEP, 0);
  if (!rt->is_collecting) plan_next(L, rt);
  return 0;
}

void collector_step(runtime *rt)
{
  rt->is_collecting = 1;
  runtime_protect_script(rt, step, rt);
}
