/* conn/detach.c - hands over a connection: its descriptor, the bytes already read, and a ticket.
 *
 * The ladder counts the connection until the ticket is done. It cannot close the descriptor, so it
 * calls the script: `on_drain` runs as a task when the drain begins, and `on_kill` as a callback
 * when the drain's time is over. Both get the connection as their argument, and until then the box
 * is kept alive. The ticket keeps the box, but the box does not keep the ticket. So a ticket that
 * the script no longer holds is collected, and is done by that.
 */
#include "conn/detach.h"

#include <lauxlib.h>
#include <lua.h>

#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/keeping.h"
#include "conn/methods.h"
#include "conn/staying.h"
#include "conn/writing.h"
#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/context.h"
#include "task/wait.h"

static const char TICKET_TYPE[] = "lastcall.ticket";

static void end_detached(conn_box *box)
{
  if (!box->is_detached) return;
  box->is_detached = 0;
  if (!box->rt->loop || !box->conn) return; /* a finalizer may run after the loop has ended */
  lc_conn_release_detached(box->conn);
  conn_unanchor_when_over(box);
}

static int ticket_done(lua_State *L)
{
  conn_box **held = check_object(L, 1, TICKET_TYPE);
  if (*held) end_detached(*held);
  *held = NULL;
  return 0;
}

/* ------------------------------------------------------------------ the ladder -- */

static int push_hook(lua_State *L, conn_box *box, const char *name)
{
  if (!box->is_detached || !conn_push(L, box)) return 0;
  if (conn_kept_value(L, -1, CONN_HOOKS) != LUA_TTABLE || lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_settop(L, lua_gettop(L) - 2);
    return 0;
  }
  lua_remove(L, -2);
  lua_insert(L, -2);
  return 1;
}

/* The context of the connection has ended with the connection, so the task belongs to the
 * server. */
void conn_drain_detached(lua_State *L, conn_box *box)
{
  int top = lua_gettop(L);
  server_base *server = box->of_server;
  if (box->is_drain_told) return;
  box->is_drain_told = 1;
  if (push_hook(L, box, "on_drain"))
    task_start(L, box->rt, server ? &server->as_owner : NULL,
               server ? server->ctx : box->rt->contexts->process, 1);
  lua_settop(L, top);
}

void conn_kill_detached(lua_State *L, conn_box *box)
{
  int top = lua_gettop(L);
  if (push_hook(L, box, "on_kill")) runtime_callback(L, box->rt, 1);
  lua_settop(L, top);
  end_detached(box);
}

void conn_forget_detached(lua_State *L, conn_box *box)
{
  int top = lua_gettop(L);
  if (box->is_detached && !push_hook(L, box, "on_drain") && !push_hook(L, box, "on_kill"))
    end_detached(box);
  lua_settop(L, top);
}

/* ------------------------------------------------------------------- handing over -- */

static int is_draining(const conn_box *box)
{
  return box->of_server && box->of_server->server &&
         lc_server_step(box->of_server->server) >= LC_STEP_DRAIN;
}

enum { CONN = 1, HOOKS, TICKET, BYTES };

/* Does everything that may raise an error, while the script does not own the descriptor yet. The
 * stack has the connection and the hooks; pushes the ticket and the bytes. */
static void prepare(lua_State *L, conn_box *box)
{
  lc_slice rest;
  lua_settop(L, HOOKS);
  conn_box **held = lua_newuserdatauv(L, sizeof *held, 1);
  *held = NULL;
  luaL_setmetatable(L, TICKET_TYPE);
  lua_pushvalue(L, CONN);
  lua_setiuservalue(L, TICKET, 1);
  lua_pushvalue(L, HOOKS);
  conn_keep_value(L, CONN, CONN_HOOKS);
  if (box->anchor == LUA_NOREF) {
    lua_pushvalue(L, CONN);
    conn_keep(L, box);
    lua_pop(L, 1);
  }
  lc_conn_buffered(box->conn, &rest);
  lua_pushlstring(L, rest.data, rest.length);
}

static int drain_protected(lua_State *L)
{
  conn_drain_detached(L, lua_touserdata(L, 1));
  return 0;
}

static int hand_over(lua_State *L, conn_box *box, int fd)
{
  conn_box **held = lua_touserdata(L, TICKET);
  *held = box;
  box->is_detached = 1;
  conn_end_context(box, "detached");
  if (is_draining(box)) runtime_protect_on(L, box->rt, drain_protected, box);
  lc_conn_take(box->conn, lua_rawlen(L, BYTES));
  lua_pushinteger(L, fd);
  lua_pushvalue(L, BYTES);
  lua_pushvalue(L, TICKET);
  return 3;
}

static int detach_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, CONN);
  task *t = task_running(L, box->rt);
  int result = t ? t->woken : 0, fd = -1;
  (void)status;
  if (t) t->woken = 0;
  if (!result) result = conn_is_being_written(box, t) ? LC_AGAIN : 0;
  if (!result) {
    prepare(L, box);
    result = lc_conn_detach(box->conn, &fd);
  }
  if (result < 0) conn_unanchor_when_over(box);
  if (result == LC_AGAIN) {
    t = task_current(L, box->rt, "conn:detach");
    result = task_ended(t);
    if (!result) return conn_wait_flushed(L, t, box, "detach", kept, detach_more);
  }
  conn_end_write(box, t);
  return result < 0 ? conn_failure(L, box, result, "detach") : hand_over(L, box, fd);
}

/* The Lua modules have checked the table. */
static int conn_detach(lua_State *L)
{
  conn_box *box = conn_check(L, CONN);
  conn_refuse_http(L, box, "conn:detach");
  lua_settop(L, HOOKS);
  task *t = task_running(L, box->rt);
  if (t) {
    t->woken = 0;
    if (task_is_spent(t)) return task_yield(L, t, 0, detach_more);
  }
  return detach_more(L, LUA_OK, 0);
}

void conn_open_detach(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"detach", conn_detach}, {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
  register_ending(L, TICKET_TYPE, ticket_done);
}
