/* http/websocket_reading.c - ws:read and ws:messages. */
#include <lauxlib.h>
#include <lua.h>

#include "conn/reading.h"
#include "http/websocket.h"
#include "runtime/runtime.h"
#include "script/register.h"
#include "task/wait.h"

/* In a loop over messages, the end is no value. */
static int no_message(lua_State *L, const websocket *self, task *t, int code, int is_loop)
{
  if (!is_loop) return websocket_failure(L, self, code, "ws:read");
  task_failed(t);
  return 0;
}

/* Why a wait must not begin, or 0. */
static int refusal(const task *t, const conn_box *box)
{
  return box->cut ? box->cut : task_ended(t);
}

static int read_message(lua_State *L, int status, lua_KContext is_loop)
{
  const websocket *self = lua_touserdata(L, 1);
  conn_box *box = self->box;
  task *t = box->rt->current;
  lc_websocket_message message = {0};
  int result = t->woken;
  (void)status;
  t->woken = 0;
  if (!result) result = lc_websocket_read(self->ws, &message);
  if (result == LC_AGAIN) {
    result = refusal(t, box);
    if (!result) {
      const char *operation = is_loop ? "ws:messages" : "ws:read";
      return conn_wait_message(L, t, box, self->ws, operation, is_loop, read_message);
    }
  }
  if (result < 0) return no_message(L, self, t, result, (int)is_loop);
  t->rt->tasks->bytes -= (ssize_t)message.data.length;
  lua_pushlstring(L, message.data.data, message.data.length);
  lua_pushstring(L, message.kind == LC_WS_TEXT ? "text" : "binary");
  return 2;
}

static int begin_read(lua_State *L, const websocket *self, const char *operation, int is_loop)
{
  task *t = task_current(L, self->box->rt, operation);
  conn_refuse_second_reader(L, self->box, t, operation);
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, is_loop, read_message);
  return read_message(L, LUA_OK, is_loop);
}

/* ws:read() -> text, "text" or "binary"; or nil, code, message. */
static int websocket_read(lua_State *L)
{
  const websocket *self = websocket_self(L);
  lua_settop(L, 1);
  return begin_read(L, self, "ws:read", 0);
}

static int next_message(lua_State *L)
{
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  return begin_read(L, websocket_self(L), "ws:messages", 1);
}

/* ws:messages(): for a loop over what ws:read would give. */
static int websocket_messages(lua_State *L)
{
  websocket_self(L);
  lua_settop(L, 1);
  lua_pushcclosure(L, next_message, 1);
  return 1;
}

void websocket_open_reading(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"read", websocket_read}, {"messages", websocket_messages}, {NULL, NULL}};
  register_functions(L, rt, "ws:", methods);
}
