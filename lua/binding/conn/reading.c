/* conn/reading.c - await, lines, read, read_some, read_until.
 *
 * Each function tries first, and suspends its task when there is no input. The task continues with
 * the same function, so every attempt is like the first one. When a read fails, its fourth result
 * has the bytes received so far. These bytes are consumed, unless the read was canceled, refused by
 * the drain, or over its limit: then they stay readable.
 */
#include "conn/reading.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/methods.h"
#include "runtime/allocator.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/wait.h"

/* Returns the current task. Raises if another task reads already. `method` is "conn:read" and the
 * like. A call would be 20 of the 1,900 instructions of a line. */
static inline __attribute__((always_inline)) task *begin_read(lua_State *L, conn_box *box,
                                                              const char *method)
{
  task *t = task_current(L, box->rt, method);
  conn_refuse_http(L, box, method);
  conn_refuse_second_reader(L, box, t, method);
  return t;
}

/* Returns why the wait that `result` asks for must not begin, or 0. */
static int refusal(const task *t, const conn_box *box)
{
  if (box->cut) return box->cut;
  return task_ended(t);
}

/* Whether an admitted read is to wait at once: nothing is there, and nothing refuses the wait. Such
 * a read needs no attempt, and no look at the time that its task has taken. */
static inline int must_wait(const task *t, const conn_box *box)
{
  return lc_conn_must_wait(box->conn) && !refusal(t, box);
}

/* Returns 0 if a unit of work may begin here, else a code. If a part of the unit has arrived, it
 * has begun already. */
static int admission(const conn_box *box, lc_wait wait)
{
  lc_slice part;
  lc_conn_buffered(box->conn, &part);
  return part.length ? 0 : lc_conn_admit(box->conn, wait);
}

static int stays_readable(int code)
{
  return code == LC_CANCELED || code == LC_DRAINING || code == LC_TOO_LONG;
}

/* Pushes the results of a failed read, and returns their number. The string at the top has the
 * bytes that earlier formats received. */
static int fail_with_partial(lua_State *L, conn_box *box, int code, const char *operation)
{
  lc_slice rest;
  size_t length;
  int before = lua_gettop(L);
  box->last_failure = (int16_t)code;
  lc_conn_end_read(box->conn);
  if (stays_readable(code)) {
    const char *earlier = lua_tolstring(L, before, &length);
    if (lc_conn_give_back(box->conn, earlier, length) < 0)
      return luaL_error(L, "not enough memory to keep what was read");
    lua_pushliteral(L, "");
    lua_replace(L, before);
  }
  conn_failure(L, box, code, operation);
  lc_conn_buffered(box->conn, &rest);
  lua_pushvalue(L, before);
  lua_pushlstring(L, rest.data, rest.length);
  lua_concat(L, 2);
  if (!stays_readable(code)) lc_conn_take(box->conn, rest.length);
  return 4;
}

int conn_read_failure(lua_State *L, conn_box *box, int code, const char *operation)
{
  lua_pushliteral(L, "");
  return fail_with_partial(L, box, code, operation);
}

/* -------------------------------------------------------------------- await -- */

static int await(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, 1);
  task *t = box->rt->current;
  int result = t->woken;
  (void)status;
  t->woken = 0;
  if (!result) result = lc_conn_admit(box->conn, LC_WAIT_AWAIT);
  if (!result) result = lc_conn_await(box->conn);
  if (!result) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (result == LC_AGAIN) {
    result = refusal(t, box);
    if (!result) {
      lc_time deadline = lc_time_add(lc_loop_clock(box->rt->loop), optional_seconds(L, 2));
      return conn_wait_for(L, t, box, LC_WAIT_AWAIT, deadline, "await", kept, await);
    }
  }
  return conn_read_failure(L, box, result, "await");
}

static int conn_await(lua_State *L)
{
  conn_box *box = conn_self(L);
  optional_seconds(L, 2);
  lua_settop(L, 2);
  task *t = begin_read(L, box, "conn:await");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, 0, await);
  return await(L, LUA_OK, 0);
}

/* ------------------------------------------------------------------- formats -- */

/* A format is one number: a number of bytes, or one of these. */
enum { FORMAT_LINE = -1, FORMAT_WHOLE_LINE = -2, FORMAT_ALL = -3 };

