/* http/serving.c - serves requests in a task of the script's own: waits for each, and ends it. */
#include <lua.h>

#include "conn/box.h"
#include "conn/exchange.h"
#include "http/methods.h"
#include "runtime/runtime.h"
#include "script/register.h"
#include "task/context.h"
#include "task/wait.h"

static void forget_reader(task *t) { ((conn_box *)t->wait_object)->reader = NULL; }

static int next_request(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_self(L);
  task *t = box->rt->current;
  int why = t->woken;
  (void)status;
  t->woken = 0;
  if (lc_http_exchange_of(box->conn)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (!why) why = box->cut ? box->cut : task_ended(t);
  if (why || lc_conn_error(box->conn)) return 0;
  box->reader = t;
  t->at_rest = t->is_kept = 1;
  return task_suspend(L, t, "request", box, forget_reader, kept, next_request);
}

/* http_next(conn) -> true once a request waits; nothing when no other will come. */
static int http_next(lua_State *L)
{
  conn_box *box = conn_self(L);
  task *t = task_current(L, box->rt, "a handler of requests");
  lua_settop(L, 1);
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, 0, next_request);
  return next_request(L, LUA_OK, 0);
}

/* -------------------------------------------------- the tasks of a request -- */

static void stop_resting(task *t)
{
  conn_box *box = t->wait_object;
  box->reader = NULL;
  box->reader_rests = 0;
}

static void await(task *t, void *user)
{
  conn_box *box = user;
  if (t->by != &box->as_owner || t->is_awaited || t->is_goodbye) return;
  t->is_awaited = 1;
  box->awaited++;
}

/* http_await(conn, context): http_rest waits for the tasks of this context, which may end now. */
static int http_await(lua_State *L)
{
  conn_box *box = conn_self(L);
  context_each_task(context_check(L, 2), await, box);
  return 0;
}

static int rest(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_self(L);
  task *t = box->rt->current;
  (void)status;
  t->woken = 0;
  /* Behind an upgrade another task may read. */
  if (!box->awaited || box->reader || task_ended(t)) return 0;
  box->reader = t;
  box->reader_rests = 1;
  t->is_kept = 1;
  return task_suspend(L, t, "tasks of the request", box, stop_resting, kept, rest);
}

/* http_rest(conn): waits until the tasks that are awaited have ended. */
static int http_rest(lua_State *L)
{
  conn_box *box = conn_self(L);
  task_current(L, box->rt, "a handler of requests");
  lua_settop(L, 1);
  return rest(L, LUA_OK, 0);
}

/* ------------------------------------------------------------------- the end -- */

/* http_done(conn) -> whether another request may come. A connection that the ladder has cut is left
 * to the end of its handler, which says so to the client. */
static int http_done(lua_State *L)
{
  conn_box *box = conn_self(L);
  int goes_on = !box->cut && lc_conn_unit_ended(box->conn);
  if (!box->cut) conn_leave_exchange(box);
  lua_pushboolean(L, goes_on);
  return 1;
}

void http_open_serving(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_next", http_next},
                                       {"http_await", http_await},
                                       {"http_rest", http_rest},
                                       {"http_done", http_done},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
