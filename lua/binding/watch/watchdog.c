/* watch/watchdog.c - sets up the core's watchdog for a run, and writes its last report.
 *
 * `stuck` runs on the watchdog's thread while the loop's thread stays inside
 * one piece of work. `locate` runs on the loop's thread in a signal handler. Neither
 * allocates, and both only read Lua's memory.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "runtime/interrupt.h"
#include "runtime/runtime.h"
#include "runtime/watched.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "script/register.h"
#include "sys/sys.h"
#include "task/task.h"
#include "watch/watch.h"

/* ------------------------------------------------------------------- last words -- */

typedef struct words {
  char *text;
  size_t size, length;
} words;

/* Without floats, because printf may allocate for them. */
static void say(words *w, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(w->text + w->length, w->size - w->length, format, arguments);
  va_end(arguments);
  if (length > 0) w->length += (size_t)length;
  if (w->length >= w->size) w->length = w->size - 1;
}

static void say_seconds(words *w, lc_time time)
{
  int hundredths = (int)(time / (LC_SECOND / 100));
  say(w, "%d.%02d s", hundredths / 100, hundredths % 100);
}

static void say_who(words *w, const runtime *rt)
{
  const task *t = rt->current;
  char peer[LC_ADDRESS_TEXT_MAX];
  if (!t) {
    say(w, "a callback");
    return;
  }
  say(w, "task %llu", (unsigned long long)t->id);
  if (!owner_conn(t->by)) return;
  const lc_conn *conn = t->by->conn;
  say(w, " of connection %llu from %s", (unsigned long long)lc_conn_id(conn),
      peer_text(conn, peer, sizeof peer));
}

static void say_trace(words *w, const interrupt *i)
{
  if (atomic_load(&i->has_trace)) say(w, "%s\n", i->trace);
}

/* The hook has not run, so the innermost function is not running script code, but a C function, or
 * a finalizer. Its caller's frame is stable, and can be read without a lock. */
static void locate(void *user)
{
  runtime *rt = user;
  interrupt *i = &rt->interrupt;
  lua_Debug frame;
  i->line = 0;
  for (int level = 1; rt->innermost && lua_getstack(rt->innermost, level, &frame); level++) {
    lua_getinfo(rt->innermost, "Sl", &frame);
    if (frame.currentline <= 0) continue;
    memcpy(i->source, frame.short_src, sizeof i->source);
    i->line = frame.currentline;
    return;
  }
}

static size_t stuck(lc_work work, char *text, size_t size, void *user)
{
  const runtime *rt = user;
  const interrupt *i = &rt->interrupt;
  words w = {.size = size};
  w.text = text;
  say(&w, "lastcall: shutdown NOT ok");
  if (rt->shutdown && lc_shutdown_deadline(rt->shutdown) != LC_NEVER) {
    say(&w, " in ");
    say_seconds(&w, rt->sys->now(rt->sys) - lc_shutdown_began(rt->shutdown));
  }
  say(&w, ", stuck\n  ");
  if (work == LC_WORK_LOOP) say(&w, "the loop itself, at work that no script does,");
  else say_who(&w, rt);
  say(&w, " could not be stopped");
  if (i->line)
    say(&w, ": it is in a call made at %s:%d that cannot be interrupted", i->source, i->line);
  if (interrupt_is_hidden(rt))
    say(&w, "\n  a hook of the script's own (debug.sethook) keeps lastcall from interrupting it");
  say(&w, "\n  its connections are reset, the process ends with status %d\n", LC_EXIT_STUCK);
  say_trace(&w, i);
  return w.length;
}

static void arm(void *user) { interrupt_arm(user); }

static const lc_watchdog_events EVENTS = {.interrupt = arm, .locate = locate, .stuck = stuck};

/* --------------------------------------------------------------------- functions -- */

/* watch(options): from now on, until unwatch. */
static int core_watch(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_watchdog_options options;
  lc_watchdog_options_init(&options);
  check_type(L, 1, LUA_TTABLE);
  rt->limits.max_block = option_time(L, 1, "max_block", options.max_block);
  options.max_block = lc_time_earlier(rt->limits.least_block, rt->limits.max_block);
  options.exit_stuck = option_boolean(L, 1, "exit_when_stuck", options.exit_stuck);
  long_turns_watch(rt, rt->limits.max_block);
  int result = lc_watchdog_start(rt->loop, &options, &EVENTS, rt);
  if (result == -EAGAIN)
    return luaL_error(
      L,
      "lastcall: no thread for the watchdog: the limit of processes and threads is reached "
      "(ulimit -u, TasksMax, pids.max)");
  if (result < 0) return luaL_error(L, "lastcall: no watchdog: %s", lc_code_text(result));
  return 0;
}

static int core_unwatch(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  rt->limits.least_block = LC_NEVER;
  long_turns_watch(rt, LC_NEVER);
  lc_watchdog_stop(rt->loop);
  return 0;
}

void watchdog_bound(runtime *rt, lc_time max_block)
{
  if (max_block < rt->limits.least_block) rt->limits.least_block = max_block;
  lc_watchdog_set_max_block(rt->loop,
                            lc_time_earlier(rt->limits.least_block, rt->limits.max_block));
}

void watchdog_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {
    {"watch", core_watch}, {"unwatch", core_unwatch}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
