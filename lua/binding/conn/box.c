/* conn/box.c - connections as Lua objects: their birth, the context that is their own, and their
 * failures.
 *
 * A box is a full userdata that holds a counted reference to an lc_conn. While a handler serves the
 * connection or tasks belong to it, the box is anchored. Other boxes (connect, accept) live as long
 * as the script holds them. If one is collected while its connection is open, the connection is
 * closed in the background, and that is logged.
 *
 * With `start = "data"` no box exists before the handler begins, nor after a handler has returned
 * between two units; only that of a busy connection stays for a second (staying.c). It is made when
 * the script needs to see it, and made again if it was collected meanwhile. So a box is anchored as
 * soon as a value is kept with it.
 *
 * The user value of a box is the server. When more is kept with the box, it is a table with
 * CONN_SERVER and so on.
 */
#include "conn/box.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/exchange.h"
#include "conn/farewell.h"
#include "conn/keeping.h"
#include "conn/staying.h"
#include "runtime/runtime.h"
#include "script/failure.h"
#include "script/raise.h"
#include "task/context.h"
#include "task/wait.h"

const char CONN_TYPE[] = "lastcall.connection";

conn_box *conn_check(lua_State *L, int index)
{
  conn_box *box = luaL_testudata(L, index, CONN_TYPE);
  if (!box)
    raise_error(L, "expected a connection as self: call its methods with ':', as in conn:read()");
  runtime_check(L, box->conn ? box->rt : NULL);
  return box;
}

/* ------------------------------------------------------------------- boxes -- */

conn_box *conn_box_new(lua_State *L, runtime *rt, lc_conn *conn, server_base *server)
{
  conn_box *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (conn_box){.type = &CONN_OWNER, .rt = rt, .of_server = server, .anchor = LUA_NOREF};
  if (server) {
    runtime_push_anchored(L, rt, server->anchor);
    lua_setiuservalue(L, -2, 1);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->conns->type);
  lua_setmetatable(L, -2);
  conn_bind(box, conn);
  return box;
}

typedef struct newborn {
  runtime *rt;
  lc_conn *conn;
  server_base *server;
} newborn;

static int make_box(lua_State *L)
{
  const newborn *of = lua_touserdata(L, 1);
  conn_box_new(L, of->rt, of->conn, of->server);
  return 1;
}

conn_box *conn_box_or_abort(lua_State *L, runtime *rt, lc_conn *conn, server_base *server)
{
  newborn of = {rt, conn, server};
  lua_pushcfunction(L, make_box);
  lua_pushlightuserdata(L, &of);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return lua_touserdata(L, -1);
  lc_conn_abort(conn, "no memory for its object");
  lua_error(L);
  return NULL;
}

/* ---------------------------------------------------------------- its context -- */

void conn_make_context(lua_State *L, int index, context *parent)
{
  conn_box *box = lua_touserdata(L, index);
  index = lua_absindex(L, index);
  context *ctx = context_new(L, box->rt, parent);
  lua_replace(L, -2);
  lua_pushvalue(L, -1);
  conn_keep_value(L, index, CONN_CONTEXT);
  context_adopt(L, ctx, &box->as_owner);
}

void conn_context_of(lua_State *L, int index)
{
  const conn_box *box = lua_touserdata(L, index);
  index = lua_absindex(L, index);
  if (box->has_context) {
    conn_kept_value(L, index, CONN_CONTEXT);
  } else if (!box->of_server) {
    lua_pushnil(L);
  } else {
    conn_kept_value(L, index, CONN_SERVER);
    lua_getiuservalue(L, -1, 1);
    lua_remove(L, -2);
    conn_make_context(L, index, lua_touserdata(L, -1));
  }
}

void conn_push_context(lua_State *L, conn_box *box)
{
  if (!box->has_context && !box->of_server) {
    lua_pushnil(L);
    return;
  }
  if (!conn_push(L, box)) raise_error(L, "lastcall: the context of a connection that is gone");
  conn_context_of(L, -1);
  lua_remove(L, -2);
}

void conn_each_task(conn_box *box, void (*visit)(task *t, void *user), void *user)
{
  if (box->has_context) context_each_task(box->ctx, visit, user);
  for (lc_link *link = box->own_tasks.next; link != &box->own_tasks; link = link->next)
    visit(LC_OWNER(link, task, in_context), user);
}

context *conn_own_context(const conn_box *box) { return box->has_context ? box->ctx : NULL; }

/* When the connection has no context of its own yet, wakes the tasks that would have used it. */
static void end_own_context(conn_box *box, const char *cause)
{
  if (box->has_context) {
    context_end(box->rt->L, box->ctx, LC_CANCELED, cause);
  } else if (!box->ended) {
    box->ended = LC_CANCELED;
    box->end_cause = cause;
    for (lc_link *link = box->own_tasks.next; link != &box->own_tasks; link = link->next)
      task_wake(LC_OWNER(link, task, in_context), LC_CANCELED);
  }
}

static void hold(lua_State *L, owner *by)
{
  conn_box *box = LC_OWNER(by, conn_box, as_owner);
  if (!box->tasks && box->anchor == LUA_NOREF && conn_push(L, box)) {
    conn_keep(L, box);
    lua_pop(L, 1);
  }
  box->tasks++;
  lc_conn_hold(box->conn);
}

