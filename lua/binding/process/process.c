/* process/process.c - runs the loop and the process's ladder. */
#include "process/process.h"

#include <lauxlib.h>
#include <lua.h>
#include <unistd.h>

#include "base/list.h"
#include "conn/leaks.h"
#include "context/process.h"
#include "runtime/allocator.h"
#include "runtime/callbacks.h"
#include "runtime/collector.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "script/raise.h"
#include "script/register.h"
#include "server/box.h"
#include "sys/sys.h"
#include "task/context.h"
#include "wait/work.h"

/* ------------------------------------------------------------------- the ladder -- */

typedef struct step_call {
  runtime *rt;
  lc_step step;
} step_call;

static int tell_step(lua_State *L)
{
  step_call *call = lua_touserdata(L, 1);
  if (call->step == LC_STEP_DRAIN) {
    context_drain(L, call->rt->contexts->process);
    context_drain(L, call->rt->contexts->background);
  }
  if (call->step == LC_STEP_CANCEL) works_note_held(L, call->rt);
  collector_rest(call->rt);
  lua_pushstring(L, lc_step_name(call->step));
  runtime_hook(L, call->rt, "on_step", 1);
  return 0;
}

/* Holds the steps that run functions of the script, before the ladder goes on. The modules release
 * them. */
static void on_step(lc_step step, void *user)
{
  step_call call = {user, step};
  if (step == LC_STEP_UNREADY || step == LC_STEP_HOOKS) lc_shutdown_hold(call.rt->shutdown);
  runtime_protect(call.rt, tell_step, &call);
}

static const lc_shutdown_events SHUTDOWN_EVENTS = {.step = on_step};

/* begin(options): a ladder for the process. */
static int core_begin(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int error = 0;
  lc_server_options defaults;
  check_type(L, 1, LUA_TTABLE);
  lc_server_options_init(&defaults);
  option_drain(L, 1, &defaults.drain);
  rt->debug = option_boolean(L, 1, "debug", 0);
  if (rt->shutdown) lc_shutdown_free(rt->shutdown);
  rt->shutdown = lc_shutdown_new(rt->loop, &defaults.drain, &SHUTDOWN_EVENTS, rt, &error);
  if (!rt->shutdown) return luaL_error(L, "lastcall: no shutdown: %s", lc_code_text(error));
  works_guard_shutdown(rt);
  stragglers_release(rt, rt->stragglers);
  stragglers_open(L, rt, rt->stragglers);
  return 0;
}

/* finish(): the ladder is done, or was never needed. Tasks started from now on belong to the next
 * one, with a context of its own. */
static int core_finish(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_shutdown_free(rt->shutdown);
  rt->shutdown = NULL;
  collector_rest_end(L, rt);
  if (rt->contexts->process->ended || context_is_draining(rt->contexts->process))
    process_context_new(L, rt);
  rt->contexts->background->is_draining = 0;
  return 0;
}

static int core_release_step(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  if (rt->shutdown) lc_shutdown_release(rt->shutdown);
  return 0;
}

static int core_shutdown(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_time seconds = optional_seconds(L, 1);
  check_that(L, seconds >= 0, 1, "seconds from now, not negative");
  if (!rt->shutdown) return 0;
  lc_shutdown_begin(rt->shutdown, lc_loop_clock(rt->loop), seconds == LC_NEVER ? -1 : seconds);
  lua_pushboolean(L, 1);
  return 1;
}

/* climb() -> whether there is a ladder: what a signal that begins the shutdown, or hurries it,
 * does. */
static int core_climb(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  if (rt->shutdown) lc_shutdown_signal(rt->shutdown, lc_loop_clock(rt->loop));
  lua_pushboolean(L, rt->shutdown != NULL);
  return 1;
}

static int core_set_hooks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  if (rt->shutdown) lc_shutdown_set_hooks(rt->shutdown, lua_toboolean(L, 1));
  return 0;
}

