/* runtime/interrupt.c - the hook that interrupts a running script, and the error that no message
 * handler sees.
 *
 * The watchdog's signal puts a count hook on the running coroutine. Its next instruction calls
 * `on_count`, which watch/force.c implements.
 */
#include "runtime/interrupt.h"

#include <lua.h>
#include <stdint.h>

#include "runtime/runtime.h"

#define TOO_MUCH (SIZE_MAX / 4)

/* --------------------------------------------------------------------- the hook -- */

static script_hook hook_of(lua_State *L)
{
  return (script_hook){lua_gethook(L), lua_gethookmask(L), lua_gethookcount(L)};
}

static void set_hook(lua_State *L, const script_hook *hook)
{
  lua_sethook(L, hook->function, hook->mask, hook->count);
}

void interrupt_set_hook(lua_State *L, const runtime *rt)
{
  lua_sethook(L, rt->interrupt.on_count, LUA_MASKCOUNT, 1);
}

/* Our hook stays: it is due. */
void interrupt_take_hook(lua_State *L, const runtime *rt, script_hook *taken)
{
  *taken = hook_of(L);
  if (taken->function != rt->interrupt.on_count) lua_sethook(L, NULL, 0, 0);
}

/* If our hook was armed meanwhile, it restores the script's hook after it has run. */
void interrupt_give_hook(lua_State *L, runtime *rt, const script_hook *taken)
{
  if (taken->function == rt->interrupt.on_count) return;
  if (rt->interrupt.armed == L) rt->interrupt.before = *taken;
  else set_hook(L, taken);
}

/* In a signal handler, between any two instructions of the loop's thread. */
void interrupt_arm(runtime *rt)
{
  interrupt *i = &rt->interrupt;
  lua_State *L = rt->innermost;
  if (!L) return;
  if (i->armed && i->armed != L) set_hook(i->armed, &i->before);
  if (lua_gethook(L) != i->on_count) i->before = hook_of(L);
  i->armed = L;
  interrupt_set_hook(L, rt);
}

int interrupt_is_hidden(const runtime *rt)
{
  lua_State *L = rt->innermost;
  if (!L) return 0;
  if (rt->interrupt.armed == L && rt->interrupt.before.function) return 1;
  return lua_gethook(L) && lua_gethook(L) != rt->interrupt.on_count;
}

void interrupt_disarm(runtime *rt)
{
  interrupt *i = &rt->interrupt;
  lua_State *L = i->armed;
  if (!L) return;
  i->armed = NULL;
  set_hook(L, &i->before);
}

void interrupt_leave(runtime *rt, const lua_State *co)
{
  if (rt->interrupt.armed == co) interrupt_disarm(rt);
}

/* ---------------------------------------------------------------------- raising -- */

/* Refuses a size that no program can want; the state's allocator does the rest. */
static void *refuse(void *user, void *block, size_t old_size, size_t size)
{
  const interrupt *i = user;
  if (!block && size >= TOO_MUCH) return NULL;
  return i->allocate(i->allocate_user, block, old_size, size);
}

static void give_back_allocator(lua_State *L, interrupt *i)
{
  if (i->allocate) lua_setallocf(L, i->allocate, i->allocate_user);
  i->allocate = NULL;
}

/* Lua collects all garbage before it gives up. This is our work, not the script's fault. */
int interrupt_raise_past_handlers(lua_State *L, runtime *rt)
{
  interrupt *i = &rt->interrupt;
  i->work = lc_loop_enter(rt->loop, LC_WORK_LOOP);
  if (!i->allocate) {
    i->allocate = lua_getallocf(L, &i->allocate_user);
    lua_setallocf(L, refuse, i);
  }
  lua_newuserdatauv(L, TOO_MUCH, 0);
  return 0;
}

/* -------------------------------------------------------------- one piece of work -- */

lc_work interrupt_enter(runtime *rt, lua_State *L, lc_work work)
{
  rt->innermost = L;
  rt->interrupt.raised = 0;
  rt->interrupt.raised_in = NULL;
  rt->interrupt.work = LC_WORK_NONE;
  return lc_loop_enter(rt->loop, work);
}

int interrupt_work_done(runtime *rt)
{
  interrupt *i = &rt->interrupt;
  interrupt_disarm(rt);
  if (i->allocate) give_back_allocator(rt->L, i);
  if (lc_watchdog_asked(rt->loop) & LC_ASK_NOTICE)
    i->noticed = 1; /* the work ended before the hook ran */
  int noticed = i->noticed;
  i->noticed = 0;
  return noticed;
}
