/* wait/work.c - guards of work that belongs to no connection: while one is held, the process's
 * drain goes on.
 *
 * A guard is held until it is released: by `done`, by the end of its scope, or by the collector,
 * which is logged. Its record lies apart from its object, because the list must outlive a collected
 * object.
 */
#include "wait/work.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "conn/stragglers.h"
#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"

static const char TYPE[] = "lastcall.work";

enum { NAME_MOST = 100 };

typedef struct work {
  lc_link in_works; /* in `held`; or in `lost` until it has been logged */
  uint64_t number;
  lc_time since;
  char name[NAME_MOST]; /* "" for none */
  char place[LUA_IDSIZE + 16];
} work;

struct works {
  lc_link held;  /* guards that are held */
  lc_link lost;  /* collected while held, and not logged yet */
  uint64_t last; /* number */
};

typedef struct guard {
  runtime *rt;
  work *held; /* NULL once it is released */
} guard;

static void note_place(lua_State *L, work *w)
{
  if (!push_script_place(L, L, 1)) return;
  snprintf(w->place, sizeof w->place, "%s", lua_tostring(L, -1));
  lua_pop(L, 1);
}

/* work([name], [place]): makes a guard. The place is where it is taken, unless the modules give
 * another. */
static int core_work(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const char *name = optional_string(L, 1, ""), *place = optional_string(L, 2, NULL);
  guard *made = lua_newuserdatauv(L, sizeof *made, 0);
  *made = (guard){rt, NULL};
  luaL_setmetatable(L, TYPE);
  work *w = calloc(1, sizeof *w);
  if (!w) return luaL_error(L, "not enough memory for a guard");
  w->number = ++rt->works->last;
  w->since = lc_loop_clock(rt->loop);
  snprintf(w->name, sizeof w->name, "%s", name);
  if (place) snprintf(w->place, sizeof w->place, "%s", place);
  else note_place(L, w);
  lc_list_append(&rt->works->held, &w->in_works);
  if (rt->shutdown) lc_shutdown_guard(rt->shutdown);
  made->held = w;
  return 1;
}

static int work_done(lua_State *L)
{
  guard *of = check_object(L, 1, TYPE);
  runtime *rt = of->rt;
  work *w = of->held;
  of->held = NULL;
  if (!w || !rt->loop) return 0; /* works_free comes first when the state is closed */
  lc_list_remove(&w->in_works);
  if (rt->shutdown) lc_shutdown_unguard(rt->shutdown);
  if (!is_collected(L)) {
    free(w);
    return 0;
  }
  lc_list_append(&rt->works->lost,
                 &w->in_works); /* logged later: a finalizer runs no script code */
  lc_loop_wake(rt->loop);
  return 0;
}

/* Into the table at the top. */
static void describe(lua_State *L, const work *w)
{
  if (w->name[0]) {
    lua_pushstring(L, w->name);
    lua_setfield(L, -2, "name");
  }
  lua_pushstring(L, w->place);
  lua_setfield(L, -2, "taken");
}

static int tell(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  const work *w = LC_OWNER(rt->works->lost.next, work, in_works);
  lua_settop(L, 0);
  lua_pushliteral(L, "warning");
  lua_pushliteral(L, "work guard lost");
  lua_createtable(L, 0, 2);
  describe(L, w);
  runtime_hook(L, rt, "log", 3);
  return 0;
}

static void drop_first(lc_link *list)
{
  work *w = LC_OWNER(list->next, work, in_works);
  lc_list_remove(&w->in_works);
  free(w);
}

void works_tell_lost(runtime *rt)
{
  while (!lc_list_is_empty(&rt->works->lost)) {
    runtime_protect(rt, tell, rt);
    drop_first(&rt->works->lost);
  }
}

/* Pushes a straggler with its name, where it was taken, and how long it has been held. [0, +1] */
static void push_held(lua_State *L, runtime *rt, const work *w)
{
  lua_createtable(L, 0, 5);
  describe(L, w);
  lua_pushinteger(L, (lua_Integer)w->number);
  lua_setfield(L, -2, "work");
  lua_pushnumber(L, lc_to_seconds(lc_loop_clock(rt->loop) - w->since));
  lua_setfield(L, -2, "age");
  lua_pushliteral(L, "held");
  lua_setfield(L, -2, "fate");
}

void works_note_held(lua_State *L, runtime *rt)
{
  for (lc_link *link = rt->works->held.next; link != &rt->works->held; link = link->next) {
    const work *w = LC_OWNER(link, work, in_works);
    if (!stragglers_claim_work(L, rt, w->number)) continue;
    push_held(L, rt, w);
    stragglers_add_work(L, rt, w->number);
  }
}

lua_Integer works_push(lua_State *L, runtime *rt, lua_Integer most)
{
  lua_Integer count = 0;
  for (lc_link *link = rt->works->held.next; link != &rt->works->held; link = link->next) {
    if (++count > most) continue;
    push_held(L, rt, LC_OWNER(link, work, in_works));
    lua_rawseti(L, -2, count);
  }
  return count;
}

void works_guard_shutdown(runtime *rt)
{
  for (lc_link *link = rt->works->held.next; link != &rt->works->held; link = link->next)
    lc_shutdown_guard(rt->shutdown);
}

void works_free(runtime *rt)
{
  while (!lc_list_is_empty(&rt->works->held)) drop_first(&rt->works->held);
  while (!lc_list_is_empty(&rt->works->lost)) drop_first(&rt->works->lost);
}

void works_open(lua_State *L, runtime *rt)
{
  rt->works = runtime_part(L, sizeof *rt->works);
  lc_list_init(&rt->works->held);
  lc_list_init(&rt->works->lost);
}

void work_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"work", core_work}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  register_ending(L, TYPE, work_done);
}
