/* runtime/watched.c - the script's work outside tasks; logs the work that has held the loop too
 * long. */
#include "runtime/watched.h"

#include <lua.h>
#include <stdatomic.h>

#include "runtime/interrupt.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "script/failure.h"

void runtime_protect_script(runtime *rt, lua_CFunction function, void *argument)
{
  int outermost = !rt->innermost; /* if not, it is part of watched work already */
  lc_work before = LC_WORK_NONE;
  if (outermost) before = interrupt_enter(rt, rt->L, LC_WORK_SCRIPT);
  runtime_protect(rt, function, argument);
  if (!outermost) return;
  rt->innermost = NULL;
  script_work_done(rt);
  lc_loop_enter(rt->loop, before);
}

static const blocker NO_TASK = {0};

void script_work_done(runtime *rt)
{
  if (interrupt_work_done(rt)) blocked_tell(rt, &NO_TASK);
}

/* ---------------------------------------------------------------------- the log -- */

typedef struct blocking {
  runtime *rt;
  const blocker *by;
  lc_time held;
} blocking;

static void set_string(lua_State *L, const char *name, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* "loop blocked": which work has held the loop, for how long, and where. */
static int tell(lua_State *L)
{
  const blocking *now = lua_touserdata(L, 1);
  const blocker *by = now->by;
  interrupt *i = &now->rt->interrupt;
  char peer[LC_ADDRESS_TEXT_MAX], label[120];
  lua_settop(L, 0);
  lua_pushliteral(L, "warning");
  lua_pushliteral(L, "loop blocked");
  lua_createtable(L, 0, 5);
  lua_pushnumber(L, lc_to_seconds(now->held));
  lua_setfield(L, -2, "seconds");
  if (by->task) {
    lua_pushinteger(L, (lua_Integer)by->task);
    lua_setfield(L, -2, "task");
  }
  if (by->conn) {
    lua_pushinteger(L, (lua_Integer)lc_conn_id(by->conn));
    lua_setfield(L, -2, "connection");
    set_string(L, "peer", peer_text(by->conn, peer, sizeof peer));
    set_string(L, "request", lc_conn_label(by->conn, label, sizeof label, NULL));
  }
  set_string(L, "traceback", atomic_load(&i->has_trace) ? i->trace : "in a C function");
  report_log(L, now->rt, by->told);
  return 0;
}

void blocked_tell(runtime *rt, const blocker *by)
{
  blocking now = {rt, by, lc_watchdog_held(rt->loop)};
  turn_told(rt, by->task);
  if (now.held >= (by->max_block ? by->max_block : rt->limits.max_block))
    runtime_protect(rt, tell, &now);
  atomic_store(&rt->interrupt.has_trace, 0);
}
