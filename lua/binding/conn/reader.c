/* conn/reader.c - the one task that waits for input of a connection. */
#include <lua.h>

#include "conn/box.h"
#include "conn/reading.h"
#include "script/raise.h"
#include "task/wait.h"

static void reader_unwait(task *t)
{
  conn_box *box = t->wait_object;
  box->reader = NULL;
  /* After input has woken the task, its next attempt ends the wait. Until then the connection must
   * not look busy. */
  if (t->woken && t->woken != LC_DRAINING) lc_conn_wait(box->conn, LC_WAIT_NONE, LC_NEVER);
}

void conn_refuse_second_reader(lua_State *L, const conn_box *box, const task *t,
                               const char *operation)
{
  if (box->reader && box->reader != t)
    raise_error(L,
                "%s: another task is already reading this connection; let one task read, and "
                "pass on what it gets",
                operation);
}

/* In a wait that says so: whether nothing has begun, so that a cancel cuts nothing. */
static int is_between_units(const conn_box *box)
{
  return lc_conn_state(box->conn) == LC_STATE_IDLE;
}

int conn_wait_for(lua_State *L, task *t, conn_box *box, lc_wait wait, lc_time deadline,
                  const char *operation, lua_KContext kept, lua_KFunction again)
{
  conn_refuse_second_reader(
    L, box, t, operation); /* another task may have begun to read while this one was suspended */
  box->reader = t;
  lc_conn_wait(box->conn, wait, deadline);
  t->at_rest = wait == LC_WAIT_AWAIT && is_between_units(box) ? 1 : 0;
  t->is_kept = 1;
  return task_suspend(L, t, operation, box, reader_unwait, kept, again);
}

int conn_wait_input(lua_State *L, task *t, conn_box *box, lc_time deadline, const char *operation,
                    lua_KContext kept, lua_KFunction again)
{
  return conn_wait_for(L, t, box, LC_WAIT_READ, deadline, operation, kept, again);
}

int conn_wait_message(lua_State *L, task *t, conn_box *box, lc_websocket *ws, const char *operation,
                      lua_KContext kept, lua_KFunction again)
{
  conn_refuse_second_reader(L, box, t, operation);
  box->reader = t;
  lc_websocket_wait(ws, LC_NEVER);
  t->at_rest = is_between_units(box) ? 1 : 0;
  t->is_kept = 1;
  return task_suspend(L, t, operation, box, reader_unwait, kept, again);
}
