/* collector.c - Lua's collector while a run is under way: in small steps, and rather while nobody waits.
 *
 * The stacks of all coroutines are looked at once more at the end of each cycle,
 * in one go. So cycles are to be few, and incremental: the generational mode, which
 * the program `lua5.4` turns on, does that in each of its many small collections.
 * A cycle that is due begins when the loop would sleep; a loop that never sleeps
 * pays for it with what it allocates, when it has twice what the last one left.
 */
#include <stdint.h>
#include <stdlib.h>

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

static void set_pause(lua_State *L, int pause)
{
#ifdef LUA_GCPARAM
  lua_gc(L, LUA_GCPARAM, LUA_GCPPAUSE, pause);
#else
  lua_gc(L, LUA_GCSETPAUSE, pause);
#endif
}

static void plan_next(lua_State *L, runtime *rt)
{
  size_t bytes = bytes_in_use(L), growth = bytes / WORTH_A_CYCLE;
  rt->is_collecting = 0;
  rt->collect_at = bytes + (growth > MEBIBYTE ? growth : MEBIBYTE);
  set_pause(L, pause_for(bytes));
}

/* What the collector frees lies at the end of the heap, as a rule, and malloc gives that back to the kernel
 * above 128 KiB, to fetch it again page by page a moment later: a third of what 64 KiB messages cost.
 * Having seen a larger block of the kernel's come and go, glibc keeps twice as much; other mallocs do not mind. */
static void let_malloc_keep_some(void)
{
  void *volatile block = malloc(LEAST_GROWTH * MEBIBYTE); /* volatile, or it would be left out */
  free(block);
}

void collector_begin(lua_State *L, runtime *rt)
{
  let_malloc_keep_some();
  rt->mode_before = lua_gc(L, LUA_GCINC, 0, 0, 0);
  plan_next(L, rt);
}

/* A script that has chosen the generational mode in the run keeps it. */
void collector_end(lua_State *L, const runtime *rt)
{
  int mode = lua_gc(L, LUA_GCINC, 0, 0, 0);
  set_pause(L, PAUSE);
  if (mode == LUA_GCGEN || rt->mode_before == LUA_GCGEN) lua_gc(L, LUA_GCGEN, 0, 0);
}

int collector_has_work(lua_State *L, const runtime *rt)
{
  if (!lua_gc(L, LUA_GCISRUNNING)) return 0; /* the script has stopped it */
  return rt->is_collecting || bytes_in_use(L) >= rt->collect_at;
}

/* Its finalizers may be the script's. */
static int step(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  if (lua_gc(L, LUA_GCINC, 0, 0, 0) == LUA_GCGEN) { /* what the script wants is left alone */
    lua_gc(L, LUA_GCGEN, 0, 0);
    rt->is_collecting = 0;
    rt->collect_at = SIZE_MAX;
    return 0;
  }
  rt->is_collecting = 1;
  if (lua_gc(L, LUA_GCSTEP, 0)) plan_next(L, rt);
  return 0;
}

void collector_step(runtime *rt)
{
  lc_time began = lc_loop_clock(rt->loop);
  runtime_protect_script(rt, step, rt);
  lc_loop_held(rt->loop, lc_loop_clock(rt->loop) - began);
}
