/* conn/starttls.c - transports of other modules, such as TLS; and a connection that changes to one.
 *
 * A module hands over a userdata that holds a pointer to its lc_transport. The metatable, by its
 * name, says what it is; the table's version says for which layout it was compiled.
 */
#include "conn/starttls.h"

#include <errno.h>
#include <lauxlib.h>

#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/methods.h"
#include "conn/transport.h"
#include "conn/writing.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"
#include "task/wait.h"

enum { CONN = 1, TRANSPORT };

static const lc_transport *transport_at(lua_State *L, int index)
{
  const lc_transport **place = luaL_testudata(L, index, LC_TRANSPORT_TYPE);
  if (!place || !*place) raise_error(L, "this is no transport");
  if ((*place)->version != LC_TRANSPORT_VERSION)
    raise_error(L,
                "lastcall.tls.core was built for %s version of lastcall: install lastcall and "
                "lastcall-tls of the same version",
                (*place)->version < LC_TRANSPORT_VERSION ? "an older" : "a newer");
  return *place;
}

const lc_transport *option_transport(lua_State *L, int index)
{
  const lc_transport *found = NULL;
  if (lua_getfield(L, index, "transport") != LUA_TNIL) found = transport_at(L, -1);
  lua_pop(L, 1);
  return found;
}

/* ------------------------------------------------------------------- changing -- */

static void unwait(task *t)
{
  conn_box *box = t->wait_object;
  box->writer = NULL;
}

/* The failure has a caller, so it is not logged; but the context of the connection ends with it. */
static int failed(lua_State *L, conn_box *box, int code)
{
  box->logged = 1;
  conn_end_context(box, lc_code_name(code));
  return conn_failure(L, box, code, "starttls");
}

static int await_handshake(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, CONN);
  task *t = task_current(L, box->rt, "conn:starttls");
  int result = t->woken ? t->woken : task_ended(t);
  (void)status;
  t->woken = 0;
  if (!result && !box->connected && !lc_conn_error(box->conn)) {
    box->writer = t;
    return task_suspend(L, t, "starttls", box, unwait, kept, await_handshake);
  }
  box->connecting = 0;
  if (lc_conn_error(box->conn)) return failed(L, box, lc_conn_error(box->conn));
  if (result) { /* half a handshake cannot be used again */
    lc_conn_abort(box->conn, lc_code_name(result));
    return failed(L, box, result);
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int refuse(lua_State *L, conn_box *box, int result)
{
  if (result != -EBADMSG) return conn_failure(L, box, result, "starttls");
  lc_conn_abort(box->conn, "bytes in clear before the handshake");
  conn_failure(L, box, result, "starttls: bytes had come in clear, which would pass for encrypted");
  lua_pushliteral(L, "unread bytes");
  lua_replace(L, -3);
  return 3;
}

static int begin_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, CONN);
  task *t = task_current(L, box->rt, "conn:starttls");
  int result = t->woken ? t->woken : task_ended(t);
  (void)status;
  t->woken = 0;
  if (!result) result = conn_is_being_written(box, t) ? LC_AGAIN : 0;
  if (!result) result = lc_conn_set_transport(box->conn, transport_at(L, TRANSPORT));
  if (result == LC_AGAIN) return conn_wait_flushed(L, t, box, "starttls", kept, begin_more);
  conn_end_write(box, t);
  if (result < 0) return refuse(L, box, result);
  box->connecting = 1;
  box->connected = 0;
  return await_handshake(L, LUA_OK, 0);
}

/* conn_set_transport(conn, transport) -> true after the handshake; or nil, code, message */
static int core_conn_set_transport(lua_State *L)
{
  conn_box *box = conn_check(L, CONN);
  conn_refuse_http(L, box, "conn:starttls");
  lua_settop(L, TRANSPORT);
  transport_at(L, TRANSPORT);
  task *t = task_current(L, box->rt, "conn:starttls");
  t->woken = 0;
  return begin_more(L, LUA_OK, 0);
}

/* ---------------------------------------------------------------------- known -- */

/* conn_transport(conn) -> the name, and what the transport keeps of the connection once its
 * handshake is over: valid until the next call. */
static int core_conn_transport(lua_State *L)
{
  void *state;
  lua_pushstring(L, lc_conn_transport(conn_check(L, 1)->conn, &state));
  if (state) lua_pushlightuserdata(L, state);
  else lua_pushnil(L);
  return 2;
}

void conn_open_starttls(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"conn_set_transport", core_conn_set_transport},
                                       {"conn_transport", core_conn_transport},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
