/* conn/closing.c - close, abort, and half-close. */
#include "conn/closing_wait.h"

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/box.h"
#include "conn/methods.h"
#include "conn/writing.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/wait.h"

/* --------------------------------------------------------------------- close -- */

static void push_unacked(lua_State *L, size_t unacked)
{
  if (unacked == LC_UNKNOWN) lua_pushnil(L);
  else lua_pushinteger(L, (lua_Integer)unacked);
}

static int push_verdict(lua_State *L, conn_box *box)
{
  lc_verdict verdict;
  lc_conn_verdict(box->conn, &verdict);
  if (!verdict.code) {
    lua_pushboolean(L, 1);
    return 1;
  }
  conn_failure(L, box, verdict.code, "close");
  push_unacked(L, verdict.unacked);
  return 4;
}

static int push_pending(lua_State *L)
{
  lua_pushliteral(L, "pending");
  return 1;
}

static int close_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  conn_box *box = conn_check(L, 1);
  if (lc_conn_state(box->conn) == LC_STATE_CLOSED) return push_verdict(L, box);
  lc_conn_stats now; /* the closing goes on without a task that waits for it */
  lc_conn_stats_get(box->conn, &now);
  conn_failure(L, box, box->rt->current->woken, "close");
  push_unacked(L, now.unacked == LC_UNKNOWN ? LC_UNKNOWN : now.unsent + now.unacked);
  return 4;
}

/* A task that is to end does not wait here, unless it is to end because this very connection
 * ends. */
static int must_not_wait(const task *t, const conn_box *box)
{
  if (t->killing || t->canceled || box->cut == LC_CANCELED) return 1;
  int is_its_own = t->ctx ? t->ctx == conn_own_context(box) : t->by == &box->as_owner;
  return !is_its_own && task_ended(t) && lc_conn_state(box->conn) < LC_STATE_CLOSING;
}

int conn_may_await_end(lua_State *L, const conn_box *box)
{
  const task *t = task_running(L, box->rt);
  return t && lua_isyieldable(L) && !must_not_wait(t, box);
}

int conn_await_end(lua_State *L, conn_box *box, int waits)
{
  if (lc_conn_state(box->conn) == LC_STATE_CLOSED) return push_verdict(L, box);
  if (!waits) return push_pending(L);
  task *t = task_running(L, box->rt);
  lc_list_append(&box->waiting, &t->in_queue);
  t->is_kept = 1;
  return task_suspend(L, t, "close", box, NULL, 0, close_done);
}

static int close_with(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, 1);
  lc_time linger = (lc_time)kept;
  int waits = linger >= 0 && conn_may_await_end(L, box);
  (void)status;
  if (lc_conn_state(box->conn) != LC_STATE_CLOSED) {
    lc_conn_close(box->conn, linger, "close");
    conn_end_context(box, "closed");
  }
  return conn_await_end(L, box, waits);
}

static int close_fairly(lua_State *L, const conn_box *box, lc_time linger)
{
  task *t = task_running(L, box->rt);
  lua_settop(L, 1);
  if (t && task_is_spent(t)) return task_yield(L, t, (lua_KContext)linger, close_with);
  return close_with(L, LUA_OK, (lua_KContext)linger);
}

static int conn_close(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_time linger = lc_conn_settings(box->conn)->linger;
  linger_argument(L, 2, &linger);
  return close_fairly(L, box, linger);
}

/* Lua calls this for a to-be-closed variable. The second argument is an error or nil, and no
 * linger. */
static int conn_close_variable(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  return close_fairly(L, box, lc_conn_settings(box->conn)->linger);
}

static int push_true(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  lua_pushboolean(L, 1);
  return 1;
}

static int conn_abort(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_running(L, box->rt);
  lc_conn_abort(box->conn, "abort");
  conn_end_context(box, "closed");
  if (t && task_is_spent(t)) return task_yield(L, t, 0, push_true);
  return push_true(L, LUA_OK, 0);
}

/* ------------------------------------------------------------------ half-close -- */

static int shut_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_running(L, box->rt);
  int result = t ? t->woken : 0;
  (void)status;
  if (t) t->woken = 0;
  if (!result) result = conn_is_being_written(box, t) ? LC_AGAIN : 0;
  if (!result) result = lc_conn_shutdown(box->conn, (int)kept);
  if (result == LC_AGAIN) {
    t = task_current(L, box->rt, "conn:shutdown");
    result = task_ended(t);
    if (!result) return conn_wait_flushed(L, t, box, "shutdown", kept, shut_more);
  }
  conn_end_write(box, t);
  if (result < 0) return conn_failure(L, box, result, "shutdown");
  lua_pushboolean(L, 1);
  return 1;
}

static int conn_shutdown(lua_State *L)
{
  static const char *const names[] = {"write", "read", "both", NULL};
  static const int how[] = {SHUT_WR, SHUT_RD, SHUT_RDWR};
  conn_box *box = conn_check(L, 1);
  int choice = how[check_choice(L, 2, NULL, names)];
  lua_settop(L, 1);
  task *t = task_running(L, box->rt);
  if (t) {
    t->woken = 0;
    if (task_is_spent(t)) return task_yield(L, t, choice, shut_more);
  }
  return shut_more(L, LUA_OK, choice);
}

void conn_open_closing(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"close", conn_close}, {"abort", conn_abort}, {"shutdown", conn_shutdown}, {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
  lua_pushcfunction(L, conn_close_variable);
  lua_setfield(L, -3, "__close"); /* in the metatable, which lies below the methods */
}
