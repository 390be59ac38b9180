/* watch/force.c - takes the loop back from a script that holds it.
 *
 * The watchdog's signal puts a count hook on the running coroutine. Its next
 * instruction then calls this file.
 *
 *   asked to notice: takes the traceback, and the script goes on
 *   asked to yield:  suspends the task where it is; the loop resumes it later
 *   asked to end:    suspends the task for good (frozen). Then the ladder kills it: its coroutine
 *                    is closed like any other and its <close> variables run. If the task cannot be
 *                    suspended (inside table.sort, a message handler, a __close), raises an error.
 *
 * An error unwinds the stack, and on the way <close> variables run. The depth of
 * the stack distinguishes them from code that goes on after a pcall: code deeper
 * than the catching function is cleaning up, and gets LC_ENDING_GRACE;
 * code less deep is the loop that would call the next pcall, and gets another
 * error at once.
 *
 * A message handler would run on the error with hooks disabled, and could spin for
 * ever. Lua calls no handler for an error for lack of memory. So inside an xpcall
 * this file raises one of those, by asking for more memory than there can be.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>
#include <string.h>

#include "base/list.h"
#include "runtime/interrupt.h"
#include "runtime/runtime.h"
#include "runtime/watched.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/body.h"
#include "task/task.h"
#include "task/traceback.h"
#include "task/wait.h"
#include "watch/watch.h"

enum { ENOUGH = 8 /* errors raised in one work; after that no code gets time to clean up */ };

/* ---------------------------------------------------------------------- raising -- */

static lua_CFunction function_at(lua_State *L, int level)
{
  lua_Debug frame;
  if (!lua_getstack(L, level, &frame)) return NULL;
  lua_getinfo(L, "f", &frame);
  lua_CFunction function = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  return function;
}

/* Whether xpcall's message handler, in that frame, is a C function, such as debug.traceback. */
static int has_c_handler(lua_State *L, int level)
{
  lua_Debug frame;
  if (!lua_getstack(L, level, &frame) || !lua_getlocal(L, &frame, 2)) return 0;
  int is_c = lua_iscfunction(L, -1);
  lua_pop(L, 1);
  return is_c;
}

/* How many frames there are up to the one that will catch an error raised now, including it; 0 if
 * none in this coroutine catches it. */
static int find_catcher(lua_State *L, const interrupt *i, int *calls_handler)
{
  lua_Debug frame;
  int depth = 0;
  *calls_handler = 0;
  while (lua_getstack(L, depth, &frame)) depth++;
  for (int level = 0; level < depth; level++) {
    lua_CFunction function = function_at(L, level);
    if (!function) continue;
    if (function == i->xpcall) *calls_handler = !has_c_handler(L, level);
    if (function == i->pcall || function == i->xpcall || function == task_body)
      return depth - level;
  }
  return 0;
}

static int is_cleaning_up(lua_State *L, const runtime *rt)
{
  const interrupt *i = &rt->interrupt;
  lua_Debug frame;
  return i->raised_in == L && i->raised <= ENOUGH && lua_getstack(L, i->catcher, &frame) &&
         lc_watchdog_worked(rt->loop) < i->grace_until;
}

static int note_held(lua_State *L)
{
  task *t = lua_touserdata(L, 1);
  task_push_traceback(L, t, TASK_WHOLE);
  t->extra->held = runtime_anchor(L, t->rt);
  return 0;
}

/* A hook runs in the frame of the interrupted function, where nothing may be marked to be closed,
 * as buffers do. So a traceback is made in a frame of its own, here and in take_trace. */
static void note_place(lua_State *L, task *t)
{
  task_extra *extra = task_need_extra(t);
  if (!extra || extra->held != LUA_NOREF || t->killing) return;
  runtime_protect_on(L, t->rt, note_held, t);
}

static int raise(lua_State *L, runtime *rt)
{
  interrupt *i = &rt->interrupt;
  int calls_handler;
  if (rt->current) {
    note_place(L, rt->current);
    rt->current->is_forced = 1;
  }
  i->catcher = find_catcher(L, i, &calls_handler);
  i->raised_in = L;
  i->raised++;
  i->grace_until = lc_time_add(lc_watchdog_worked(rt->loop), LC_ENDING_GRACE);
  if (calls_handler) return interrupt_raise_past_handlers(L, rt);
  lua_pushliteral(L, "lastcall: ended by force");
  return lua_error(L);
}

