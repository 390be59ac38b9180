/* http/stream.c - what an event stream, which is written in Lua, needs to know of its response. */
#include <errno.h>
#include <lua.h>

#include "base/list.h"
#include "conn/exchange.h"
#include "conn/writing.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"

/* More than the framing of a piece needs. */
enum { FRAMING = 64 };

/* http_request_of(response) -> its request. */
static int http_request_of(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  lua_getiuservalue(L, 1, HTTP_OF_CONN);
  http_object_new(L, &HTTP_REQUEST, self->box, -1);
  return 1;
}

static http_object *response_of(lua_State *L) { return lua_touserdata(L, 1); }

static int is_open(const http_object *self)
{
  return !http_is_over(self) && lc_http_has_begun(self->exchange) &&
         !lc_http_has_ended(self->exchange);
}

/* http_is_open(response) -> whether it has begun and not ended. */
static int http_is_open(lua_State *L)
{
  lua_pushboolean(L, is_open(response_of(L)));
  return 1;
}

/* Whether so many bytes are accepted at once, and whole. */
static int has_room(const conn_box *box, size_t length)
{
  lc_conn_stats stats;
  if (box->writer || !lc_list_is_empty(&box->waiting)) return 0;
  lc_conn_stats_get(box->conn, &stats);
  return stats.unsent + length + FRAMING <= lc_conn_settings(box->conn)->gather;
}

/* http_post(response, text) -> true; false where it would have to wait; or nil, code, message. */
static int http_post(lua_State *L)
{
  const http_object *self = response_of(L);
  size_t length;
  const char *text = check_bytes(L, 2, &length);
  if (!is_open(self)) return conn_failure(L, self->box, LC_CLOSED, "stream:post");
  conn_box *box = self->box;
  if (!has_room(box, length)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  struct iovec piece = {(void *)(uintptr_t)text, length};
  ssize_t accepted = lc_http_write(self->exchange, box->conn, &piece, 1);
  if (accepted >= 0 && (size_t)accepted < length) { /* no memory for what the kernel refused */
    lc_conn_break_write(box->conn, -ENOMEM);
    accepted = -ENOMEM;
  }
  if (accepted < 0) return conn_write_failure(L, box, (int)accepted, 0) - 1;
  box->rt->tasks->bytes -= accepted; /* it counts as work, so that peers get time to read */
  lua_pushboolean(L, 1);
  return 1;
}

void http_open_stream(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_request_of", http_request_of},
                                       {"http_is_open", http_is_open},
                                       {"http_post", http_post},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