static lua_Integer check_format(lua_State *L, int index)
{
  if (lua_type(L, index) == LUA_TNUMBER) {
    int is_integer;
    lua_Integer size = lua_tointegerx(L, index, &is_integer);
    check_that(L, is_integer && size >= 0, index, "a number of bytes is a whole number from 0 on");
    return size;
  }
  const char *format = check_string(L, index);
  if (*format == '*') format++;
  switch (*format) {
    case 'l': return FORMAT_LINE;
    case 'L': return FORMAT_WHOLE_LINE;
    case 'a': return FORMAT_ALL;
    default: argument_error(L, index, "invalid format: \"l\", \"L\", \"a\" or a number of bytes");
  }
}

/* Tries one format, and pushes the value on success. */
static inline int read_format(lua_State *L, conn_box *box, lua_Integer format, task *t)
{
  lc_conn *conn = box->conn;
  lc_slice slice = {"", 0};
  int result;
  if (format == FORMAT_ALL)
    result = lc_conn_read_all(conn, lc_conn_settings(conn)->max_read, &slice);
  else if (format < 0)
    result = lc_conn_read_until(conn, "\n", 1, lc_conn_settings(conn)->max_line + 1, &slice);
  else if (format > 0) result = lc_conn_read_exact(conn, (size_t)format, &slice);
  else result = lc_conn_await(conn);
  if (result < 0) return result;
  t->rt->tasks->bytes -= (ssize_t)slice.length;
  lua_pushlstring(L, slice.data, slice.length - (format == FORMAT_LINE ? 1 : 0));
  return 0;
}

/* ---------------------------------------------------------------------- read -- */

/* One call with several formats is one read. When a format fails, the bytes of those before it are
 * part of the partial. */
static int read_parts_failure(lua_State *L, conn_box *box, int code, int formats, int done)
{
  luaL_Buffer earlier;
  luaL_buffinit(L, &earlier);
  for (int i = 0; i < done; i++) {
    lua_pushvalue(L, 2 + formats + i);
    luaL_addvalue(&earlier);
    if (check_format(L, 2 + i) == FORMAT_LINE) luaL_addchar(&earlier, '\n');
  }
  luaL_pushresult(&earlier);
  return fail_with_partial(L, box, code, "read");
}

static int read_more(lua_State *L, int status, lua_KContext kept);

/* The stack has the connection, the formats, and the values read so far. `why` is the code with
 * which the read ends, or 0. */
static int read_parts(lua_State *L, conn_box *box, task *t, int formats, int why)
{
  int done = lua_gettop(L) - 1 - formats;
  lc_time deadline = lc_conn_read_deadline(box->conn);
  if (why) return read_parts_failure(L, box, why, formats, done);
  for (; done < formats; done++) {
    int result = read_format(L, box, check_format(L, 2 + done), t);
    if (!result) continue;
    if (result == LC_AGAIN) {
      result = refusal(t, box);
      if (!result)
        return conn_wait_for(L, t, box, LC_WAIT_READ, deadline, "read", formats, read_more);
    }
    return read_parts_failure(L, box, result, formats, done);
  }
  return formats;
}

static int read_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, 1);
  task *t = box->rt->current;
  int why = t->woken, is_first = lua_gettop(L) - 1 == (int)kept;
  (void)status;
  t->woken = 0;
  if (!why && is_first) why = admission(box, LC_WAIT_READ);
  return read_parts(L, box, t, (int)kept, why);
}

static int read_begin(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, 1);
  (void)status;
  return read_parts(L, box, box->rt->current, (int)kept, lc_conn_admit(box->conn, LC_WAIT_READ));
}

static int conn_read(lua_State *L)
{
  conn_box *box = conn_self(L);
  int formats = lua_gettop(L) - 1;
  if (!formats) {
    lua_pushliteral(L, "l");
    formats = 1;
  }
  luaL_checkstack(L, formats + LUA_MINSTACK, "too many formats");
  for (int i = 0; i < formats; i++) check_format(L, 2 + i);
  task *t = begin_read(L, box, "conn:read");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, formats, read_begin);
  return read_begin(L, LUA_OK, formats);
}

/* ----------------------------------------------------------------- read_some -- */

/* Turns the attempt to read one slice into results: the slice, a failure, or a wait after which it
 * is tried again. */
