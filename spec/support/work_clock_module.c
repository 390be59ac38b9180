/* work_clock_module.c - spec_work_clock: a clock that goes by the loop's own processor time while it
 * works, and by the real one while it waits.
 *
 *   require "spec_work_clock"    before lastcall, whose loop in this state goes by that clock
 *
 * For the length of turns on a machine with other work: what the scheduler, or a hypervisor, gives to
 * others in the middle of a turn is not part of it. After each wait the clock agrees with the real
 * one.
 */
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <time.h>

#include "sys/sys.h"

typedef struct work_clock {
  lc_sys sys;
  const lc_sys *real;
  pthread_t loop;
  lc_time began; /* the work since the last wait, by the real clock */
  lc_time ran;   /* and the thread's processor time then */
} work_clock;

int luaopen_spec_work_clock(lua_State *L);

static work_clock *of(const lc_sys *sys) { return sys->state; }

static lc_time processor_time(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (lc_time)now.tv_sec * LC_SECOND + now.tv_nsec;
}

static void begin(work_clock *clock)
{
  clock->began = clock->real->now(clock->real);
  clock->ran = processor_time();
}

/* The watchdog's thread has the real clock. */
static lc_time work_now(const lc_sys *sys)
{
  const work_clock *clock = of(sys);
  if (!pthread_equal(pthread_self(), clock->loop)) return clock->real->now(clock->real);
  return clock->began + processor_time() - clock->ran;
}

static int work_poller_wait(const lc_sys *sys, int poller, lc_poll_event *events, int capacity,
                            lc_time timeout)
{
  work_clock *clock = of(sys);
  int count = clock->real->poller_wait(clock->real, poller, events, capacity, timeout);
  begin(clock);
  return count;
}

int luaopen_spec_work_clock(lua_State *L)
{
  work_clock *clock = lua_newuserdatauv(L, sizeof *clock, 0);
  clock->real = lc_sys_linux();
  clock->sys = *clock->real;
  clock->sys.state = clock;
  clock->loop = pthread_self();
  begin(clock);
  clock->sys.now = work_now;
  clock->sys.poller_wait = work_poller_wait;
  lua_pushlightuserdata(L, &clock->sys);
  lua_setfield(L, LUA_REGISTRYINDEX, "lastcall.sys");
  return 1; /* the state keeps it among its loaded modules */
}
