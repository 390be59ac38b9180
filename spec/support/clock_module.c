/* clock_module.c - spec_clock: a clock that stands still while the loop works, and goes fast while
 * it waits.
 *
 *   require "spec_clock"              before lastcall, whose loop in this state goes by that clock
 *   require "spec_clock".pass(7200)   so many seconds pass at once
 *
 * For specs of times between the connections of one process. A busy machine makes no deadline of
 * theirs too early, and a wait costs them a small part of its length. What goes by the kernel's
 * clock goes as slowly as ever: its own timers, other processes, threads, signals. Specs that wait
 * for such things need the real clock.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>

#include "sys/sys.h"

/* How much faster it goes. The kernel delays an acknowledgement by 40 ms: that is 0.4 s of this
 * clock. */
#define SPEED 10
/* Waits up to this are as long as ever. */
#define LEAST (5 * LC_MILLISECOND)
/* What a turn takes, and reading the clock, so that a loop around either comes to an end. */
#define TURN (LC_MILLISECOND / 20)
#define READING (LC_MILLISECOND / 1000)

typedef struct fast_clock {
  lc_sys sys;
  const lc_sys *real;
  atomic_llong now;
} fast_clock;

int luaopen_spec_clock(lua_State *L);

static fast_clock *of(const lc_sys *sys) { return sys->state; }

static lc_time fast_now(const lc_sys *sys) { return atomic_fetch_add(&of(sys)->now, READING); }

/* How long the real kernel is to wait; negative: without limit. It may take some time to carry
 * bytes from one end of a connection to the other. */
static lc_time shortened(lc_time timeout)
{
  if (timeout <= LEAST) return timeout;
  return LEAST + (timeout - LEAST) / SPEED;
}

/* The thread has waited since `began` on the real clock, for at most `timeout` on this one. */
static void go_on(fast_clock *clock, lc_time began, lc_time timeout, int is_over)
{
  lc_time waited = (clock->real->now(clock->real) - began) * SPEED;
  if (timeout >= 0 && (is_over || waited > timeout)) waited = timeout;
  atomic_fetch_add(&clock->now, waited);
}

/* What is there already takes no time, however long the machine has kept the process waiting. */
static int fast_poller_wait(const lc_sys *sys, int poller, lc_poll_event *events, int capacity,
                            lc_time timeout)
{
  fast_clock *clock = of(sys);
  const lc_sys *real = clock->real;
  int count = real->poller_wait(real, poller, events, capacity, 0);
  atomic_fetch_add(&clock->now, TURN);
  if (count || !timeout) return count;
  lc_time began = real->now(real);
  count = real->poller_wait(real, poller, events, capacity, shortened(timeout));
  go_on(clock, began, timeout, !count);
  return count;
}

static int fast_poll(const lc_sys *sys, struct pollfd *fds, unsigned count, lc_time timeout)
{
  fast_clock *clock = of(sys);
  const lc_sys *real = clock->real;
  int found = real->poll(real, fds, count, 0);
  if (found || !timeout) return found;
  lc_time began = real->now(real);
  found = real->poll(real, fds, count, shortened(timeout));
  go_on(clock, began, timeout, !found);
  return found;
}

/* The watchdog's thread waits, while the clock goes by what the loop's thread does. */
static int fast_wake_wait(const lc_sys *sys, int fd, lc_time timeout)
{
  const lc_sys *real = of(sys)->real;
  return real->wake_wait(real, fd, shortened(timeout));
}

static int pass(lua_State *L)
{
  fast_clock *clock = lua_touserdata(L, lua_upvalueindex(1));
  atomic_fetch_add(&clock->now, (lc_time)luaL_checkinteger(L, 1) * LC_SECOND);
  return 0;
}

/* The table of functions keeps the clock, and the state keeps the table among its loaded modules. */
int luaopen_spec_clock(lua_State *L)
{
  lua_createtable(L, 0, 1);
  fast_clock *clock = lua_newuserdatauv(L, sizeof *clock, 0);
  clock->real = lc_sys_linux();
  clock->sys = *clock->real;
  clock->sys.state = clock;
  atomic_init(&clock->now, clock->real->now(clock->real));
  clock->sys.now = fast_now;
  clock->sys.poller_wait = fast_poller_wait;
  clock->sys.poll = fast_poll;
  clock->sys.wake_wait = fast_wake_wait;
  lua_pushlightuserdata(L, &clock->sys);
  lua_setfield(L, LUA_REGISTRYINDEX, "lastcall.sys");
  lua_pushcclosure(L, pass, 1);
  lua_setfield(L, -2, "pass");
  return 1;
}
