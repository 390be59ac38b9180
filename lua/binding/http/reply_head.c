/* http/reply_head.c - waits for the head of a reply, on a connection that has sent a request. */
#include <lauxlib.h>
#include <lua.h>

#include "conn/reading.h"
#include "http/headers.h"
#include "http/methods.h"
#include "http/object.h"
#include "http/reply.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/wait.h"

enum { DEADLINE = 3, READER = 4 }; /* places on the stack */

/* As far as the head has come. */
typedef struct head_reader {
  lc_http_head head;
  lc_http_field fields[];
} head_reader;

/* nil, code, message; and whether a part of the head has come. */
static int failure(lua_State *L, conn_box *box, const lc_http_head *head, int code)
{
  lc_slice held;
  lc_conn_buffered(box->conn, &held);
  http_push_reply_failure(L, box, code, head->fault);
  lua_pushboolean(L, held.length > 0);
  return 4;
}

static int push_reply(lua_State *L, const lc_http_head *head, const lc_slice *bytes)
{
  static const char *const framings[] = {[LC_HTTP_NO_BODY] = "none",
                                         [LC_HTTP_SIZED] = "length",
                                         [LC_HTTP_CHUNKED] = "chunked",
                                         [LC_HTTP_UNTIL_CLOSE] = "close"};
  lua_createtable(L, 0, 12);
  lua_pushinteger(L, head->status);
  lua_setfield(L, -2, "status");
  http_push_span(L, bytes->data, &head->reason);
  lua_setfield(L, -2, "reason");
  lua_pushstring(L, head->minor ? "1.1" : "1.0");
  lua_setfield(L, -2, "version");
  lua_pushstring(L, framings[head->body]);
  lua_setfield(L, -2, "framing");
  if (head->has_length) {
    lua_pushinteger(L, (lua_Integer)head->content_length);
    lua_setfield(L, -2, "length");
  }
  if (head->upgrade.length) {
    http_push_span(L, bytes->data, &head->upgrade);
    lua_setfield(L, -2, "upgrade");
  }
  lua_pushboolean(L, head->persists);
  lua_setfield(L, -2, "persists");
  http_push_headers(L, head, bytes);
  lua_setfield(L, -2, "headers");
  http_push_reply_body(L, head);
  lua_setfield(L, -2, "incoming");
  return 1;
}

/* Stack: the connection, options, the deadline, the reader. */
static int read_head(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_self(L);
  task *t = box->rt->current;
  head_reader *reader = lua_touserdata(L, READER);
  lc_slice bytes = {0};
  int result = t->woken;
  (void)status;
  t->woken = 0;
  if (!result) result = lc_http_head_receive(&reader->head, box->conn, &bytes);
  if (result == LC_AGAIN && task_ended(t)) result = task_ended(t);
  if (result == LC_AGAIN)
    return conn_wait_input(L, t, box, optional_seconds(L, DEADLINE), "reply", kept, read_head);
  if (result < 0) return failure(L, box, &reader->head, result);
  t->rt->tasks->bytes -= (ssize_t)bytes.length;
  return push_reply(L, &reader->head, &bytes);
}

static lua_Integer option(lua_State *L, const char *name, lua_Integer otherwise)
{
  int is_integer = 0;
  lua_getfield(L, 2, name);
  lua_Integer value = lua_tointegerx(L, -1, &is_integer);
  lua_pop(L, 1);
  return is_integer ? value : otherwise;
}

/* http_read_reply(conn, {answers_head =, max_head =, max_fields =}, deadline) -> the next reply,
 * which may be an interim one: {status =, reason =, version =, framing = "none", "length",
 * "chunked" or "close", length =, upgrade =, persists =, headers =, incoming = its body}; or nil,
 * code, message, whether a part of the head has come. What lies behind the head stays readable. */
static int http_read_reply(lua_State *L)
{
  conn_box *box = conn_self(L);
  check_type(L, 2, LUA_TTABLE);
  optional_seconds(L, DEADLINE);
  lua_settop(L, DEADLINE);
  task *t = task_current(L, box->rt, "http: a request");
  conn_refuse_second_reader(L, box, t, "http: a request");
  uint32_t max_fields = (uint32_t)option(L, "max_fields", LC_HTTP_MAX_FIELDS);
  head_reader *reader =
    lua_newuserdatauv(L, sizeof *reader + max_fields * sizeof *reader->fields, 0);
  lc_http_head_init(&reader->head, LC_HTTP_RESPONSE, reader->fields, max_fields);
  reader->head.max_head = (uint32_t)option(L, "max_head", LC_HTTP_MAX_HEAD);
  lua_getfield(L, 2, "answers_head");
  reader->head.answers_head = lua_toboolean(L, -1);
  lua_settop(L, READER);
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, 0, read_head);
  return read_head(L, LUA_OK, 0);
}

void http_open_reply_head(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_read_reply", http_read_reply}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