static inline int take_slice(lua_State *L, task *t, conn_box *box, int result,
                             const lc_slice *slice, const char *operation, lua_KContext kept,
                             lua_KFunction again)
{
  if (result == LC_AGAIN) {
    result = refusal(t, box);
    if (!result) return conn_wait_for(L, t, box, LC_WAIT_READ, LC_NEVER, operation, kept, again);
  }
  if (result < 0) return conn_read_failure(L, box, result, operation);
  t->rt->tasks->bytes -= (ssize_t)slice->length;
  lua_pushlstring(L, slice->data, slice->length);
  return 1;
}

static int read_some(lua_State *L, int status, lua_KContext max);

/* When the last piece was large, the next one is received directly into a Lua string. */
static int read_some_large(lua_State *L, task *t, conn_box *box, char *place, lua_KContext max)
{
  ssize_t got = lc_conn_read_into(box->conn, place, STRING_PLACE);
  lc_slice slice = {place, got > 0 ? (size_t)got : 0};
  if (got > 0) t->rt->conns->reads_large = slice.length >= STRING_PLACE_WORTH;
  if (got <= 0 || !t->rt->conns->reads_large)
    return take_slice(L, t, box, got < 0 ? (int)got : 0, &slice, "read_some", max, read_some);
  t->rt->tasks->bytes -= got;
  allocator_push_place(L, t->rt, slice.length);
  return 1;
}

static int read_some(lua_State *L, int status, lua_KContext max)
{
  conn_box *box = lua_touserdata(L, 1);
  task *t = box->rt->current;
  lc_slice slice = {"", 0};
  int result = t->woken;
  (void)status;
  t->woken = 0;
  if (!result) result = lc_conn_admit(box->conn, LC_WAIT_READ);
  if (!result && t->rt->conns->reads_large && (size_t)max >= STRING_PLACE) {
    char *place = allocator_place(t->rt);
    if (place) return read_some_large(L, t, box, place, max);
  }
  if (!result) result = lc_conn_read_some(box->conn, (size_t)max, &slice);
  if (slice.length) t->rt->conns->reads_large = slice.length >= STRING_PLACE_WORTH;
  return take_slice(L, t, box, result, &slice, "read_some", max, read_some);
}

/* An optional number. In the usual case one call of Lua checks it and gets it. */
static lua_Integer optional_bytes(lua_State *L, int index, lua_Integer otherwise)
{
  int is_integer;
  lua_Integer bytes = lua_tointegerx(L, index, &is_integer);
  if (!is_integer) bytes = optional_integer(L, index, otherwise);
  check_that(L, bytes > 0, index, "at least one byte");
  return bytes;
}

static int conn_read_some(lua_State *L)
{
  conn_box *box = conn_self(L);
  lua_Integer max = optional_bytes(L, 2, LUA_MAXINTEGER);
  task *t = begin_read(L, box, "conn:read_some");
  t->woken = 0;
  if (!lc_conn_admit(box->conn, LC_WAIT_READ) && must_wait(t, box))
    return conn_wait_for(L, t, box, LC_WAIT_READ, LC_NEVER, "read_some", (lua_KContext)max,
                         read_some);
  if (task_is_spent(t)) return task_yield(L, t, (lua_KContext)max, read_some);
  return read_some(L, LUA_OK, (lua_KContext)max);
}

/* ---------------------------------------------------------------- read_until -- */

static int read_until(lua_State *L, int status, lua_KContext kept);

static int read_until_now(lua_State *L, conn_box *box, task *t, int result, lua_KContext max)
{
  lc_slice slice = {"", 0};
  size_t length;
  const char *delimiter = lua_tolstring(L, 2, &length);
  if (!result) result = lc_conn_read_until(box->conn, delimiter, length, (size_t)max, &slice);
  return take_slice(L, t, box, result, &slice, "read_until", max, read_until);
}

static int read_until(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, 1);
  task *t = box->rt->current;
  (void)status;
  int result = t->woken;
  t->woken = 0;
  if (!result) result = admission(box, LC_WAIT_READ);
  return read_until_now(L, box, t, result, kept);
}

static int read_until_begin(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, 1);
  (void)status;
  int result = lc_conn_admit(box->conn, LC_WAIT_READ);
  return read_until_now(L, box, box->rt->current, result, kept);
}