/* ladder() -> step, deadline, began, {step = time}, skips_hooks; or "serving". */
static int core_ladder(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_pushstring(L, lc_step_name(rt->shutdown ? lc_shutdown_step(rt->shutdown) : LC_STEP_SERVING));
  if (!rt->shutdown || lc_shutdown_deadline(rt->shutdown) == LC_NEVER) return 1;
  lua_pushnumber(L, lc_to_seconds(lc_shutdown_deadline(rt->shutdown)));
  lua_pushnumber(L, lc_to_seconds(lc_shutdown_began(rt->shutdown)));
  lua_newtable(L);
  for (int step = LC_STEP_UNREADY; step < LC_STEPS; step++) {
    lc_time at = lc_shutdown_step_at(rt->shutdown, (lc_step)step);
    if (!at) continue;
    lua_pushnumber(L, lc_to_seconds(at));
    lua_setfield(L, -2, lc_step_name((lc_step)step));
  }
  lua_pushboolean(L, lc_shutdown_skips_hooks(rt->shutdown));
  return 5;
}

/* Ends the context of process-owned tasks. */
static int core_cancel_process(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  stragglers_note_process(L, rt, STRAGGLER_CANCELED);
  context_end(L, rt->contexts->process, LC_CANCELED, "shutdown");
  return 0;
}

/* collect(): collects what is garbage now, when the loop has nothing else to do. */
static int core_collect(lua_State *L)
{
  collector_want(runtime_upvalue(L));
  return 0;
}

/* left() -> unfinished process-owned tasks, servers that are not done. */
static int core_left(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_pushinteger(L, (lua_Integer)rt->tasks->of_process);
  lua_pushinteger(L, (lua_Integer)rt->servers->live);
  return 2;
}

/* --------------------------------------------------------------------- running -- */

static int turn(lua_State *L, runtime *rt, lc_time timeout)
{
  lua_State *before = rt->L;
  rt->L = L;
  int result = lc_loop_turn(rt->loop, timeout);
  conn_tell_leaks(rt);
  works_tell_lost(rt);
  rt->L = before;
  return result;
}

/* The same, but if the loop would sleep, a step of the collector comes first. */
static int turn_or_collect(lua_State *L, runtime *rt)
{
  lc_loop_stats before, after;
  if (!collector_has_work(L, rt)) return turn(L, rt, LC_NEVER);
  lc_loop_stats_get(rt->loop, &before);
  int result = turn(L, rt, 0);
  lc_loop_stats_get(rt->loop, &after);
  if (after.events == before.events && lc_loop_next(rt->loop) > 0) collector_step(rt);
  else collector_find_no_time(rt);
  return result;
}

enum { LAST_TURNS = 8 };

static int is_over(runtime *rt)
{
  if (lc_shutdown_step(rt->shutdown) == LC_STEP_DONE) return 1;
  if (lc_shutdown_step(rt->shutdown) != LC_STEP_SERVING) return 0;
  if (rt->tasks->of_process || rt->servers->live) return 0;
  /* Only the hooks are left. */
  lc_shutdown_begin(rt->shutdown, lc_loop_clock(rt->loop), -1);
  return 0;
}

/* run(): turns the loop until the ladder is done. Raises if the loop fails. */
static int core_run(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int result = 0;
  luaL_checkstack(L, 32, NULL);
  rt->running = 1;
  collector_begin(L, rt);
  allocator_begin(L, rt);
  rt->is_left = 0;
  while (!rt->is_left && !is_over(rt) && result >= 0) result = turn_or_collect(L, rt);
  allocator_end(L, rt);
  collector_end(L, rt);
  rt->running = 0;
  if (result < 0) return luaL_error(L, "lastcall: the loop failed: %s", lc_code_text(result));
  return 0;
}

/* settle(): makes the last callbacks, and ends the last tasks, without waiting. */
static int core_settle(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  luaL_checkstack(L, 32, NULL);
  rt->running = 1;
  for (int i = 0; i < LAST_TURNS && lc_loop_next(rt->loop) == 0; i++) turn(L, rt, 0);
  rt->running = 0;
  return 0;
}

static int core_running(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_pushboolean(L, rt->running);
  lua_pushboolean(L, rt->current != NULL);
  return 2;
}

static int core_step(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_time seconds = optional_seconds(L, 1);
  if (rt->running || rt->current) raise_error(L, "step: the loop is turning already");
  luaL_checkstack(L, 32, NULL);
  rt->running = 1;
  int result = turn(L, rt, lua_isnoneornil(L, 1) ? 0 : seconds);
  rt->running = 0;
  if (result < 0) return push_failure(L, result, NULL, "step");
  lua_pushboolean(L, 1);
  return 1;
}

