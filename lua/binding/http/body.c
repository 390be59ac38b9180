/* http/body.c - reading the body of a request. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "conn/reading.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/wait.h"

#define PIECE 65536 /* bytes of one piece, unless the script says otherwise */

static int failure(lua_State *L, const http_object *self, int code, const char *operation)
{
  lc_http_body_failed(self->exchange, code);
  return conn_failure(L, self->box, code == LC_HTTP_BAD ? LC_CLOSED : code, operation);
}

/* Tries once. LC_AGAIN becomes the code with which a wait must not begin. */
static int next_piece(const http_object *self, task *t, size_t max, lc_slice *piece)
{
  int result = t->woken;
  *piece = (lc_slice){"", 0};
  t->woken = 0;
  if (result) return result;
  result = lc_http_body_read(self->exchange, self->box->conn, max, piece);
  t->rt->tasks->bytes -= (ssize_t)piece->length;
  if (result != LC_AGAIN) return result;
  if (self->box->cut) return self->box->cut;
  return task_ended(t) ? task_ended(t) : LC_AGAIN;
}

static task *begin_read(lua_State *L, const http_object *self, const char *operation)
{
  task *t = task_current(L, self->box->rt, operation);
  conn_refuse_second_reader(L, self->box, t, operation);
  return t;
}

static int wait_for_piece(lua_State *L, const http_object *self, task *t, const char *operation,
                          lua_KContext kept, lua_KFunction again)
{
  lc_time deadline = lc_http_body_deadline(self->exchange, self->box->conn);
  return conn_wait_input(L, t, self->box, deadline, operation, kept, again);
}

/* -------------------------------------------------------------- piece by piece -- */

static int read_piece(lua_State *L, int status, lua_KContext kept)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  task *t = self->box->rt->current;
  lc_slice piece;
  (void)status;
  int result = next_piece(self, t, (size_t)kept, &piece);
  if (result == LC_AGAIN) return wait_for_piece(L, self, t, "request:read", kept, read_piece);
  if (result == LC_EOF) return 0;
  if (result < 0) return failure(L, self, result, "request:read");
  lua_pushlstring(L, piece.data, piece.length);
  return 1;
}

static int request_read(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  lua_Integer max = optional_integer(L, 2, PIECE);
  check_that(L, max > 0, 2, "at least one byte");
  lua_settop(L, 1);
  task *t = begin_read(L, self, "request:read");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, (lua_KContext)max, read_piece);
  return read_piece(L, LUA_OK, (lua_KContext)max);
}

/* ------------------------------------------------------------------ all of it -- */

enum { MOST = 2, HELD = 3 }; /* places on the stack */

/* Appends to the memory at HELD, which has `length` bytes already. It grows by doubling. */
static void append(lua_State *L, size_t length, const lc_slice *piece)
{
  size_t room = lua_isnil(L, HELD) ? 0 : lua_rawlen(L, HELD);
  if (room < length + piece->length) {
    size_t wanted = 2 * (length + piece->length);
    char *more = lua_newuserdatauv(L, wanted, 0);
    if (length) memcpy(more, lua_touserdata(L, HELD), length);
    lua_replace(L, HELD);
  }
  memcpy((char *)lua_touserdata(L, HELD) + length, piece->data, piece->length);
}

/* Stack: the request, the most bytes, what has come. `kept`: how many bytes those are. */
static int read_all(lua_State *L, int status, lua_KContext kept)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  task *t = self->box->rt->current;
  size_t length = (size_t)kept, most = (size_t)lua_tointeger(L, MOST);
  int result;
  (void)status;
  for (;;) {
    lc_slice piece;
    result = next_piece(self, t, PIECE, &piece);
    if (result < 0) break;
    if (piece.length > most - length) {
      result = LC_TOO_LONG;
      break;
    }
    append(L, length, &piece);
    length += piece.length;
    if (task_is_spent(t)) return task_yield(L, t, (lua_KContext)length, read_all);
  }
  if (result == LC_AGAIN)
    return wait_for_piece(L, self, t, "request:body", (lua_KContext)length, read_all);
  if (result != LC_EOF) return failure(L, self, result, "request:body");
  lua_pushlstring(L, length ? lua_touserdata(L, HELD) : "", length);
  return 1;
}

static int request_body(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  lua_Integer most = optional_integer(L, 2, LUA_MAXINTEGER);
  check_that(L, most >= 0, 2, "a number of bytes is not negative");
  lua_settop(L, 1);
  lua_pushinteger(L, most);
  lua_pushnil(L);
  task *t = begin_read(L, self, "request:body");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, 0, read_all);
  return read_all(L, LUA_OK, 0);
}

void http_open_body(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"read", request_read}, {"body", request_body}, {NULL, NULL}};
  register_functions(L, rt, "request:", methods);
}
