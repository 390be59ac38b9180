/* runtime/signals.c - what a signal does: it begins the ladder, or the modules handle it. */
#include "runtime/signals.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <string.h>

#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "sys/sys.h"

static const struct {
  const char *name;
  int number;
} SIGNALS[] = {{"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT}, {"TERM", SIGTERM},
               {"USR1", SIGUSR1}, {"USR2", SIGUSR2},   {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
               {"CHLD", SIGCHLD}, {"WINCH", SIGWINCH}, {"KILL", SIGKILL}, {"STOP", SIGSTOP},
               {"CONT", SIGCONT}, {"ABRT", SIGABRT},   {"SEGV", SIGSEGV}, {"BUS", SIGBUS},
               {"FPE", SIGFPE},   {"ILL", SIGILL},     {"SYS", SIGSYS},   {"TRAP", SIGTRAP},
               {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { SIGNAL_COUNT = LENGTH(SIGNALS) };

static const int ENDING[] = {SIGTERM, SIGINT}; /* those that by default begin a run's shutdown */

typedef struct arrival {
  runtime *rt;
  const char *hook, *name;
} arrival;

static int tell_protected(lua_State *L)
{
  const arrival *seen = lua_touserdata(L, 1);
  lua_pushstring(L, seen->name);
  runtime_hook(L, seen->rt, seen->hook, 1);
  return 0;
}

static void tell_hook(runtime *rt, const char *hook, int number)
{
  arrival seen = {rt, hook, NULL};
  for (size_t i = 0; i < SIGNAL_COUNT; i++)
    if (SIGNALS[i].number == number) seen.name = SIGNALS[i].name;
  runtime_protect(rt, tell_protected, &seen);
}

static void climb(void *user, int number, unsigned count, lc_time at)
{
  runtime *rt = user;
  (void)count;
  if (!rt->shutdown) return;
  tell_hook(rt, "on_climb", number);
  lc_shutdown_signal(rt->shutdown, at);
}

static void tell(void *user, int number, unsigned count, lc_time at)
{
  (void)count;
  (void)at;
  tell_hook(user, "on_signal", number);
}

static size_t check_signal(lua_State *L)
{
  size_t length;
  const char *name = lua_tolstring(L, 1, &length);
  if (!name)
    return (size_t)luaL_error(L, "a signal's name is a string, not a %s", luaL_typename(L, 1));
  if (strlen(name) != length) luaL_error(L, "no signal's name has a zero byte in it");
  if (!strncmp(name, "SIG", 3)) name += 3;
  for (size_t i = 0; i < SIGNAL_COUNT; i++)
    if (!strcmp(SIGNALS[i].name, name)) return i;
  luaL_error(L, "no signal named '%s': there are HUP, INT, QUIT, TERM, USR1, USR2, CHLD, ...",
             name);
  return 0;
}

/* signal(name, "climb" | "tell" | nil) -> the name without SIG; nil gives the signal back. */
static int core_signal(lua_State *L)
{
  static const char *const purposes[] = {"climb", "tell", "", NULL};
  static void (*const actions[])(void *, int, unsigned, lc_time) = {climb, tell, NULL};
  runtime *rt = runtime_upvalue(L);
  size_t i = check_signal(L);
  int purpose = check_choice(L, 2, "", purposes);
  if (!actions[purpose]) lc_watchdog_unfollow(rt->loop, SIGNALS[i].number);
  int result = lc_loop_signal(rt->loop, SIGNALS[i].number, actions[purpose], rt);
  if (result >= 0 && actions[purpose] == climb)
    result = lc_watchdog_follow(rt->loop, SIGNALS[i].number);
  if (result == -EBUSY)
    return luaL_error(L, "signal %s belongs to another loop already", SIGNALS[i].name);
  if (result < 0)
    return luaL_error(L, "signal %s cannot be handled: %s", SIGNALS[i].name, lc_code_text(result));
  lua_pushstring(L, SIGNALS[i].name);
  return 1;
}

/* signal_name(name) -> the name without SIG; raises when there is none. */
static int core_signal_name(lua_State *L)
{
  lua_pushstring(L, SIGNALS[check_signal(L)].name);
  return 1;
}

/* signal_number(name) -> its number; raises when there is none. */
static int core_signal_number(lua_State *L)
{
  lua_pushinteger(L, SIGNALS[check_signal(L)].number);
  return 1;
}

/* signal_of(number) -> its name without SIG; nothing for one without a name here. */
static int core_signal_of(lua_State *L)
{
  lua_Integer number = check_integer(L, 1);
  for (size_t i = 0; i < SIGNAL_COUNT; i++) {
    if (SIGNALS[i].number != number) continue;
    lua_pushstring(L, SIGNALS[i].name);
    return 1;
  }
  return 0;
}

/* When a script writes to a pipe without a reader, the write fails. */
static void be_deaf(runtime *rt, int wanted)
{
  if (wanted == rt->signals.is_deaf) return;
  int result = rt->sys->signal_deaf(rt->sys, SIGPIPE, wanted);
  rt->signals.is_deaf = wanted && result > 0;
}

/* deaf_to_pipes(on) */
static int core_deaf(lua_State *L)
{
  be_deaf(runtime_upvalue(L), lua_toboolean(L, 1));
  return 0;
}

void signals_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"signal", core_signal},
                                       {"signal_name", core_signal_name},
                                       {"signal_number", core_signal_number},
                                       {"signal_of", core_signal_of},
                                       {"deaf_to_pipes", core_deaf},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
  for (unsigned i = 0; i < LENGTH(ENDING); i++)
    if (rt->sys->signal_act(rt->sys, ENDING[i], 1) > 0) rt->signals.acts |= 1U << i;
}

void signals_close(runtime *rt)
{
  be_deaf(rt, 0);
  for (unsigned i = 0; i < LENGTH(ENDING); i++)
    if (rt->signals.acts & 1U << i) rt->sys->signal_act(rt->sys, ENDING[i], 0);
  rt->signals.acts = 0;
}
