/* task/coroutine.c - coroutines that know tasks: a wait inside a generator suspends the whole task.
 *
 *   loop -> task -> generator -> generator     lua_resume, downwards
 *      <------ a wait: each yields in turn     lua_yieldk, upwards
 *      ------> woken: each resumes in turn     by its continuation, downwards
 *
 * A task knows the coroutines nested in it (`levels`). Each of them passes a yield
 * for the loop (`lets_go`) on; any other yield belongs to a generator and stops
 * there. Only the loop may resume a coroutine that is suspended with its task. Such
 * coroutines are in tasks.busy. Their status is "normal", like that of a
 * coroutine that has resumed another.
 *
 * Outside a task these functions act like the standard ones.
 */
#include "task/coroutine.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "runtime/interrupt.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/functions.h"
#include "task/scope.h"
#include "task/suspension.h"
#include "task/task.h"
#include "task/wait.h"

static int close_coroutine(lua_State *co, lua_State *from)
{
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, from);
#else
  (void)from;
  return lua_resetthread(co);
#endif
}

/* ------------------------------------------------------------- busy coroutines -- */

static void set_busy(lua_State *L, const runtime *rt, const lua_State *co, int is_busy)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->tasks->busy);
  if (is_busy) lua_pushboolean(L, 1);
  else lua_pushnil(L);
  lua_rawsetp(L, -2, co);
  lua_pop(L, 1);
}

static int is_busy(lua_State *L, const runtime *rt, const lua_State *co)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->tasks->busy);
  int found = lua_rawgetp(L, -1, co) != LUA_TNIL;
  lua_pop(L, 2);
  return found;
}

void coroutine_forget(task *t)
{
  if (t->is_exposed) set_busy(t->rt->L, t->rt, t->co, 0);
  t->is_exposed = 0;
}

/* ---------------------------------------------------------------------- levels -- */

static void push_level(lua_State *L, task *t, lua_State *co)
{
  task_extra *extra = task_need_extra(t);
  if (extra && extra->depth == extra->room) {
    unsigned room = extra->room ? extra->room * 2 : 4;
    nesting *levels = realloc(extra->levels, room * sizeof *levels);
    if (levels) {
      extra->levels = levels;
      extra->room = room;
    }
  }
  if (!extra || extra->depth == extra->room) {
    luaL_error(L, "not enough memory for a coroutine");
    return;
  }
  nesting *inner = &extra->levels[extra->depth];
  *inner = (nesting){.co = co};
  if (extra->depth) inner->barrier = extra->levels[extra->depth - 1].barrier;
  if (t->rt->innermost != L) inner->barrier = LEVEL_FOREIGN;
  else if (!inner->barrier && !lua_isyieldable(L)) inner->barrier = LEVEL_IN_C;
  extra->depth++;
}

/* Pops the levels down to that of `co`, and that level too. */
static void pop_level(lua_State *L, task *t, const lua_State *co)
{
  for (int found = 0; task_depth(t) && !found;) {
    const nesting *inner = &t->extra->levels[--t->extra->depth];
    if (inner->is_marked) set_busy(L, t->rt, inner->co, 0);
    found = inner->co == co;
  }
}

/* The task is suspended in the middle of a resume. */
static void mark_levels(lua_State *L, task *t)
{
  nesting *levels = t->extra->levels;
  for (unsigned i = t->extra->depth; i > 0 && !levels[i - 1].is_marked; i--) {
    levels[i - 1].is_marked = 1;
    set_busy(L, t->rt, levels[i - 1].co, 1);
  }
}

int coroutine_is_closing(lua_State *co)
{
  lua_Debug frame;
  return lua_status(co) == LUA_OK && lua_getstack(co, 0, &frame);
}

/* Closes `co` in any other state, and ends the waits for it. Returns a status, as lua_resetthread
 * does. */
static int close_told(lua_State *L, runtime *rt, lua_State *co)
{
  if (coroutine_is_closing(co)) return LUA_OK;
  lua_State *before = rt->innermost;
  int by_force = rt->current && rt->current->killing;
  lc_work work = LC_WORK_NONE;
  rt->innermost = co;
  if (by_force) work = interrupt_enter(rt, co, LC_WORK_ENDING);
  int status = close_coroutine(co, L);
  rt->innermost = before;
  interrupt_leave(rt, co);
  if (by_force) lc_loop_enter(rt->loop, work);
  return status;
}

