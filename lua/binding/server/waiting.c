/* server/waiting.c - tasks that wait for a server: for its next connection, or for its end. */
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/leaks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "server/box.h"
#include "server/events.h"
#include "server/methods.h"
#include "task/wait.h"

/* ---------------------------------------------------------------------- accept -- */

static int accept_more(lua_State *L, int status, lua_KContext kept)
{
  server_box *box = server_check(L, 1);
  task *t = box->rt->current;
  lc_conn *conn;
  (void)status;
  int result = t->woken;
  t->woken = 0;
  if (!result) result = lc_server_accept(box->server, &conn);
  if (!result) {
    conn_box *made = conn_box_or_abort(L, box->rt, conn, &box->as_base);
    conn_keep_weakly(L, made);
    server_tell_new(L, box, conn);
    return 1;
  }
  if (result == LC_AGAIN) {
    result = task_ended(t);
    if (!result) {
      lc_list_append(&box->acceptors, &t->in_queue);
      if (kept) task_alarm(t, (lc_time)kept);
      t->at_rest = t->is_kept = 1;
      return task_suspend(L, t, "accept", box, NULL, kept, accept_more);
    }
  }
  task_failed(t);
  return push_failure(L, result, NULL, "accept");
}

static int server_accept(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_time seconds = optional_seconds(L, 2);
  if (box->handler != LUA_NOREF)
    raise_error(L,
                "server:accept: this server hands its connections to the handler given to serve");
  task *t = task_current(L, box->rt, "server:accept");
  lc_time at = lc_time_add(lc_loop_clock(box->rt->loop), seconds);
  lua_settop(L, 1);
  t->woken = 0;
  lua_KContext deadline = at == LC_NEVER ? 0 : (lua_KContext)at;
  if (task_is_spent(t)) return task_yield(L, t, deadline, accept_more);
  return accept_more(L, LUA_OK, deadline);
}

/* -------------------------------------------------------------------- waiting -- */

/* Returns true after a change (or at once when the server is done), else nil, code, message. */
static int changed(lua_State *L, int status, lua_KContext kept)
{
  server_box *box = server_check(L, 1);
  task *t = box->rt->current;
  (void)status;
  (void)kept;
  if (!t->woken || box->is_done) {
    lua_pushboolean(L, 1);
    return 1;
  }
  return push_failure(L, t->woken, NULL, "wait");
}

/* server_wait_change(server, [seconds], [for_end]): waits for the next change, or only for the end.
 * Raises when a task of this server would wait for its end. */
static int server_wait_change(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_time seconds = optional_seconds(L, 2);
  int for_end = lua_toboolean(L, 3);
  task *t = task_current(L, box->rt, for_end ? "server:wait" : "server:wait_for");
  if (for_end && owner_server(t->by) == &box->as_base)
    raise_error(L,
                "server:wait: a task of a server cannot wait for that server's end: it would wait "
                "for itself");
  lua_settop(L, 1);
  t->woken = 0;
  if (box->is_done) return changed(L, LUA_OK, 0);
  if (task_ended(t)) {
    task_failed(t);
    return push_failure(L, task_ended(t), NULL, "wait");
  }
  lc_list_append(for_end ? &box->end_waiters : &box->waiters, &t->in_queue);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(box->rt->loop), seconds));
  t->is_kept = 1;
  return task_suspend(L, t, "server:wait", box, NULL, 0, changed);
}

void server_open_waiting(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"accept", server_accept}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"server_wait_change", server_wait_change}, {NULL, NULL}};
  server_register(L, rt, methods, functions);
}