static int forget_context(lua_State *L)
{
  conn_box *box = lua_touserdata(L, 1);
  if (!conn_push(L, box)) return 0;
  conn_kept_value(L, -1, CONN_CONTEXT);
  context_leave_conn(L, -1);
  lua_pop(L, 1);
  lua_pushnil(L);
  conn_keep_value(L, -2, CONN_CONTEXT);
  return 0;
}

/* The next handler of the connection gets a new context. */
static void renew_context(conn_box *box)
{
  if (box->has_context) runtime_protect(box->rt, forget_context, box);
  if (box->has_context) lc_conn_abort(box->conn, "no memory for a handler");
  else box->ended = 0;
}

/* The tasks of a unit have ended. The next unit may have arrived meanwhile. */
static void rest(conn_box *box)
{
  renew_context(box);
  if (box->cut) lc_conn_dismiss(box->conn, box->cut == LC_CANCELED ? "drain timeout" : "drain");
  else if (box->unit_waits) lc_conn_unit_again(box->conn);
  box->unit_waits = 0;
}

static void release(owner *by)
{
  conn_box *box = LC_OWNER(by, conn_box, as_owner);
  box->tasks--;
  if (!box->tasks) end_own_context(box, "finished");
  if (!box->tasks && box->is_unstarted && !lc_conn_error(box->conn)) rest(box);
  lc_conn_release(box->conn);
  conn_unanchor_when_over(box);
}

static int push(lua_State *L, owner *by) { return conn_push(L, LC_OWNER(by, conn_box, as_owner)); }

static void push_context(lua_State *L, owner *by)
{
  conn_push_context(L, LC_OWNER(by, conn_box, as_owner));
}

static owner *heir(owner *by)
{
  const conn_box *box = LC_OWNER(by, conn_box, as_owner);
  if (box->tasks || lc_conn_state(box->conn) != LC_STATE_CLOSED) return by;
  return box->of_server ? box->of_server->type->heir(&box->of_server->as_owner) : NULL;
}

/* The context of a request ends with its handler, before the next request is looked for. */
static void finished(owner *by, task *t)
{
  conn_box *box = LC_OWNER(by, conn_box, as_owner);
  if (t->is_awaited) {
    if (!--box->awaited && box->reader_rests) task_wake(box->reader, 0);
    return;
  }
  if (t->is_handler && conn_speaks_http(box)) conn_end_context(box, "request over");
  conn_finished(by, t);
}

const owner_type CONN_OWNER = {.push = push,
                               .hold = hold,
                               .release = release,
                               .heir = heir,
                               .push_context = push_context,
                               .finished = finished};

/* ------------------------------------------------------------------ failures -- */

/* An end of a pipe goes one way. The script has taken it for the other end. */
static void refuse_direction(lua_State *L, const conn_box *box, const char *operation)
{
  if (!lc_conn_can_write(box->conn))
    raise_error(L, "conn:%s: this is the read end of a pipe: nothing can be written to it",
                operation);
  if (!lc_conn_can_read(box->conn))
    raise_error(L,
                "conn:%s: this is the write end of a pipe: nothing can be read from it, and only "
                "close() tells its reader that no more comes",
                operation);
}

int conn_failure(lua_State *L, conn_box *box, int code, const char *operation)
{
  if (code == -EOPNOTSUPP) refuse_direction(L, box, operation);
  task *t = task_running(L, box->rt);
  if (t && code != LC_FULL) task_failed(t);
  const char *reason =
    code == lc_conn_error(box->conn) || code == LC_TRUNCATED ? lc_conn_reason(box->conn) : NULL;
  return push_conn_failure(L, code, box->conn, operation, reason);
}

static int failed_fairly(lua_State *L, int status, lua_KContext count)
{
  (void)L;
  (void)status;
  return (int)count;
}

int conn_fail_fairly(lua_State *L, conn_box *box, int code, const char *operation)
{
  task *t = task_running(L, box->rt);
  int count = conn_failure(L, box, code, operation);
  if (t && code != LC_FULL && task_is_spent(t)) return task_yield(L, t, count, failed_fairly);
  return count;
}

void conn_end_waits(conn_box *box)
{
  if (box->reader) task_wake(box->reader, LC_CANCELED);
  if (box->writer) task_wake(box->writer, LC_CANCELED);
  tasks_wake(&box->waiting, LC_CANCELED);
}

static void wake_writers(conn_box *box, int code)
{
  for (lc_link *link = box->waiting.next, *next; link != &box->waiting; link = next) {
    task *t = LC_OWNER(link, task, in_queue);
    next = link->next;
    if (t->wants_turn) task_wake(t, code);
  }
}

/* Ends the context of a connection that has ended. First wakes the tasks that wait on the
 * connection itself, because their next attempt returns a more exact code than `canceled`. */
void conn_end_context(conn_box *box, const char *cause)
{
  if (lc_conn_error(box->conn) && !box->connecting) {
    if (box->reader) task_wake(box->reader, 0);
    if (box->writer) task_wake(box->writer, 0);
    wake_writers(box, 0);
  }
  end_own_context(box, cause);
}