/* ---------------------------------------------------------------------- yielding -- */

/* Yields from the hook, without a continuation: the script goes on with the interrupted
 * instruction. */
static void yield(lua_State *L, task *t, int for_good)
{
  t->rt->tasks->loop_is_wanted = 1;
  if (for_good) {
    task_freeze(L, t, 0, NULL);
    return;
  }
  t->lets_go = 1;
  lc_list_append(&t->rt->tasks->preempted, &t->in_queue);
  t->rt->tasks->rest = PREEMPTED_TURNS;
  lua_yield(L, 0);
}

/* ------------------------------------------------------------------- what is asked -- */

/* The watchdog has checked the process's ladder. This looks up a server's own ladder, and the limit
 * of a hook or of the process's tasks. What was asked of earlier work, and has come late, ends
 * nothing. */
static int must_end(const runtime *rt, unsigned asked)
{
  const task *t = rt->current;
  lc_time now = lc_loop_clock(rt->loop);
  if (asked & LC_ASK_END) return 1;
  if (!t || !(asked & LC_ASK_YIELD)) return 0;
  if (now >= rt->limits.end_at) {
    int of_process = !t->by && !t->is_system;
    if (rt->limits.end_of ? rt->limits.end_of == t->id : of_process) return 1;
  }
  const server_base *server = owner_server(t->by);
  return server && server->server && now >= lc_server_deadline(server->server);
}

static int take_trace(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  interrupt *i = &rt->interrupt;
  if (rt->current) task_push_traceback(L, rt->current, TASK_WHOLE);
  else luaL_traceback(L, L, NULL, 1);
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (length >= sizeof i->trace) length = sizeof i->trace - 1;
  memcpy(i->trace, text, length);
  i->trace[length] = 0;
  atomic_store(&i->has_trace, 1);
  return 0;
}

static void on_count(lua_State *L, lua_Debug *event)
{
  runtime *rt = runtime_get(L);
  task *t = rt->current;
  (void)event;
  unsigned asked = lc_watchdog_asked(rt->loop);
  if (asked & LC_ASK_NOTICE) {
    rt->interrupt.noticed = 1;
    runtime_protect_on(L, rt, take_trace, rt);
  }
  /* Set it again: if it ran for a line event of the script's own hook, the count is used up. */
  interrupt_set_hook(L, rt);
  if (rt->interrupt.work) lc_loop_enter(rt->loop, rt->interrupt.work);
  rt->interrupt.work = LC_WORK_NONE;
  int end = rt->interrupt.raised || must_end(rt, asked); /* after a first error the work must end */
  int can_yield = t && !t->killing && task_barrier(L, t) == LEVEL_OPEN;
  if (end && is_cleaning_up(L, rt))
    return; /* the hook stays: the next instruction calls it again */
  if (end && !can_yield) {
    raise(L, rt);
    return;
  }
  interrupt_disarm(rt);
  if (can_yield && (end || asked & LC_ASK_YIELD)) yield(L, t, end);
}

/* limit([seconds [, task's id]]): the time within which that task, or all tasks of the process,
 * must end. */
static int core_limit(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  rt->limits.end_at = LC_NEVER;
  if (!lua_isnoneornil(L, 1))
    rt->limits.end_at = lc_time_add(lc_loop_clock(rt->loop), lc_seconds(check_number(L, 1)));
  rt->limits.end_of = (uint64_t)optional_integer(L, 2, 0);
  lc_watchdog_limit(rt->loop, rt->limits.end_at);
  return 0;
}

void force_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"limit", core_limit}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  lua_getfield(L, -1, "pcall");
  lua_getfield(L, -2, "xpcall");
  rt->interrupt.pcall = lua_tocfunction(L, -2);
  rt->interrupt.xpcall = lua_tocfunction(L, -1);
  lua_pop(L, 3);
  rt->interrupt.on_count = on_count;
}
