/* conn/farewell.c - says the farewell and closes a connection in order, when its handler returns or
 * the drain closes it. */
#include "conn/farewell.h"

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/keeping.h"
#include "conn/words.h"
#include "runtime/watched.h"

int conn_has_farewell(const conn_box *box)
{
  return box->has_farewell || (box->of_server && box->of_server->farewell != LUA_NOREF);
}

static void say_farewell(lua_State *L, conn_box *box)
{
  size_t length;
  int top = lua_gettop(L);
  if (!conn_has_farewell(box) || lc_conn_state(box->conn) >= LC_STATE_CLOSING) return;
  if (lc_websocket_of(box->conn)) return; /* nothing follows its Close */
  int otherwise = box->of_server ? box->of_server->farewell : LUA_NOREF;
  const char *text =
    conn_words(L, box, CONN_FAREWELL, otherwise, "in the farewell function", &length);
  if (text)
    lc_conn_set_farewell(box->conn, text, length); /* if memory is short, there is no farewell */
  lua_settop(L, top);
}

void conn_dismiss(lua_State *L, conn_box *box, const char *cause)
{
  say_farewell(L, box);
  lc_conn_dismiss(box->conn, cause);
}

static int dismiss(lua_State *L)
{
  conn_box *box = lua_touserdata(L, 1);
  conn_dismiss(L, box, box->cut == LC_CANCELED ? "drain timeout" : "drain");
  return 0;
}

/* Script code runs only for the farewell, and only that call is protected. */
static void end_handler(const task *t, conn_box *box)
{
  if (t->killing)
    lc_conn_abort(box->conn, "killed"); /* the peer must not take half a reply for a whole one */
  else if (box->cut || box->last_failure == LC_DRAINING)
    runtime_protect_script(box->rt, dismiss, box);
  else if (t->failed) lc_conn_unit_failed(box->conn);
  else if (lc_conn_unit_ended(box->conn)) conn_park(box);
  else lc_conn_leave(box->conn, "handler returned");
}

void conn_finished(owner *by, task *t)
{
  conn_box *box = LC_OWNER(by, conn_box, as_owner);
  if (t->is_handler) {
    end_handler(t, box);
    conn_leave_exchange(box);
  }
  if (t->is_goodbye) lc_conn_unguard(by->conn);
}
