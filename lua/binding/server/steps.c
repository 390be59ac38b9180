/* server/steps.c - what a step of a server's ladder does to each connection, some of them each
 * turn, and then to the tasks that belong to no connection.
 */
#include "server/steps.h"

#include <lua.h>

#include "conn/detach.h"
#include "conn/events.h"
#include "conn/stragglers.h"
#include "runtime/runtime.h"
#include "server/conns.h"
#include "task/context.h"
#include "task/run.h"
#include "task/walk.h"

/* ------------------------------------------------------------- each connection -- */

typedef struct reached {
  server_box *box;
  lc_conn *conn;
  lc_step step;
} reached;

/* A connection is not idle while its on_drain runs. */
static void start_goodbye(lua_State *L, server_box *box, lc_conn *conn)
{
  if (box->on_drain == LUA_NOREF || lc_conn_state(conn) >= LC_STATE_CLOSING) return;
  runtime_push_anchored(L, box->rt, box->on_drain);
  if (!server_push_conn(L, box, conn)) return;
  conn_box *of = lc_conn_user(conn);
  task *t = task_start(L, box->rt, &of->as_owner, conn_own_context(of), 1);
  t->is_goodbye = 1;
  lc_conn_guard(conn);
}

static int reach(lua_State *L)
{
  const reached *now = lua_touserdata(L, 1);
  conn_box *of = lc_conn_user(now->conn);
  int is_detached = of && of->is_detached;
  if (now->step == LC_STEP_DRAIN) {
    if (is_detached) conn_drain_detached(L, of);
    start_goodbye(L, now->box, now->conn);
  } else if (now->step == LC_STEP_CANCEL) {
    stragglers_note(L, &now->box->as_base, now->conn, STRAGGLER_CANCELED);
  } else {
    stragglers_note(L, &now->box->as_base, now->conn, STRAGGLER_KILLED);
    if (is_detached) conn_kill_detached(L, of);
  }
  return 0;
}

void server_on_reached(lc_conn *conn, lc_step step, void *user)
{
  server_box *box = user;
  reached now = {box, conn, step};
  const conn_box *of = lc_conn_user(conn);
  if (step == LC_STEP_DRAIN && box->on_drain == LUA_NOREF && !(of && of->is_detached)) return;
  runtime_protect(box->rt, reach, &now);
  if (step != LC_STEP_CANCEL) return;
  conn_cancel(conn);
  of = lc_conn_user(conn);
  if (!of || of->is_unstarted) lc_conn_finish(conn, "canceled");
}

/* ------------------------------------------------------------------ other tasks -- */

typedef struct reached_all {
  server_box *box;
  lc_step step;
  int has_more;
} reached_all;

static void note_task(lua_State *L, server_box *box, task *t, lc_step step)
{
  straggler_fate fate = step == LC_STEP_KILL ? STRAGGLER_KILLED : STRAGGLER_CANCELED;
  stragglers_note_rest(L, &box->as_base, t, fate);
}

/* Also tasks of connections, and those that a dying task starts. By now every connection is reset,
 * so no peer mistakes the end of a handler for the end of a reply. */
static void kill_task(lua_State *L, server_box *box, task *t, lc_step step)
{
  (void)box, (void)step;
  task_kill(L, t);
}

/* Whether the walk has visited all of the server's tasks. */
static int visit_share(lua_State *L, server_box *box, lc_step step,
                       void (*visit)(lua_State *L, server_box *box, task *t, lc_step step))
{
  if (!task_is_walking(&box->walk)) task_walk_begin(box->rt, &box->walk);
  for (task *t; (t = task_walk_step(box->rt, &box->walk));) {
    if (owner_server(t->by) == &box->as_base) visit(L, box, t, step);
    if (lc_loop_share_is_over(box->rt->loop)) return 0;
  }
  return 1;
}

/* Notes all tasks before any of them ends. */
static int reach_rest(lua_State *L)
{
  reached_all *now = lua_touserdata(L, 1);
  server_box *box = now->box;
  if (box->noted < now->step && !visit_share(L, box, now->step, note_task)) return 0;
  box->noted = now->step;
  if (now->step == LC_STEP_KILL && !visit_share(L, box, now->step, kill_task)) return 0;
  now->has_more = 0;
  if (now->step == LC_STEP_CANCEL) context_end(L, box->ctx, LC_CANCELED, "drain timeout");
  return 0;
}

/* A walk that fails for lack of memory goes on behind that task. */
int server_on_reached_all(lc_server *server, lc_step step, void *user)
{
  reached_all now = {user, step, 1};
  (void)server;
  if (step == LC_STEP_DRAIN) return 0;
  runtime_protect(now.box->rt, reach_rest, &now);
  return now.has_more;
}
