/* http/response.c - what a script does with a response: it sets, writes, and ends it. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "base/list.h"
#include "conn/exchange.h"
#include "conn/writing.h"
#include "http/fields.h"
#include "http/methods.h"
#include "http/object.h"
#include "http/response.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"
#include "task/wait.h"

enum { LINES = 1024 }; /* bytes of headers that need no memory of their own */

/* ----------------------------------------------------------------- the head -- */

static int check_status(lua_State *L, lua_Integer status, const char *operation)
{
  if (status < 200 || status > 599)
    raise_error(L, "%s: %I is no status of a final reply, which goes from 200 to 599", operation,
                (LUAI_UACINT)status);
  return (int)status;
}

/* Begins the reply with the tables of headers at `first` to `last`. `length`: of the body; -1: not
 * known. A body whose type the script does not name is plain text, which no browser takes for a
 * page. */
static void begin(lua_State *L, conn_box *box, int status, int first, int last, int64_t length,
                  const char *operation)
{
  char place[LINES];
  http_fields fields;
  int top = lua_gettop(L);
  http_fields_read(L, first, last, operation, place, sizeof place, &fields);
  int is_other = length >= 0 && fields.length >= 0 && fields.length != length;
  if (is_other && lc_http_sends_body(box->exchange, status))
    raise_error(L, "%s: Content-Length is %I, but the body has %I bytes", operation,
                (LUAI_UACINT)fields.length, (LUAI_UACINT)length);
  if (fields.length >= 0) length = fields.length;
  lc_http_reply reply = {.status = status,
                         .is_plain = length && !fields.has_type ? 1 : 0,
                         .fields = fields.lines.data,
                         .fields_length = fields.lines.length,
                         .length = length,
                         .has_date = fields.has_date ? 1 : 0,
                         .closes = fields.closes ? 1 : 0};
  int result = lc_http_begin(box->exchange, box->conn, &reply);
  lua_settop(L, top);
  if (result < 0) luaL_error(L, "%s: %s", operation, lc_code_text(result));
}

/* The status that the script has set, or 200. */
static int status_of(lua_State *L, const char *operation)
{
  int is_set = lua_getiuservalue(L, 1, HTTP_OF_STATUS) == LUA_TNUMBER;
  int status = is_set ? check_status(L, lua_tointeger(L, -1), operation) : 200;
  lua_pop(L, 1);
  return status;
}

/* ------------------------------------------------------------------- writing -- */

/* response:write(...) -> true; or nil, code, message, how many bytes were accepted. */
static int response_write(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  size_t total = 0, length;
  int last = lua_gettop(L);
  for (int i = 2; i <= last; i++, total += length) check_bytes(L, i, &length);
  if (lc_http_has_ended(self->exchange)) raise_error(L, "response:write: the response has ended");
  if (!lc_http_has_begun(self->exchange)) {
    lua_getiuservalue(L, 1, HTTP_OF_HEADERS);
    begin(L, self->box, status_of(L, "response:write"), last + 1, last + 1, -1, "response:write");
    lua_settop(L, last);
  }
  if (total > lc_http_room(self->exchange))
    raise_error(L, "response:write: %I bytes are more than Content-Length leaves",
                (LUAI_UACINT)total);
  lua_getiuservalue(L, 1, HTTP_OF_CONN);
  lua_replace(L, 1);
  return conn_write_body(L, self->box);
}

static int response_flush(lua_State *L)
{
  http_self(L, &HTTP_RESPONSE);
  lua_getiuservalue(L, 1, HTTP_OF_CONN);
  lua_replace(L, 1);
  return conn_flush(L);
}

/* -------------------------------------------------------------------- ending -- */

enum { BODY = 2 }; /* its place on the stack */

/* Stack: the connection, the body or nil; `kept` bytes of it have been accepted. Returns nothing: a
 * failure ends the connection, and no script waits for it. */
static int end_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, 1);
  lc_http_exchange *exchange = box->exchange;
  task *t = task_running(L, box->rt);
  size_t done = (size_t)kept, length = 0;
  const char *body = lua_tolstring(L, BODY, &length);
  int why = t ? t->woken : LC_CANCELED;
  (void)status;
  if (t) t->woken = 0;
  if (why) {
    conn_give_up_write(box, t, why, done);
    return 0;
  }
  if (conn_is_being_written(box, t)) return conn_wait_turn(L, t, box, "response", kept, end_more);
  if (!conn_is_reply_open(box)) { /* another task has ended it meanwhile */
    conn_end_write(box, t);
    return 0;
  }
  while (done < length) {
    struct iovec rest = {(void *)(uintptr_t)(body + done), length - done};
    ssize_t accepted = lc_http_write(exchange, box->conn, &rest, 1);
    if (accepted < 0) break;
    done += (size_t)accepted;
    t->rt->tasks->bytes -= accepted;
    if (done < length) return conn_wait_half_way(L, t, box, done, end_more);
  }
  if (done == length && lc_http_end(exchange, box->conn, NULL, 0) == LC_AGAIN)
    return conn_wait_half_way(L, t, box, done, end_more);
  conn_end_write(box, t);
  return 0;
}

