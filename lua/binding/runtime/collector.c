/* runtime/collector.c - Lua's collector during a run: it works seldom, in small steps, and best
 * while no task waits.
 *
 *    incremental ----> generational    a small heap has grown, and the loop does not sleep
 *         ^                 |
 *         `-----------------'          the heap is no longer small
 *
 * The collector traverses the stacks of all coroutines once more at the end of each cycle, in
 * one step, and in each of the generational mode's many collections. So with many
 * coroutines, cycles must be few, and incremental. A cycle that is due begins when the loop
 * would sleep; in a loop that never sleeps, allocation drives it.
 *
 * A small heap takes no time to traverse. There it matters whether the memory of the
 * next string is still in the processor's cache. It is, if young strings are
 * collected soon: then messages of 64 KiB take a quarter less processor time.
 */
#include "runtime/collector.h"

#include <lua.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/runtime.h"
#include "runtime/watched.h"

#define MEBIBYTE ((size_t)1 << 20)
#define SMALL MEBIBYTE            /* a heap, measured by what the last cycle left */
#define SMALL_NO_MORE (4 * SMALL) /* or full of what was young once */
#define LEAST_GROWTH MEBIBYTE     /* the growth that makes a cycle worth while */

enum {
  WORTH_A_CYCLE = 4,  /* a quarter more than the last one left, when there is time */
  PAUSE = 200,        /* per cent of what the last one left, without time: Lua's default */
  PAUSE_MOST = 1000,  /* what it takes */
  PAUSE_GROWTH = 4,   /* MiB at least: otherwise a small heap would be traversed all the time */
  YOUNG_GROWTH = 100, /* per cent, from one young collection to the next */
  OLD_GROWTH = 1000,  /* to a whole one: never, because the heap is no longer small by then */
  LUAS_YOUNG_GROWTH = 20,
  LUAS_OLD_GROWTH = 100
};

static size_t bytes_in_use(lua_State *L)
{
  return (size_t)lua_gc(L, LUA_GCCOUNT) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB);
}

/* The pause in Lua's unit: the growth of PAUSE, or PAUSE_GROWTH if that is more. */
static int pause_for(size_t bytes)
{
  size_t per_cent = 100 + PAUSE_GROWTH * MEBIBYTE / (bytes / 100 + 1);
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

/* Returns the mode before. */
static int be_generational(lua_State *L, int young_growth, int old_growth)
{
#ifdef LUA_GCPARAM
  if (young_growth) lua_gc(L, LUA_GCPARAM, LUA_GCPMINORMUL, young_growth);
  if (old_growth) lua_gc(L, LUA_GCPARAM, LUA_GCPMINORMAJOR, old_growth);
#endif
  return lua_gc(L, LUA_GCGEN, young_growth, old_growth);
}

static size_t worth_a_cycle(size_t bytes)
{
  size_t growth = bytes / WORTH_A_CYCLE;
  return bytes + (growth > LEAST_GROWTH ? growth : LEAST_GROWTH);
}

static void plan_next(lua_State *L, runtime *rt)
{
  size_t bytes = bytes_in_use(L);
  if (rt->collector.wanted) rt->collector.wanted--;
  rt->collector.is_collecting = 0;
  rt->collector.collect_at = worth_a_cycle(bytes);
  set_pause(L, pause_for(bytes));
}

/* The memory that the collector frees usually lies at the end of the heap. malloc gives it back to
 * the kernel above 128 KiB, and soon fetches it again page by page: a third of the cost of 64 KiB
 * messages. After a larger block was mapped and freed, glibc keeps twice its size; other mallocs
 * ignore this. */
static void let_malloc_keep_some(void)
{
  void *volatile block =
    malloc(PAUSE_GROWTH * MEBIBYTE); /* volatile, or the compiler would drop it */
  free(block);
}

/* The script has chosen a mode: leave the collector alone. */
static void leave_to_script(runtime *rt)
{
  rt->collector.is_generational = rt->collector.is_collecting = 0;
  rt->collector.collect_at = SIZE_MAX;
}

static void begin_generational(lua_State *L, runtime *rt)
{
  if (be_generational(L, 0, 0) == LUA_GCGEN) {
    leave_to_script(rt);
    return;
  }
  be_generational(L, YOUNG_GROWTH, OLD_GROWTH);
  rt->collector.is_generational = 1;
  rt->collector.is_collecting = 0;
}

static void end_generational(lua_State *L, runtime *rt)
{
  int mode = be_generational(L, LUAS_YOUNG_GROWTH, LUAS_OLD_GROWTH);
  lua_gc(L, LUA_GCINC, 0, 0, 0);
  plan_next(L, rt);
  rt->collector.is_generational = 0;
  rt->collector.is_collecting = 1; /* the garbage that had grown old */
  if (mode == LUA_GCINC) leave_to_script(rt);
}

void collector_begin(lua_State *L, runtime *rt)
{
  let_malloc_keep_some();
  rt->collector.wanted = 0;
  rt->collector.mode_before = lua_gc(L, LUA_GCINC, 0, 0, 0);
  rt->collector.is_generational = 0;
  plan_next(L, rt);
}

/* A script that has chosen the generational mode in the run keeps it. Entering that mode takes a
 * collection of the whole heap, for which the end of a run has no time: a heap that is not small
 * stays incremental. */
void collector_end(lua_State *L, runtime *rt)
{
  if (rt->collector.is_generational) end_generational(L, rt);
  set_pause(L, PAUSE);
  if (bytes_in_use(L) >= SMALL_NO_MORE) return;
  int mode = lua_gc(L, LUA_GCINC, 0, 0, 0);
  if (mode == LUA_GCGEN || rt->collector.mode_before == LUA_GCGEN) be_generational(L, 0, 0);
}

int collector_has_work(lua_State *L, runtime *rt)
{
  if (!lua_gc(L, LUA_GCISRUNNING)) return 0;          /* the script has stopped it */
  if (rt->collector.collect_at == SIZE_MAX) return 0; /* or has chosen a mode */
  if (rt->collector.wanted) return 1;
  size_t bytes = bytes_in_use(L), worth = worth_a_cycle(bytes);
  if (rt->collector.is_generational) return bytes >= SMALL_NO_MORE;
  if (worth < rt->collector.collect_at)
    rt->collector.collect_at = worth; /* after a cycle that Lua ran by itself */
  return rt->collector.is_collecting || bytes >= rt->collector.collect_at;
}

/* The cycle under way has passed some of what is garbage now, so it takes another one. */
void collector_want(runtime *rt) { rt->collector.wanted = 2; }

/* The step may run finalizers of the script. */
static int step(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  if (rt->collector.is_generational) {
    end_generational(L, rt);
  } else if (lua_gc(L, LUA_GCINC, 0, 0, 0) == LUA_GCGEN) {
    be_generational(L, 0, 0);
    leave_to_script(rt);
  } else {
    rt->collector.is_collecting = 1;
    if (lua_gc(L, LUA_GCSTEP, 0)) plan_next(L, rt);
  }
  return 0;
}

static int change_mode(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  if (rt->collector.is_generational) end_generational(L, rt);
  else begin_generational(L, rt);
  return 0;
}

void collector_step(runtime *rt)
{
  lc_time began = lc_loop_clock(rt->loop);
  runtime_protect_script(rt, step, rt);
  lc_loop_held(rt->loop, lc_loop_clock(rt->loop) - began);
}

void collector_find_no_time(runtime *rt)
{
  int is_small = rt->collector.collect_at <= worth_a_cycle(SMALL);
  if (rt->collector.is_generational || is_small) runtime_protect_script(rt, change_mode, rt);
}
