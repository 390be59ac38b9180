/* conn/leaks.c - connections that were collected while open: closes them in the background, and
 * logs them.
 *
 * A finalizer runs no script code, so the next turn of the loop logs the message. With the option
 * `debug` the message names the line of script that opened the connection.
 */
#include "conn/leaks.h"

#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/keeping.h"
#include "runtime/callbacks.h"
#include "runtime/runtime.h"
#include "script/failure.h"
#include "script/register.h"
#include "task/context.h"

typedef struct leak {
  struct leak *next;
  uint64_t id;
  char peer[LC_ADDRESS_TEXT_MAX];
  char place[LUA_IDSIZE + 16]; /* where it was opened; "" without the option `debug` */
} leak;

/* Whether the function is the script's: neither C nor one of lastcall's own. */
static int is_of_the_script(const lua_Debug *at)
{
  return at->currentline > 0 && !strstr(at->short_src, "lastcall/");
}

static void note_place(lua_State *L)
{
  lua_Debug at;
  for (int depth = 0; lua_getstack(L, depth, &at); depth++) {
    lua_getinfo(L, "Sl", &at);
    if (!is_of_the_script(&at)) continue;
    lua_pushfstring(L, "%s:%d", at.short_src, at.currentline);
    conn_keep_value(L, -2, CONN_PLACE);
    return;
  }
}

static void leaked(lua_State *L, conn_box *box)
{
  leak *found = calloc(1, sizeof *found);
  if (!found) return;
  found->id = lc_conn_id(box->conn);
  peer_text(box->conn, found->peer, sizeof found->peer);
  if (conn_kept_value(L, 1, CONN_PLACE) == LUA_TSTRING)
    strncpy(found->place, lua_tostring(L, -1), sizeof found->place - 1);
  lua_pop(L, 1);
  found->next = box->rt->conns->leaks;
  box->rt->conns->leaks = found;
  lc_loop_wake(box->rt->loop);
}

static int tell(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  const leak *found = rt->conns->leaks;
  lua_settop(L, 0);
  lua_pushliteral(L, "warning");
  lua_pushliteral(L, "connection leaked");
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)found->id);
  lua_setfield(L, -2, "id");
  lua_pushstring(L, found->peer);
  lua_setfield(L, -2, "peer");
  if (found->place[0]) {
    lua_pushstring(L, found->place);
    lua_setfield(L, -2, "opened");
  }
  runtime_hook(L, rt, "log", 3);
  return 0;
}

static void drop_first(runtime *rt)
{
  leak *first = rt->conns->leaks;
  rt->conns->leaks = first->next;
  free(first);
}

void conn_tell_leaks(runtime *rt)
{
  while (rt->conns->leaks) {
    runtime_protect(rt, tell, rt);
    drop_first(rt);
  }
}

void conn_forget_leaks(runtime *rt)
{
  while (rt->conns->leaks) drop_first(rt);
}

/* ------------------------------------------------------------------- finalizers -- */

void conn_keep_weakly(lua_State *L, conn_box *box)
{
  conn_remember(L, box, -1);
  if (box->rt->debug && !box->is_unstarted) note_place(L);
}

int conn_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  conn_box *box = conn_of_object(L);
  lc_conn *conn = box ? box->conn : NULL;
  if (!conn) return 0;
  if (box->rt->loop) conn_end_waits(box); /* their coroutines were closed by other code */
  int is_open = box->rt->loop && !box->is_unstarted && lc_conn_state(conn) < LC_STATE_CLOSING;
  if (is_open && !box->may_be_collected) leaked(L, box);
  if (lc_conn_user(conn) == box)
    lc_conn_set_user(conn, NULL); /* if another box is its user, that box was made later */
  if (box->has_context && box->rt->loop) {
    conn_kept_value(L, 1, CONN_CONTEXT);
    context_leave_conn(L, -1);
  }
  if (is_open)
    lc_conn_close(conn, LC_LINGER_BACKGROUND, box->may_be_collected ? "collected" : "leaked");
  conn_leave_exchange(box);
  box->conn = NULL;
  lc_conn_unref(conn);
  return 0;
}