/* The response, or the connection, lies at 1; the body, a string or nil, is at the top. */
static int end_with_body(lua_State *L, conn_box *box)
{
  task *t = task_running(L, box->rt);
  if (lua_gettop(L) > BODY) {
    lua_replace(L, BODY);
    lua_settop(L, BODY);
  }
  if (lua_touserdata(L, 1) != box) {
    lua_getiuservalue(L, 1, HTTP_OF_CONN);
    lua_replace(L, 1);
  }
  if (t) t->woken = 0;
  conn_begin_reply(box);
  return end_more(L, LUA_OK, 0);
}

/* ------------------------------------------------------------ what handlers return -- */

static void refuse_result(lua_State *L, const char *what, int index)
{
  raise_error(L,
              "http: a handler returns a body, or a status and a body, or a status, headers and a "
              "body; %s is a %s",
              what, luaL_typename(L, index));
}

static int is_body(lua_State *L, int index)
{
  int type = lua_type(L, index);
  return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TNIL || type == LUA_TFUNCTION;
}

/* Brings the results of a handler into order: the status at 2, the headers at 3, the body at 4. */
static void arrange(lua_State *L)
{
  int has_status = lua_isinteger(L, 2);
  int has_headers = has_status && (lua_istable(L, 3) || !lua_isnil(L, 4));
  if (!has_status) {
    lua_pushnil(L);
    lua_insert(L, 2);
  }
  if (!has_headers) {
    lua_pushnil(L);
    lua_insert(L, 3);
  }
  lua_settop(L, 4);
  if (!lua_isnil(L, 3) && !lua_istable(L, 3)) refuse_result(L, "what stands for the headers", 3);
  if (!is_body(L, 4)) refuse_result(L, "what stands for the body", 4);
}

/* A handler that takes no response has the connection in its place, and has set nothing. */
static int is_response(lua_State *L, const conn_box *box) { return lua_touserdata(L, 1) != box; }

/* Whether the script has said what to answer: by results, or by response.status. */
static int has_answer(lua_State *L, const conn_box *box)
{
  if (!lua_isnil(L, 2) || !is_response(L, box)) return !lua_isnil(L, 2);
  int is_set = lua_getiuservalue(L, 1, HTTP_OF_STATUS) != LUA_TNIL;
  lua_pop(L, 1);
  return is_set;
}

/* Begins the response by the results, which have been arranged, and by what the script has set.
 * Leaves the body at the top. */
static void begin_by_results(lua_State *L, conn_box *box)
{
  int streams = lua_type(L, 4) == LUA_TFUNCTION, status = 200;
  size_t length = 0;
  if (!lua_isnil(L, 2)) status = check_status(L, lua_tointeger(L, 2), "http");
  else if (is_response(L, box)) status = status_of(L, "response.status");
  if (!streams) lua_tolstring(L, 4, &length); /* a number becomes a string here */
  if (is_response(L, box)) lua_getiuservalue(L, 1, HTTP_OF_HEADERS);
  else lua_pushnil(L);
  lua_insert(L, 3);
  begin(L, box, status, 3, 4, streams ? -1 : (int64_t)length, "http");
}

/* Whether the one result is the body, and nothing else has been set. */
static int is_plain(lua_State *L, const conn_box *box)
{
  return lua_gettop(L) == BODY && lua_type(L, BODY) == LUA_TSTRING && !is_response(L, box);
}

/* Most replies are so, and are accepted whole at once. */
static int answer_plainly(lua_State *L, conn_box *box)
{
  size_t length;
  const char *body = lua_tolstring(L, BODY, &length);
  lc_http_reply reply = {.status = 200, .length = (int64_t)length, .is_plain = length > 0};
  if (lc_http_begin(box->exchange, box->conn, &reply) < 0)
    return luaL_error(L, "not enough memory for a reply");
  task *t = task_running(L, box->rt);
  if (!t || !length || box->writer || !lc_list_is_empty(&box->waiting))
    return end_with_body(L, box);
  struct iovec whole = {(void *)(uintptr_t)body, length};
  ssize_t accepted = lc_http_write(box->exchange, box->conn, &whole, 1);
  t->woken = 0;
  conn_begin_reply(box);
  if (accepted > 0) t->rt->tasks->bytes -= accepted;
  if (accepted == (ssize_t)length && !lc_http_end(box->exchange, box->conn, NULL, 0)) return 0;
  return end_more(L, LUA_OK, accepted > 0 ? accepted : 0);
}

