/* conn/events.c - what the events of a connection do in the binding: wake tasks, end contexts, and
 * write to the log. */
#include "conn/events.h"

#include <lua.h>

#include "conn/box.h"
#include "conn/eof.h"
#include "conn/farewell.h"
#include "conn/keeping.h"
#include "conn/staying.h"
#include "conn/stragglers.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "runtime/watched.h"
#include "script/failure.h"
#include "task/wait.h"

typedef struct failure {
  runtime *rt;
  const server_base *server;
  lc_conn *conn;
} failure;

static int log_failure(lua_State *L)
{
  const failure *f = lua_touserdata(L, 1);
  char text[LC_ADDRESS_TEXT_MAX], label[120];
  lua_settop(L, 0);
  lua_pushstring(L, lc_conn_was_at_rest(f->conn) ? "info" : "warning");
  lua_pushliteral(L, "connection failed");
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)lc_conn_id(f->conn));
  lua_setfield(L, -2, "id");
  lua_pushstring(L, peer_text(f->conn, text, sizeof text));
  lua_setfield(L, -2, "peer");
  lua_pushstring(L, lc_code_name(lc_conn_error(f->conn)));
  lua_setfield(L, -2, "cause");
  lua_pushstring(L, lc_conn_label(f->conn, label, sizeof label, NULL));
  lua_setfield(L, -2, "request");
  report_log(L, f->rt, f->server ? &f->server->told : NULL);
  return 0;
}

void conn_log_failure(runtime *rt, const server_base *server, lc_conn *conn)
{
  failure f = {rt, server, conn};
  if (lc_conn_error(conn) != LC_CLOSED) runtime_protect(rt, log_failure, &f);
}

static int note_tasks(lua_State *L)
{
  stragglers_note_conn(L, lua_touserdata(L, 1));
  return 0;
}

static void on_ended(conn_box *box)
{
  if (box->tasks && lc_conn_is_dismissed(box->conn)) runtime_protect(box->rt, note_tasks, box);
  int error = lc_conn_error(box->conn);
  if (box->connecting && box->writer) task_wake(box->writer, 0);
  if (error != LC_CLOSED && !box->logged && !box->connecting) {
    box->logged = 1;
    conn_log_failure(box->rt, box->of_server, box->conn);
  }
  conn_end_context(box, lc_code_name(error));
}

/* Keeps the box on the stack while an event is handled. The script may no longer hold the box, and
 * handling the event may collect garbage. Returns NULL when the box has been collected, or is about
 * to be. */
static conn_box *pin(lc_conn *conn)
{
  conn_box *box = lc_conn_user(conn);
  if (!box || !lua_checkstack(box->rt->L, LUA_MINSTACK)) return NULL;
  return conn_push(box->rt->L, box) ? box : NULL;
}

static void unpin(conn_box *box) { lua_pop(box->rt->L, 1); }

static void wake_those_who_wait(conn_box *box, unsigned what)
{
  if (what & LC_CONNECTED) box->connected = 1;
  if (box->reader) {
    if (what & (LC_READABLE | LC_UNIT)) task_wake(box->reader, 0);
    else if (what & LC_READ_TIMEOUT) task_wake(box->reader, LC_TIMEOUT);
  }
  if (box->writer) {
    if (what & (LC_WRITABLE | LC_CONNECTED)) task_wake(box->writer, 0);
    else if (what & LC_WRITE_TIMEOUT) task_wake(box->writer, LC_TIMEOUT);
  }
}

/* Most events only wake a task. That allocates nothing, so no garbage is collected and the box
 * needs no pin. */
int conn_on_ready(lc_conn *conn, unsigned what)
{
  conn_box *box = lc_conn_user(conn);
  if (box && !(what & (LC_ENDED | LC_FINISHED))) {
    wake_those_who_wait(box, what);
    return 1;
  }
  box = pin(conn);
  if (!box) return 0;
  wake_those_who_wait(box, what);
  if (what & LC_FINISHED) conn_on_finished(box);
  if (what & LC_ENDED) on_ended(box);
  unpin(box);
  return 1;
}

void conn_on_closed(lc_conn *conn)
{
  conn_box *box = pin(conn);
  if (!box) return;
  conn_end_context(box, "closed");
  tasks_wake(&box->waiting, 0);
  conn_unanchor_when_over(box);
  unpin(box);
}

static int dismiss_protected(lua_State *L)
{
  conn_box *box = pin(lua_touserdata(L, 1));
  if (!box) return 0;
  conn_dismiss(L, box, "drain");
  unpin(box);
  return 0;
}

/* The only script code that may run here is the farewell function. */
void conn_on_draining(lc_conn *conn)
{
  conn_box *box = lc_conn_user(conn);
  if (lc_websocket_of(conn)) { /* its task goes on: the client may have sent more */
    lc_conn_dismiss(conn, "drain");
    return;
  }
  if (box) box->cut = LC_DRAINING;
  if (box && box->reader) task_wake(box->reader, LC_DRAINING);
  else if (box && !box->tasks && conn_has_farewell(box))
    runtime_protect_script(box->rt, dismiss_protected, conn);
  else if (!box || !box->tasks) lc_conn_dismiss(conn, "drain");
}

/* Called when the ladder has reached cancel. Wakes every task that waits on the connection,
 * whatever its context. */
void conn_cancel(lc_conn *conn)
{
  conn_box *box = pin(conn);
  if (!box) return;
  box->cut = LC_CANCELED;
  conn_end_context(box, "drain timeout");
  conn_end_waits(box);
  unpin(box);
}
