/* conn/passing.c - send_fds, receive_fds: descriptors that cross a unix connection beside its
 * bytes. */
#include <lauxlib.h>
#include <lua.h>

#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/methods.h"
#include "conn/reading.h"
#include "conn/writing.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"
#include "sys/sys.h"
#include "task/wait.h"

/* Raises unless descriptors can cross. One that has ended fails later, with its code. */
static void check_way(lua_State *L, const conn_box *box, const char *method)
{
  if (lc_conn_error(box->conn) || lc_conn_can_pass_fds(box->conn)) return;
  raise_error(L, "%s: descriptors cross unix connections only, and unencrypted ones", method);
}

/* ------------------------------------------------------------------- to be sent -- */

enum { CONN = 1, LIST, BYTES };

/* Duplicates, kept while a task waits: the numbers may mean other files meanwhile. */
static const char HELD_TYPE[] = "lastcall.held_descriptors";

typedef struct held {
  const lc_sys *sys;
  int count;
  int fds[LC_FDS_MOST];
} held;

static void held_drop(held *one)
{
  while (one->count) one->sys->close(one->sys, one->fds[--one->count]);
}

static int held_close(lua_State *L)
{
  held_drop(check_object(L, 1, HELD_TYPE));
  return 0;
}

/* The descriptor of the value at the top: a number, a connection, or a file of Lua's. Returns it;
 * the code of a connection that has ended; or -EINVAL. */
static int descriptor_of(lua_State *L)
{
  if (lua_isinteger(L, -1)) {
    lua_Integer number = lua_tointeger(L, -1);
    return number >= 0 && number <= INT32_MAX ? (int)number : -EINVAL;
  }
  const conn_box *box = luaL_testudata(L, -1, CONN_TYPE);
  if (box && lc_conn_fd(box->conn) < 0) return lc_conn_error(box->conn);
  if (box) return lc_conn_lend(box->conn);
  const luaL_Stream *stream = luaL_testudata(L, -1, LUA_FILEHANDLE);
  return stream && stream->closef ? fileno(stream->f) : -EINVAL;
}

/* Returns how many there are, or the code of a connection that has ended. The Lua modules have
 * checked the table. */
static int get_descriptors(lua_State *L, int index, int *fds)
{
  int count = (int)lua_rawlen(L, index);
  check_that(L, count <= LC_FDS_MOST, LIST, "the kernel takes at most 253 descriptors at once");
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, index, i + 1);
    fds[i] = descriptor_of(L);
    if (fds[i] < 0 && fds[i] != -EINVAL) return fds[i];
    if (fds[i] < 0)
      raise_error(
        L, "conn:send_fds: value %d of the list is no open descriptor, connection or file", i + 1);
    lua_pop(L, 1);
  }
  return count;
}

static ssize_t put(lua_State *L, const conn_box *box, const int *fds, int count)
{
  size_t length;
  const char *bytes = lua_tolstring(L, BYTES, &length);
  struct iovec piece = {(void *)(uintptr_t)bytes, length};
  return lc_conn_send_fds(box->conn, fds, count, &piece, 1);
}

/* Only the descriptors are to blame: the connection goes on. */
static int refuse(lua_State *L, conn_box *box, int code)
{
  int count = conn_failure(L, box, code, "send_fds");
  lua_pushinteger(L, 0);
  return count + 1;
}

static int send_failure(lua_State *L, conn_box *box, int code)
{
  if (code == -EINVAL && !lc_conn_error(box->conn))
    raise_error(L, "conn:send_fds: a number in the list is no open descriptor");
  if (code == -EMFILE || code == -ENFILE) return refuse(L, box, code);
  return conn_write_failure(L, box, code, 0);
}

/* `done` bytes have been accepted, and the descriptors with them. The rest is a write like any
 * other. */
static int write_rest(lua_State *L, conn_box *box, ssize_t done)
{
  box->rt->tasks->bytes -= done;
  lua_remove(L, LIST);
  return conn_write_rest(L, (size_t)done);
}

/* Instead of the list, the stack has the descriptors that are kept. */
static int send_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, CONN);
  held *fds = lua_touserdata(L, LIST);
  task *t = task_running(L, box->rt);
  ssize_t done = t ? t->woken : 0;
  (void)status;
  if (t) t->woken = 0;
  if (!conn_can_wait(L, t)) t = task_current(L, box->rt, "conn:send_fds"); /* raises */
  if (!done && conn_is_being_written(box, t)) {
    done = task_ended(t);
    if (!done) return conn_wait_turn(L, t, box, "send_fds", kept, send_more);
  }
  if (!done) done = put(L, box, fds->fds, fds->count);
  if (!done) {
    done = box->cut == LC_CANCELED ? LC_CANCELED : task_ended(t);
    if (!done) return conn_wait_half_way(L, t, box, 0, send_more);
  }
  held_drop(fds);
  if (done > 0) return write_rest(L, box, done);
  conn_end_write(box, t);
  return send_failure(L, box, (int)done);
}