/* Whether the request is: its client has gone, or the shutdown is over for it. Then a handler need
 * not answer. */
static int is_canceled(lua_State *L, const conn_box *box)
{
  const task *t = task_running(L, box->rt);
  return box->cut || lc_conn_error(box->conn) || (t && task_ended(t));
}

/* Stack: the response, or the connection; the results. Ends the response. Returns 1, with the
 * function that gives the pieces of the body at the top, if there is one: then the response has
 * begun, and http_end ends it. */
int http_answer(lua_State *L, conn_box *box)
{
  if (!lc_http_has_begun(box->exchange) && is_plain(L, box)) return answer_plainly(L, box);
  lua_settop(L, 4);
  if (lc_http_has_ended(box->exchange)) return 0;
  if (lc_http_has_begun(box->exchange)) {
    if (!lua_isnil(L, 2))
      raise_error(L, "http: the handler has written to the response, and returns something too");
    lua_settop(L, 2);
    return end_with_body(L, box);
  }
  if (!has_answer(L, box)) {
    if (lc_http_has_body_failed(box->exchange)) return 0; /* the core knows what to answer */
    if (is_canceled(L, box)) {
      lc_http_give_up(box->exchange);
      return 0;
    }
    raise_error(L, "http: the handler has returned nothing, and written nothing");
  }
  arrange(L);
  begin_by_results(L, box);
  return lua_type(L, -1) == LUA_TFUNCTION ? 1 : end_with_body(L, box);
}

/* http_end(response): ends a response that has begun. */
static int http_end(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  if (lc_http_has_ended(self->exchange)) return 0;
  lua_settop(L, 1);
  lua_pushnil(L);
  return end_with_body(L, self->box);
}

/* response:inform(status, headers) -> true; or nil, code, message. */
static int response_inform(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  char place[LINES];
  http_fields fields;
  lua_Integer status = check_integer(L, 2);
  check_that(L, status >= 102 && status <= 199, 2, "an interim status goes from 102 to 199");
  lua_settop(L, 3);
  http_fields_read(L, 3, 3, "response:inform", place, sizeof place, &fields);
  int result = lc_http_inform(self->exchange, self->box->conn, (int)status, fields.lines.data,
                              fields.lines.length);
  if (result == -EALREADY) raise_error(L, "response:inform: the response has begun");
  if (result < 0 && result != LC_AGAIN)
    return conn_failure(L, self->box, result, "response:inform");
  lua_pushboolean(L, 1);
  return 1;
}

/* ----------------------------------------------------------------- properties -- */

static int push_headers(lua_State *L)
{
  if (lua_getiuservalue(L, 1, HTTP_OF_HEADERS) == LUA_TTABLE) return 1;
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, HTTP_OF_HEADERS);
  return 1;
}

static const struct property {
  const char *name;
  int what;
} PROPERTIES[] = {{"headers", HTTP_OF_HEADERS}, {"status", HTTP_OF_STATUS}, {"begun", 0}};

static int response_index(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  lua_settop(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TLIGHTUSERDATA) return 1;
  switch (((const struct property *)lua_touserdata(L, -1))->what) {
    case HTTP_OF_HEADERS: return push_headers(L);
    case HTTP_OF_STATUS: lua_pushinteger(L, status_of(L, "response.status")); return 1;
    default: lua_pushboolean(L, lc_http_has_begun(self->exchange)); return 1;
  }
}

static int response_newindex(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  int is_status = !strcmp(name, "status"), is_headers = !strcmp(name, "headers");
  if (!is_status && !is_headers)
    raise_error(L, "response.%s: a script can set status and headers", name);
  if (lc_http_has_begun(self->exchange))
    raise_error(L, "response.%s: the response has begun, and its head is written", name);
  if (is_status && !lua_isinteger(L, 3)) raise_error(L, "response.status is a whole number");
  if (is_status) check_status(L, lua_tointeger(L, 3), "response.status");
  if (is_headers && !lua_istable(L, 3)) raise_error(L, "response.headers is a table");
  lua_settop(L, 3);
  lua_setiuservalue(L, 1, is_status ? HTTP_OF_STATUS : HTTP_OF_HEADERS);
  return 0;
}

void http_open_response(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"write", response_write},
                                     {"flush", response_flush},
                                     {"inform", response_inform},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"http_end", http_end}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
  http_new_exchange_type(L, rt, &HTTP_RESPONSE);
  lua_newtable(L);
  register_functions(L, rt, "response:", methods);
  HTTP_SET_INDEX(L, response_index, "http_response_methods", PROPERTIES);
  lua_pushcfunction(L, response_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pop(L, 1);
}
