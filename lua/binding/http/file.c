/* http/file.c - files as the bodies of responses: opened, and sent piece by piece. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "conn/exchange.h"
#include "conn/writing.h"
#include "http/file.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"
#include "task/wait.h"

static const char FILE_TYPE[] = "lastcall.file";

file_box *http_file_new(lua_State *L, const lc_sys *sys)
{
  file_box *file = lua_newuserdatauv(L, sizeof *file, 1);
  *file = (file_box){sys, -1, 0};
  luaL_setmetatable(L, FILE_TYPE);
  return file;
}

static int file_done(lua_State *L)
{
  file_box *file = luaL_testudata(L, 1, FILE_TYPE);
  if (!file) return 0;
  if (file->fd >= 0 && !file->is_borrowed) lc_file_close(file->sys, file->fd);
  file->fd = -1;
  return 0;
}

/* The object at the top, its size, and when it was modified: seconds, and the nanoseconds beyond
 * them. */
static int push_facts(lua_State *L, const lc_file_facts *facts)
{
  lua_pushinteger(L, (lua_Integer)facts->size);
  lua_pushinteger(L, facts->modified / LC_SECOND);
  lua_pushinteger(L, facts->modified % LC_SECOND);
  return 4;
}

/* http_file_open(path, directory) -> file, size, seconds, nanoseconds; or nil, code, message. A
 * path with a zero byte has no file. */
static int http_file_open(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  size_t length;
  const char *path = check_bytes(L, 1, &length);
  const file_box *directory = lua_isnoneornil(L, 2) ? NULL : check_object(L, 2, FILE_TYPE);
  lc_file_facts facts;
  if (strlen(path) != length) return push_failure(L, -ENOENT, path, "open");
  file_box *file = http_file_new(L, rt->sys);
  int fd = lc_file_open(rt->sys, directory ? directory->fd : -1, path, &facts);
  if (fd < 0) return push_failure(L, fd, path, "open");
  file->fd = fd;
  return push_facts(L, &facts);
}

/* http_file_of(file of io) -> as http_file_open. */
static int http_file_of(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  const luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  lc_file_facts facts;
  check_that(L, stream && stream->closef, 1, "expected a path or an open file");
  file_box *file = http_file_new(L, rt->sys);
  file->fd = fileno(stream->f);
  file->is_borrowed = 1;
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  int result = lc_file_look(rt->sys, file->fd, &facts);
  if (result < 0) return push_failure(L, result, NULL, "response:file");
  return push_facts(L, &facts);
}

/* http_directory(path) -> what http_file_open takes; or nil, code, message. */
static int http_directory(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  const char *path = check_word(L, 1);
  file_box *directory = http_file_new(L, rt->sys);
  directory->fd = lc_directory_open(rt->sys, path);
  return directory->fd < 0 ? push_failure(L, directory->fd, path, "open") : 1;
}

/* http_date(seconds) -> as headers have it */
static int http_date(lua_State *L)
{
  char text[LC_HTTP_DATE_SIZE];
  lc_http_date(text, check_integer(L, 1));
  lua_pushlstring(L, text, sizeof text);
  return 1;
}

/* ------------------------------------------------------------------- sending -- */

enum { CONN = 1, BODY, OFFSET, LENGTH }; /* places on the stack */

/* Whether the script has closed its own file meanwhile: another file may have the descriptor. */
static int is_closed(lua_State *L, const file_box *file)
{
  if (!file->is_borrowed) return 0;
  lua_getiuservalue(L, BODY, 1);
  const luaL_Stream *stream = lua_touserdata(L, -1);
  int is = !stream->closef;
  lua_pop(L, 1);
  return is;
}

static ssize_t put_piece(lua_State *L, const conn_box *box, size_t done)
{
  const file_box *file = lua_touserdata(L, BODY);
  uint64_t offset = (uint64_t)lua_tointeger(L, OFFSET) + done;
  uint64_t left = (uint64_t)lua_tointeger(L, LENGTH) - done;
  if (!conn_is_reply_open(box)) return LC_CLOSED;
  if (is_closed(L, file)) return LC_CLOSED;
  return lc_http_write_file(box->exchange, box->conn, file->fd, offset, left);
}

/* Of the stack's file, `kept` bytes have been accepted. */
static int send_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, CONN);
  task *t = box->rt->current;
  size_t done = (size_t)kept, length = (size_t)lua_tointeger(L, LENGTH);
  int why = t->woken;
  (void)status;
  t->woken = 0;
  if (!why) why = box->cut == LC_CANCELED ? LC_CANCELED : task_ended(t);
  if (!why && conn_is_being_written(box, t))
    return conn_wait_turn(L, t, box, "response:file", kept, send_more);
  ssize_t accepted = 1;
  while (!why && done < length && accepted && t->rt->tasks->bytes > 0) {
    accepted = put_piece(L, box, done);
    if (accepted < 0) why = (int)accepted;
    else done += (size_t)accepted;
    if (accepted > 0) t->rt->tasks->bytes -= accepted;
  }
  if (why) { /* the head promises more */
    conn_give_up_write(box, t, why, 1);
    return conn_write_failure(L, box, why, done);
  }
  if (done < length) return conn_wait_half_way(L, t, box, done, send_more);
  conn_end_write(box, t);
  lua_pushboolean(L, 1);
  return 1;
}

/* http_send_file(response, file, offset, length) -> true; or nil, code, message. The response has
 * begun, and its Content-Length counts these bytes. */
static int http_send_file(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  file_box *file = check_object(L, 2, FILE_TYPE);
  lua_Integer offset = check_integer(L, 3), length = check_integer(L, 4);
  task *t = task_current(L, self->box->rt, "response:file");
  check_that(L, file->fd >= 0 && offset >= 0 && length >= 0, 2, "a closed file");
  lua_settop(L, LENGTH);
  lua_getiuservalue(L, 1, HTTP_OF_CONN);
  lua_replace(L, CONN);
  t->woken = 0;
  conn_begin_reply(self->box);
  return send_more(L, LUA_OK, 0);
}

void http_open_file(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {
    {"http_file_open", http_file_open}, {"http_file_of", http_file_of},
    {"http_directory", http_directory}, {"http_date", http_date},
    {"http_send_file", http_send_file}, {NULL, NULL}};
  register_ending(L, FILE_TYPE, file_done);
  register_functions(L, rt, "", functions);
}