/* Replaces the list by duplicates. Returns 0 or a code. */
static int keep(lua_State *L, const conn_box *box, const int *fds, int count)
{
  const lc_sys *sys = lc_loop_sys(box->rt->loop);
  held *kept = lua_newuserdatauv(L, sizeof *kept, 0);
  *kept = (held){.sys = sys};
  luaL_setmetatable(L, HELD_TYPE);
  lua_replace(L, LIST);
  for (; kept->count < count; kept->count++) {
    int copy = sys->duplicate(sys, fds[kept->count]);
    if (copy < 0) {
      held_drop(kept);
      return copy == -EBADF ? -EINVAL : copy;
    }
    kept->fds[kept->count] = copy;
  }
  return 0;
}

static int conn_send_fds(lua_State *L)
{
  conn_box *box = conn_check(L, CONN);
  int fds[LC_FDS_MOST];
  size_t length;
  conn_refuse_http(L, box, "conn:send_fds");
  lua_settop(L, BYTES);
  check_bytes(L, BYTES, &length);
  check_that(L, length > 0, BYTES, "descriptors go with a byte: give at least one");
  check_way(L, box, "conn:send_fds");
  int count = get_descriptors(L, LIST, fds), is_spent = 0;
  if (count < 0) return refuse(L, box, count);
  task *t = task_running(L, box->rt);
  if (t) {
    t->woken = 0;
    is_spent = task_is_spent_writing(t);
  }
  if (!is_spent && !box->writer && lc_list_is_empty(&box->waiting)) {
    ssize_t done = put(L, box, fds, count);
    if (done > 0) return write_rest(L, box, done);
    if (done < 0) return send_failure(L, box, (int)done);
  }
  int result = keep(L, box, fds, count);
  if (result < 0) return send_failure(L, box, result);
  return is_spent ? task_yield(L, t, 0, send_more) : send_more(L, LUA_OK, 0);
}

/* --------------------------------------------------------------------- received -- */

enum { MOST = 2, MAX };

/* Gives up to `max` of the bytes that are there, a list of descriptors, and whether others were
 * lost. It takes them when nothing can fail any more. */
static int give(lua_State *L, conn_box *box, int most, size_t max)
{
  int fds[LC_FDS_MOST], ready = lc_conn_held_fds(box->conn), lost;
  lc_slice slice;
  lc_conn_buffered(box->conn, &slice);
  if (slice.length > max) slice.length = max;
  lua_pushlstring(L, slice.data, slice.length);
  lua_createtable(L, ready < most ? ready : most, 0);
  int count = lc_conn_take_fds(box->conn, fds, most, &lost);
  for (int i = 0; i < count; i++) {
    lua_pushinteger(L, fds[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lc_conn_take(box->conn, slice.length);
  box->rt->tasks->bytes -= (ssize_t)slice.length;
  if (!lost) return 2;
  lua_pushboolean(L, 1);
  return 3;
}

static int receive_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, CONN);
  task *t = box->rt->current;
  int most = (int)lua_tointeger(L, MOST), result = t->woken;
  (void)status;
  t->woken = 0;
  if (lc_conn_held_fds(box->conn)) return give(L, box, most, (size_t)kept);
  if (!result) result = lc_conn_admit(box->conn, LC_WAIT_READ);
  if (!result) result = lc_conn_await(box->conn);
  if (result == LC_AGAIN) {
    result = box->cut ? box->cut : task_ended(t);
    if (!result) return conn_wait_input(L, t, box, LC_NEVER, "receive_fds", kept, receive_more);
  }
  if (result < 0) return conn_read_failure(L, box, result, "receive_fds");
  return give(L, box, most, (size_t)kept);
}

static int conn_receive_fds(lua_State *L)
{
  conn_box *box = conn_check(L, CONN);
  conn_refuse_http(L, box, "conn:receive_fds");
  lua_Integer most = check_integer(L, MOST), max = optional_integer(L, MAX, LUA_MAXINTEGER);
  check_that(L, most >= 1 && most <= LC_FDS_MOST, MOST, "a number of descriptors is 1 to 253");
  check_that(L, max >= 0, MAX, "a number of bytes is not negative");
  check_way(L, box, "conn:receive_fds");
  lua_settop(L, MAX);
  int result = lc_conn_accept_fds(box->conn, (int)most);
  if (result < 0 && !lc_conn_held_fds(box->conn))
    return conn_read_failure(L, box, result, "receive_fds");
  if (!max) return give(L, box, (int)most, 0);
  task *t = task_current(L, box->rt, "conn:receive_fds");
  conn_refuse_second_reader(L, box, t, "conn:receive_fds");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, (lua_KContext)max, receive_more);
  return receive_more(L, LUA_OK, (lua_KContext)max);
}

void conn_open_passing(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"send_fds", conn_send_fds}, {"receive_fds", conn_receive_fds}, {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
  register_ending(L, HELD_TYPE, held_close);
}
