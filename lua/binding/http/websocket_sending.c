/* http/websocket_sending.c - ws:send and the like: whole messages, one after the other. */
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/writing.h"
#include "http/methods.h"
#include "http/websocket.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"
#include "task/wait.h"

enum { SELF = 1, TEXT, KIND }; /* places on the stack */

/* That one side has said Close is no failure of the connection; any other code ends its context. */
static int failure(lua_State *L, const websocket *self, int code)
{
  if (code != LC_CANCELED && code != LC_CLOSED && code != LC_DRAINING && code != LC_EOF)
    conn_end_context(self->box, lc_code_name(code));
  return websocket_failure(L, self, code, "ws:send");
}

static int give_up(lua_State *L, const websocket *self, const task *t, int code, size_t done)
{
  conn_give_up_write(self->box, t, code, done);
  return failure(L, self, code);
}

/* `kept`: how many bytes of the frame have been accepted. */
static int send_more(lua_State *L, int status, lua_KContext kept)
{
  const websocket *self = lua_touserdata(L, SELF);
  conn_box *box = self->box;
  task *t = task_running(L, box->rt);
  size_t done = (size_t)kept, length;
  const char *text = lua_tolstring(L, TEXT, &length);
  int why = t ? t->woken : 0;
  (void)status;
  if (t) t->woken = 0;
  if (why) return give_up(L, self, t, why, done);
  if (conn_is_being_written(box, t)) {
    if (!conn_can_wait(L, t)) t = task_current(L, box->rt, "ws:send");
    if (task_ended(t)) return failure(L, self, task_ended(t));
    return conn_wait_turn(L, t, box, "ws:send", kept, send_more);
  }
  size_t before = done;
  int result =
    lc_websocket_send(self->ws, (lc_ws_opcode)lua_tointeger(L, KIND), text, length, &done);
  if (t) t->rt->tasks->bytes -= (ssize_t)(done - before);
  if (result != LC_AGAIN) {
    if (box->writer || !lc_list_is_empty(&box->waiting)) conn_end_write(box, t);
    if (result < 0) return failure(L, self, result);
    lua_pushboolean(L, 1);
    return 1;
  }
  int refused = LC_CANCELED;
  if (conn_can_wait(L, t)) refused = box->cut == LC_CANCELED ? LC_CANCELED : task_ended(t);
  if (!refused) return conn_wait_half_way(L, t, box, done, send_more);
  if (conn_can_wait(L, t)) return give_up(L, self, t, refused, done);
  conn_give_up_write(box, t, refused, done);
  task_current(L, box->rt, "ws:send"); /* raises */
  return failure(L, self, refused);
}

static int begin_send(lua_State *L, lc_ws_opcode kind)
{
  const websocket *self = websocket_self(L);
  size_t length;
  check_bytes(L, TEXT, &length);
  lua_settop(L, TEXT);
  lua_pushinteger(L, (lua_Integer)kind);
  task *t = task_running(L, self->box->rt);
  if (t) {
    t->woken = 0;
    if (task_is_spent_writing(t)) return task_yield(L, t, 0, send_more);
  }
  return send_more(L, LUA_OK, 0);
}

/* ws:send(text), ws:send_binary(bytes) -> true; or nil, code, message. */
static int websocket_send(lua_State *L) { return begin_send(L, LC_WS_TEXT); }
static int websocket_send_binary(lua_State *L) { return begin_send(L, LC_WS_BINARY); }

/* ws:post(text [, kind]) -> true; or nil, code, message. */
static int websocket_post(lua_State *L)
{
  websocket *self = websocket_self(L);
  size_t length;
  const char *text = check_bytes(L, 2, &length);
  int result = lc_websocket_post(self->ws, websocket_kind(L, 3), text, length);
  if (result < 0) return websocket_failure(L, self, result, "ws:post");
  self->box->rt->tasks->bytes -= (ssize_t)length;
  lua_pushboolean(L, 1);
  return 1;
}

/* ws:ping([bytes]) -> true; or nil, code, message. */
static int websocket_ping(lua_State *L)
{
  const websocket *self = websocket_self(L);
  size_t length = 0;
  const char *data = lua_isnoneornil(L, 2) ? "" : check_bytes(L, 2, &length);
  check_that(L, length <= LC_WS_CONTROL_MOST, 2, "a ping has 125 bytes at most");
  int result = lc_websocket_ping(self->ws, data, length);
  if (result < 0) return websocket_failure(L, self, result, "ws:ping");
  lua_pushboolean(L, 1);
  return 1;
}

/* broadcast(set, text [, kind]) -> to how many, a list of those that had no room, or nil.
 * WebSockets are the keys of the set, or the values of a list. */
static int websocket_broadcast(lua_State *L)
{
  size_t length;
  lua_Integer posted = 0, missed = 0;
  check_type(L, 1, LUA_TTABLE);
  const char *text = check_bytes(L, 2, &length);
  lc_ws_opcode kind = websocket_kind(L, 3);
  lua_settop(L, 3);
  lua_pushnil(L); /* the list */
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    int is_key = websocket_of(L, -2) != NULL;
    const websocket *one = websocket_of(L, is_key ? -2 : -1);
    if (!one || !one->ws)
      raise_error(L, "http.broadcast: a set of WebSockets has a %s in it", luaL_typename(L, -1));
    int result = lc_websocket_post(one->ws, kind, text, length);
    posted += !result;
    if (result != LC_FULL) continue;
    if (!missed) {
      lua_newtable(L);
      lua_replace(L, 4);
    }
    lua_pushvalue(L, is_key ? -2 : -1);
    lua_rawseti(L, 4, ++missed);
  }
  lua_pushinteger(L, posted);
  lua_pushvalue(L, 4);
  return 2;
}

void websocket_open_sending(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"send", websocket_send},
                                     {"send_binary", websocket_send_binary},
                                     {"post", websocket_post},
                                     {"ping", websocket_ping},
                                     {NULL, NULL}};
  register_functions(L, rt, "ws:", methods);
}

void http_open_broadcast(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"broadcast", websocket_broadcast}, {NULL, NULL}};
  register_functions(L, rt, "http.", functions);
}