int coroutine_close_nested(lua_State *L, task *t)
{
  int failed = LUA_OK, top = lua_gettop(L);
  while (task_depth(t) && t->extra->levels[t->extra->depth - 1].co != L) {
    lua_State *inner = t->extra->levels[t->extra->depth - 1].co;
    int status = close_told(L, t->rt, inner);
    pop_level(L, t, inner);
    if (status == LUA_OK) continue;
    failed = status;
    lua_settop(L, top); /* only the last error is the outcome */
    lua_xmove(inner, L, 1);
  }
  return failed;
}

int task_close_coroutines(lua_State *L, task *t)
{
  int failed = coroutine_close_nested(L, t);
  int status = close_told(L, t->rt, t->co);
  if (failed == LUA_OK) return status;
  if (status == LUA_OK) lua_xmove(L, t->co, 1);
  else lua_pop(L, 1);
  return status == LUA_OK ? failed : status;
}

/* -------------------------------------------------------------------- resuming -- */

typedef enum { DEAD, SUSPENDED, NORMAL, RUNNING } state;
static const char *const STATES[] = {"dead", "suspended", "normal", "running"};

static state state_of(lua_State *L, const runtime *rt, lua_State *co)
{
  lua_Debug frame;
  if (co == L) return RUNNING;
  switch (lua_status(co)) {
    case LUA_YIELD: return is_busy(L, rt, co) ? NORMAL : SUSPENDED;
    case LUA_OK:
      if (lua_getstack(co, 0, &frame)) return NORMAL;
      return lua_gettop(co) ? SUSPENDED : DEAD;
    default: return DEAD;
  }
}

/* Moves the results from `co` to L. Returns how many, or -1 and an error. */
static int take_results(lua_State *L, lua_State *co, int status, int count)
{
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, count + 1)) {
    lua_pop(co, count);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, count);
  return count;
}

/* Runs `co`; in a task its level has been pushed. Does not return when the task is suspended: then
 * `again` calls this once more. */
static int run(lua_State *L, runtime *rt, lua_State *co, int arguments, lua_KFunction again)
{
  task *t = rt->current;
  lua_State *before = rt->innermost;
  int count = 0;
  if (t && rt->tasks->scopes_aside) scopes_enter(L, t, co);
  rt->innermost = co;
  int status = lua_resume(co, L, arguments, &count);
  rt->innermost = before;
  interrupt_leave(rt, co);
  if (!t) return take_results(L, co, status, count);
  if (status == LUA_YIELD && t->lets_go) {
    mark_levels(L, t);
    suspension_begin(L, rt);
    return lua_yieldk(L, 0, (lua_KContext)t, again);
  }
  if (status == LUA_YIELD && task_scopes(t)) scopes_leave(L, t, co);
  pop_level(L, t, co);
  if (t->is_forced) interrupt_arm(rt); /* the coroutine outside it must end too */
  return take_results(L, co, status, count);
}