static int conn_read_until(lua_State *L)
{
  conn_box *box = conn_self(L);
  size_t length;
  check_bytes(L, 2, &length);
  check_that(L, length > 0, 2, "the delimiter is empty");
  lua_Integer max =
    optional_bytes(L, 3, (lua_Integer)(lc_conn_settings(box->conn)->max_line + length));
  task *t = begin_read(L, box, "conn:read_until");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, (lua_KContext)max, read_until_begin);
  return read_until_begin(L, LUA_OK, (lua_KContext)max);
}

/* --------------------------------------------------------------------- lines -- */

/* Either waits for the next line, and then goes on with `again`, or ends the iteration. */
static int no_line(lua_State *L, conn_box *box, task *t, int result, lua_KFunction again)
{
  if (result == LC_AGAIN) {
    result = refusal(t, box);
    if (!result) {
      lc_slice part;
      lc_conn_buffered(box->conn, &part);
      lua_settop(L, 0);
      return conn_wait_for(L, t, box, LC_WAIT_LINES, LC_NEVER, "lines", part.length > 0, again);
    }
  }
  box->last_failure = (int16_t)result;
  lc_conn_end_read(box->conn);
  task_failed(t);
  return 0;
}

/* Reads the next line, unless `result` says why there is none. Returns the number of values for the
 * script. */
static inline int next_line(lua_State *L, conn_box *box, task *t, lua_Integer format, int result,
                            lua_KFunction again)
{
  if (!result) result = read_format(L, box, format, t);
  if (!result && format == FORMAT_ALL && !lua_rawlen(L, -1))
    result = LC_EOF; /* there is nothing left */
  return result ? no_line(L, box, t, result, again) : 1;
}

/* `begun` says that a part of the line came while the task waited. Then the line is no longer
 * refused as new work. */
static inline int lines_go_on(lua_State *L, lua_Integer format, lua_KContext begun,
                              lua_KFunction again)
{
  conn_box *box = lua_touserdata(L, lua_upvalueindex(1));
  task *t = box->rt->current;
  int result = t->woken;
  t->woken = 0;
  if (!result && !begun) result = lc_conn_admit(box->conn, LC_WAIT_LINES);
  return next_line(L, box, t, format, result, again);
}

/* The first upvalue is the connection. Nothing that a peer does raises an error: the iteration
 * ends, and conn:error() returns the reason. */
static inline int lines_call(lua_State *L, lua_Integer format, lua_KFunction again)
{
  conn_box *box = lua_touserdata(L, lua_upvalueindex(1));
  task *t = begin_read(L, box, "conn:lines");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, 0, again);
  return next_line(L, box, t, format, lc_conn_admit(box->conn, LC_WAIT_LINES), again);
}

/* The usual formats have functions of their own, which need no second upvalue: a closure of one
 * upvalue takes 16 bytes less of each connection that waits in it. */
#define LINES_OF(name, format)                                          \
  static int name##_again(lua_State *L, int status, lua_KContext begun) \
  {                                                                     \
    (void)status;                                                       \
    return lines_go_on(L, format, begun, name##_again);                 \
  }                                                                     \
  static int name(lua_State *L) { return lines_call(L, format, name##_again); }

LINES_OF(next_bare_line, FORMAT_LINE)
LINES_OF(next_whole_line, FORMAT_WHOLE_LINE)
LINES_OF(next_of_format, lua_tointeger(L, lua_upvalueindex(2)))

static int conn_lines(lua_State *L)
{
  conn_check(L, 1);
  lua_settop(L, 2);
  lua_Integer format = lua_isnil(L, 2) ? FORMAT_LINE : check_format(L, 2);
  if (format == FORMAT_LINE || format == FORMAT_WHOLE_LINE) {
    lua_settop(L, 1);
    lua_pushcclosure(L, format == FORMAT_LINE ? next_bare_line : next_whole_line, 1);
    return 1;
  }
  lua_pushinteger(L, format);
  lua_replace(L, 2);
  lua_pushcclosure(L, next_of_format, 2);
  return 1;
}

/* Tells the core that the bytes read so far need no answer. */
static int conn_answered(lua_State *L)
{
  lc_conn_answered(conn_self(L)->conn);
  lua_pushboolean(L, 1);
  return 1;
}

void conn_open_reading(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"answered", conn_answered},
                                     {"await", conn_await},
                                     {"lines", conn_lines},
                                     {"read", conn_read},
                                     {"read_some", conn_read_some},
                                     {"read_until", conn_read_until},
                                     {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
}