/* -------------------------------------------------------------------- the rest -- */

static int core_set_hook(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_string(L, 1);
  lua_settop(L, 2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->calls.hooks);
  lua_insert(L, 1);
  lua_settable(L, 1);
  return 0;
}

/* Pushes the name of the kernel's error, or false. */
static void set_error(lua_State *L, const char *name, int code)
{
  if (code) lua_pushstring(L, lc_code_name(code));
  else lua_pushboolean(L, 0);
  lua_setfield(L, -2, name);
}

static int core_features(lua_State *L)
{
  const lc_features *features = lc_loop_features(runtime_upvalue(L)->loop);
  lua_createtable(L, 0, 5);
  lua_pushstring(L, features->stop);
  lua_setfield(L, -2, "stop");
  lua_pushboolean(L, features->hide);
  lua_setfield(L, -2, "hide");
  lua_pushboolean(L, features->sock_diag);
  lua_setfield(L, -2, "sock_diag");
  set_error(L, "hide_error", features->hide_code);
  set_error(L, "sock_diag_error", features->sock_diag_code);
  return 1;
}

static int core_loop_stats(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_loop_stats stats;
  lc_loop_stats_get(rt->loop, &stats);
  if (lua_toboolean(L, 1)) lc_loop_stats_reset(rt->loop);
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, (lua_Integer)stats.turns);
  lua_setfield(L, -2, "turns");
  lua_pushnumber(L, lc_to_seconds(stats.longest_turn));
  lua_setfield(L, -2, "longest_turn");
  lua_pushinteger(L, stats.connections);
  lua_setfield(L, -2, "connections");
  lua_pushinteger(L, stats.timers);
  lua_setfield(L, -2, "timers");
  lua_pushinteger(L, (lua_Integer)allocator_kept(rt));
  lua_setfield(L, -2, "kept");
  lua_Integer count = 0;
  for (lc_link *link = rt->tasks->all.next; link != &rt->tasks->all; link = link->next) count++;
  lua_pushinteger(L, count);
  lua_setfield(L, -2, "tasks");
  return 1;
}

/* say(text, patience, descriptor) -> how many bytes the descriptor took; stderr unless it is
 * named. */
static int core_say(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  size_t length;
  const char *text = check_bytes(L, 1, &length);
  ssize_t said = rt->sys->say(rt->sys, (int)optional_integer(L, 3, STDERR_FILENO), text, length,
                              lc_seconds(check_number(L, 2)));
  lua_pushinteger(L, said > 0 ? (lua_Integer)said : 0);
  return 1;
}

static int core_is_terminal(lua_State *L)
{
  lua_pushboolean(L, isatty((int)check_integer(L, 1)));
  return 1;
}

static int core_set_ready(lua_State *L)
{
  lc_loop_set_ready(runtime_upvalue(L)->loop, lua_toboolean(L, 1));
  return 0;
}

static int core_pollfd(lua_State *L)
{
  lua_pushinteger(L, lc_loop_pollfd(runtime_upvalue(L)->loop));
  return 1;
}

static int core_timeout(lua_State *L)
{
  lc_loop *loop = runtime_upvalue(L)->loop;
  lc_time next = lc_loop_next(loop), now = lc_loop_clock(loop);
  if (next == LC_NEVER) return 0;
  lua_pushnumber(L, next > now ? lc_to_seconds(next - now) : 0);
  return 1;
}

void process_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"begin", core_begin},
                                       {"finish", core_finish},
                                       {"release_step", core_release_step},
                                       {"shutdown", core_shutdown},
                                       {"climb", core_climb},
                                       {"reserve_for_hooks", core_set_hooks},
                                       {"ladder", core_ladder},
                                       {"cancel_process", core_cancel_process},
                                       {"collect", core_collect},
                                       {"left", core_left},
                                       {"run", core_run},
                                       {"settle", core_settle},
                                       {"running", core_running},
                                       {"step", core_step},
                                       {"set_hook", core_set_hook},
                                       {"features", core_features},
                                       {"loop_stats", core_loop_stats},
                                       {"say", core_say},
                                       {"is_terminal", core_is_terminal},
                                       {"set_ready", core_set_ready},
                                       {"pollfd", core_pollfd},
                                       {"timeout", core_timeout},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