/* The arguments, `count` of them, lie at the top of L. */
static int begin(lua_State *L, runtime *rt, lua_State *co, int count, lua_KFunction again)
{
  state is = state_of(L, rt, co);
  if (is != SUSPENDED) {
    lua_pushfstring(L, "cannot resume %s coroutine", is == DEAD ? "dead" : "non-suspended");
    return -1;
  }
  if (!lua_checkstack(co, count)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  if (rt->tasks->scopes_aside && rt->current)
    task_context(L, rt->current); /* a ctx:call in there goes back to it */
  if (rt->current) push_level(L, rt->current, co);
  lua_xmove(L, co, count);
  return run(L, rt, co, count, again);
}

/* Whether the loop resumes this level, and not other code behind our back. `mark`: where the
 * suspension lies, above the values that the function keeps on its stack. */
static int is_for_us(lua_State *L, runtime *rt, lua_KContext kept, int mark)
{
  if ((lua_KContext)rt->current != kept || rt->innermost != L) {
    lua_settop(L, mark);
    return 0;
  }
  suspension_end(L, rt, mark);
  return 1;
}

static int finish_resume(lua_State *L, int results)
{
  lua_pushboolean(L, results >= 0);
  if (results < 0) results = 1;
  lua_insert(L, -(results + 1));
  return results + 1;
}

static int resume_again(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  (void)status;
  if (!is_for_us(L, rt, kept, 2)) return lua_yieldk(L, 0, kept, resume_again);
  return finish_resume(L, run(L, rt, lua_tothread(L, 1), 0, resume_again));
}

static lua_State *check_coroutine(lua_State *L, int index)
{
  lua_State *co = lua_tothread(L, index);
  if (!co) argument_type_error(L, index, "coroutine");
  return co;
}

static int coroutine_resume(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_State *co = check_coroutine(L, 1);
  return finish_resume(L, begin(L, rt, co, lua_gettop(L) - 1, resume_again));
}

static int finish_wrap(lua_State *L, lua_State *co, int results)
{
  if (results >= 0) return results;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) { /* an error in it: its <close> variables run */
    status = close_told(L, runtime_upvalue(L), co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int wrap_again(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  lua_State *co = lua_tothread(L, lua_upvalueindex(2));
  (void)status;
  if (!is_for_us(L, rt, kept, 1)) return lua_yieldk(L, 0, kept, wrap_again);
  return finish_wrap(L, co, run(L, rt, co, 0, wrap_again));
}

static int wrapped(lua_State *L)
{
  lua_State *co = lua_tothread(L, lua_upvalueindex(2));
  return finish_wrap(L, co, begin(L, runtime_upvalue(L), co, lua_gettop(L), wrap_again));
}

/* ------------------------------------------------------------- the other functions -- */

static int coroutine_create(lua_State *L)
{
  check_type(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static int coroutine_wrap(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_pushlightuserdata(L, rt);
  coroutine_create(L);
  lua_pushcclosure(L, wrapped, 2);
  return 1;
}

static int coroutine_close(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_State *co = check_coroutine(L, 1);
  state is = state_of(L, rt, co);
  if (is != DEAD && is != SUSPENDED)
    return luaL_error(L, "cannot close a %s coroutine", STATES[is]);
  int status = close_told(L, rt, co);
  lua_pushboolean(L, status == LUA_OK);
  if (status == LUA_OK) return 1;
  lua_xmove(co, L, 1);
  return 2;
}

static int coroutine_status(lua_State *L)
{
  lua_pushstring(L, STATES[state_of(L, runtime_upvalue(L), check_coroutine(L, 1))]);
  return 1;
}

static int is_script_main(const runtime *rt, const lua_State *co)
{
  return rt->current && rt->current->is_main && rt->current->co == co;
}

/* be_main(): from now on the task's coroutine looks like the main one to its script, as if the
 * interpreter ran the script. */
static int core_be_main(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  if (rt->current) rt->current->is_main = 1;
  return 0;
}

static int coroutine_running(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  task *t = rt->current;
  if (t && t->co == L && !t->is_exposed) { /* now the script could try to resume it */
    set_busy(L, rt, L, 1);
    t->is_exposed = 1;
  }
  int is_main = lua_pushthread(L) || is_script_main(rt, L);
  lua_pushboolean(L, is_main);
  return 2;
}

static int coroutine_isyieldable(lua_State *L)
{
  lua_State *co = lua_isnone(L, 1) ? L : check_coroutine(L, 1);
  lua_pushboolean(L, lua_isyieldable(co) && !is_script_main(runtime_upvalue(L), co));
  return 1;
}

/* In a task itself, outside any generator, it lets the other tasks run. */
static int coroutine_yield(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  task *t = rt->current;
  if (!t || t->co != L || rt->innermost != L) return lua_yield(L, lua_gettop(L));
  if (t->is_main) return luaL_error(L, "attempt to yield from outside a coroutine");
  lua_settop(L, 0);
  if (t->killing) return 0;
  if (!lua_isyieldable(L)) return luaL_error(L, "attempt to yield across a C-call boundary");
  return task_yield(L, t, 0, task_return);
}

void coroutine_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"create", coroutine_create},
                                       {"wrap", coroutine_wrap},
                                       {"resume", coroutine_resume},
                                       {"close", coroutine_close},
                                       {"status", coroutine_status},
                                       {"running", coroutine_running},
                                       {"isyieldable", coroutine_isyieldable},
                                       {"yield", coroutine_yield},
                                       {NULL, NULL}};
  static const luaL_Reg beside[] = {{"be_main", core_be_main}, {NULL, NULL}};
  register_functions(L, rt, "", beside);
  lua_newtable(L);
  register_functions(L, rt, "coroutine.", functions);
  lua_setfield(L, -2, "coroutine");
}
