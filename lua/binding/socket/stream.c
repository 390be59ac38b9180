/* socket/stream.c - one attempt at a time on streams and listeners, for lastcall.socket. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "conn/leaks.h"
#include "conn/writing.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "server/box.h"
#include "server/by_hand.h"
#include "server/events.h"
#include "socket/blocking.h"
#include "socket/functions.h"
#include "socket/words.h"
#include "sys/sys.h"
#include "task/wait.h"

/* LuaSocket has no limits except its timeouts, which the modules keep, and it sends each piece at
 * once. */
static void unlimited(lc_settings *settings)
{
  settings->keepalive.count = 0;
  settings->user_timeout = 0;
  settings->read_timeout = settings->write_timeout = LC_NEVER;
  settings->max_line = settings->max_read = SIZE_MAX / 2;
  settings->gather = 0;
  settings->nodelay = 0;
}

/* adopt(fd) -> connection: takes a connected descriptor into the registry of outbound
 * connections. */
static int stream_adopt(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int fd = (int)check_integer(L, 1);
  lc_settings settings = lc_server_options_get(rt->conns->outbound)->settings;
  unlimited(&settings);
  lc_conn *conn;
  int result = lc_conn_adopt(rt->conns->outbound, fd, &settings, &conn);
  if (result < 0) return socket_failure(L, rt, result);
  conn_box *box = conn_box_new(L, rt, conn, NULL);
  box->may_be_collected = box->logged = 1; /* the script gets its failures */
  conn_keep_weakly(L, box);
  return 1;
}

/* The same for an accepted connection, whose other options are the server's. None of these options
 * concerns the kernel, so it cannot refuse. */
static void prepare(lc_conn *conn)
{
  lc_settings settings = *lc_conn_settings(conn);
  settings.gather = 0;
  settings.max_line = settings.max_read = SIZE_MAX / 2;
  lc_conn_set_settings(conn, &settings);
}

/* prepare(connection): makes a socket of a connection that comes from a server's own loop. */
static int stream_prepare(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  box->may_be_collected = 1;
  prepare(box->conn);
  return 0;
}

/* accept(server) -> connection */
static int stream_accept(lua_State *L, int status, lua_KContext kept)
{
  server_box *box = server_check(L, 1);
  lc_conn *conn;
  (void)status;
  (void)kept;
  int result = lc_server_accept(box->server, &conn);
  if (result == LC_CLOSED && !by_hand_is_over(box->rt)) result = LC_AGAIN;
  if (result == LC_CLOSED && lc_server_is_leaving(box->server)) result = LC_DRAINING;
  if (result < 0) return socket_failure(L, box->rt, result);
  prepare(conn);
  conn_box *made = conn_box_or_abort(L, box->rt, conn, &box->as_base);
  made->may_be_collected = 1;
  conn_keep_weakly(L, made);
  server_tell_new(L, box, conn);
  return 1;
}

static int stream_begin_accept(lua_State *L)
{
  server_box *box = server_check(L, 1);
  task *t = task_that_can_wait(L, box->rt);
  lua_settop(L, 1);
  if (t && task_is_spent(t)) return task_yield_wordless(L, t, 0, stream_accept);
  return stream_accept(L, LUA_OK, 0);
}

/* --------------------------------------------------------------------- receiving -- */

/* Removes all carriage returns. */
static void push_line(lua_State *L, const char *data, size_t length)
{
  luaL_Buffer line;
  luaL_buffinit(L, &line);
  while (length) {
    const char *mark = memchr(data, '\r', length);
    size_t size = mark ? (size_t)(mark - data) : length;
    luaL_addlstring(&line, data, size);
    if (mark) size++;
    data += size;
    length -= size;
  }
  luaL_pushresult(&line);
}

typedef int attempting(lc_conn *conn, char kind, size_t size, lc_slice *slice);

static int attempt(lc_conn *conn, char kind, size_t size, lc_slice *slice)
{
  if (kind == 'l') return lc_conn_read_until(conn, "\n", 1, SIZE_MAX / 2, slice);
  if (kind == 'a') return lc_conn_read_all(conn, SIZE_MAX / 2, slice);
  return size ? lc_conn_read_exact(conn, size, slice) : lc_conn_await(conn);
}

/* Bytes that came before the peer was lost are returned first, as the kernel would. */
static int before_end(lc_conn *conn, char kind, size_t size, lc_slice *slice)
{
  lc_slice all;
  lc_conn_buffered(conn, &all);
  const char *end = kind == 'l' ? memchr(all.data, '\n', all.length) : NULL;
  if (end) size = (size_t)(end - all.data) + 1;
  if (kind == 'a' || (kind == 'l' && !end) || size > all.length || !all.length)
    return lc_conn_error(conn);
  *slice = (lc_slice){all.data, size};
  lc_conn_take(conn, size);
  return 0;
}

/* answered(connection): says that the bytes read need no answer. */
static int stream_answered(lua_State *L)
{
  lc_conn_answered(conn_check(L, 1)->conn);
  return 0;
}

/* A caller that does not wait must learn everything now: a FIN may follow a short read. */
static int attempt_all(lc_conn *conn, char kind, size_t size, lc_slice *slice)
{
  lc_conn_stats before, now;
  int result;
  lc_conn_stats_get(conn, &now);
  do {
    before = now;
    lc_conn_look(conn);
    result = attempt(conn, kind, size, slice);
    lc_conn_stats_get(conn, &now);
  } while (result == LC_AGAIN && now.received != before.received);
  return result;
}

/* Stack: connection, kind, size, look. */
static int stream_receive(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_that_can_wait(L, box->rt);
  char kind = *check_string(L, 2);
  size_t size = (size_t)optional_integer(L, 3, 0);
  lc_slice slice = {"", 0};
  (void)status;
  (void)kept;
  attempting *try = !t || lua_toboolean(L, 4) ? attempt_all : attempt;
  int result = lc_conn_admit(box->conn, LC_WAIT_READ);
  if (!result) result = try(box->conn, kind, size, &slice);
  if (result == LC_AGAIN && box->cut) result = box->cut;
  if (result == LC_AGAIN && lua_toboolean(L, 4)) result = lc_conn_ask(box->conn);
  if (result == LC_RESET || result == LC_PEER_LOST)
    result = before_end(box->conn, kind, size, &slice);
  if (result < 0) {
    if (result != LC_AGAIN) box->last_failure = (int16_t)result;
    return socket_failure(L, box->rt, result);
  }
  if (t) t->rt->tasks->bytes -= (ssize_t)slice.length;
  if (kind == 'l') push_line(L, slice.data, slice.length - 1);
  else lua_pushlstring(L, slice.data, slice.length);
  return 1;
}

static void check_reader(lua_State *L, const conn_box *box)
{
  if (box->reader && box->reader != box->rt->current)
    luaL_error(L, "receive: another task is already reading this socket");
}

/* receive(connection, "l", "a" or "n", size, look) -> data, or nil and a word. `look`: ask the
 * kernel, even if the loop knows of no input. */
static int stream_begin_receive(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_that_can_wait(L, box->rt);
  lua_settop(L, 4);
  check_reader(L, box);
  if (t && task_is_spent(t)) return task_yield(L, t, 0, stream_receive);
  return stream_receive(L, LUA_OK, 0);
}

/* The same in the middle of an operation. */
static int stream_go_on_receiving(lua_State *L)
{
  lua_settop(L, 4);
  return stream_receive(L, LUA_OK, 0);
}

/* partial(connection, kind): consumes and returns the bytes that have come. */
static int stream_partial(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_slice slice;
  lc_conn_buffered(box->conn, &slice);
  if (*check_string(L, 2) == 'l') push_line(L, slice.data, slice.length);
  else lua_pushlstring(L, slice.data, slice.length);
  lc_conn_take(box->conn, slice.length);
  return 1;
}

/* unread(connection): how many bytes have come that were not consumed. */
static int stream_unread(lua_State *L)
{
  lc_slice slice;
  lc_conn_buffered(conn_check(L, 1)->conn, &slice);
  lua_pushinteger(L, (lua_Integer)slice.length);
  return 1;
}

/* ----------------------------------------------------------------------- sending -- */

/* Stack: connection, data, offset, size, look. */
static int stream_send(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_that_can_wait(L, box->rt);
  const char *data = check_string(L, 2);
  size_t offset = (size_t)check_integer(L, 3), size = (size_t)check_integer(L, 4);
  struct iovec piece = {(void *)(uintptr_t)(data + offset), size};
  (void)status;
  (void)kept;
  if (t && box->writer && box->writer != t) { /* another task is writing */
    lua_pushinteger(L, 0);
    return 1;
  }
  if (!t || lua_toboolean(L, 5)) lc_conn_look(box->conn);
  ssize_t accepted = lc_conn_write(box->conn, &piece, 1);
  if (accepted < 0) {
    conn_end_write(box, t);
    box->last_failure = (int16_t)accepted;
    return socket_failure(L, box->rt, (int)accepted);
  }
  if (t) t->rt->tasks->bytes -= accepted;
  if ((size_t)accepted == size) conn_end_write(box, t);
  lua_pushinteger(L, (lua_Integer)accepted);
  return 1;
}

/* send(connection, data, offset, size, look) -> how many bytes the kernel took, or nil and a
 * word. */
static int stream_begin_send(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_that_can_wait(L, box->rt);
  lua_settop(L, 5);
  if (t && box->writer != t && task_is_spent(t)) return task_yield(L, t, 0, stream_send);
  return stream_send(L, LUA_OK, 0);
}

/* ------------------------------------------------------------------------- ending -- */

/* Whether a receive that finds no bytes would return the ladder's code, or the connection's end. */
static int is_over(const conn_box *box, int is_busy)
{
  if (box->cut || lc_conn_error(box->conn)) return 1;
  if (is_busy || box->reader) return 0; /* a task that is reading already learns of it by itself */
  return lc_conn_ask(box->conn) != LC_AGAIN;
}

/* is_over(connection, [is_busy]): select calls it readable because of this. `is_busy`: the script
 * has something to send, so the connection is not idle. */
static int stream_is_over(lua_State *L)
{
  lua_pushboolean(L, is_over(conn_check(L, 1), lua_toboolean(L, 2)));
  return 1;
}

/* The word why the connection cannot be used any more, or nothing. */
static int stream_trouble(lua_State *L)
{
  int error = lc_conn_error(conn_check(L, 1)->conn);
  if (!error) return 0;
  lua_pushstring(L, socket_word(error));
  return 1;
}

/* note(connection, received, sent): bytes that LuaSec has moved on a duplicate of the
 * descriptor. */
static int stream_note(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_conn_note(box->conn, (size_t)check_integer(L, 2), (size_t)check_integer(L, 3));
  return 0;
}

/* note_part(connection, has_part): LuaSec has taken all that had come. `has_part`: it holds half a
 * record, or half a handshake. */
static int stream_note_part(lua_State *L)
{
  lc_conn_note_part(conn_check(L, 1)->conn, lua_toboolean(L, 2));
  return 0;
}

/* note_rest(connection, has_rest): whether the script has not sent all it has begun to send. */
static int stream_note_rest(lua_State *L)
{
  lc_conn_note_rest(conn_check(L, 1)->conn, lua_toboolean(L, 2));
  return 0;
}

/* has_come(connection): whether the kernel has bytes that LuaSec has not taken. */
static int stream_has_come(lua_State *L)
{
  const conn_box *box = conn_check(L, 1);
  const lc_sys *sys = socket_sys(box->rt);
  lua_pushboolean(L, sys->unread(sys, lc_conn_fd(box->conn)) > 0);
  return 1;
}

/* admitted(connection): true if the ladder hands over what would be read next; else nil, a word and
 * the reason. */
static int stream_admitted(lua_State *L)
{
  const conn_box *box = conn_check(L, 1);
  int code = lc_conn_admit(box->conn, LC_WAIT_READ);
  if (code < 0) return socket_failure(L, box->rt, code);
  lua_pushboolean(L, 1);
  return 1;
}

/* is_there(connection): whether neither the connection nor the loop has been collected. */
static int stream_is_there(lua_State *L)
{
  const conn_box *box = luaL_testudata(L, 1, CONN_TYPE);
  lua_pushboolean(L, box && box->conn && box->rt->loop);
  return 1;
}

static int stream_fd(lua_State *L)
{
  lua_pushinteger(L, lc_conn_lend(conn_check(L, 1)->conn));
  return 1;
}

static int stream_shut_write(lua_State *L)
{
  lc_conn_shutdown(conn_check(L, 1)->conn, SHUT_WR);
  return 0;
}

/* is_ended(server): whether accept would return the end. */
static int listener_is_ended(lua_State *L)
{
  const server_box *box = server_check(L, 1);
  lua_pushboolean(L, !lc_server_is_listening(box->server) && by_hand_is_over(box->rt));
  return 1;
}

static int listener_fd(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lua_pushinteger(L, lc_server_listener_fd(box->server, 0));
  return 1;
}

/* unclaimed(server): how many connections wait for accept, which the descriptor of the listener does not show. */
static int listener_unclaimed(lua_State *L)
{
  lua_pushinteger(L, lc_server_unclaimed(server_check(L, 1)->server));
  return 1;
}

/* refuse(): nil, a word and the reason, for what a shutdown refuses. */
static int stream_refuse(lua_State *L)
{
  return socket_failure(L, runtime_upvalue(L), LC_DRAINING);
}

/* retire(server): stops listening; connections go on. */
static int listener_retire(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_server_retire(box->server);
  tasks_wake(&box->acceptors, LC_CLOSED);
  return 0;
}

/* by_hand(server): only tasks accept from it. */
static int listener_by_hand(lua_State *L)
{
  by_hand_add(server_check(L, 1));
  return 0;
}

/* has_clients(): whether a script can serve clients of such servers, or will be able to. */
static int socket_has_clients(lua_State *L)
{
  lua_pushboolean(L, !by_hand_is_over(runtime_upvalue(L)));
  return 1;
}

/* abandon(): no code is left that could use a socket. */
static int socket_abandon(lua_State *L)
{
  by_hand_abandon(runtime_upvalue(L));
  return 0;
}

void socket_open_stream(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"adopt", stream_adopt},
                                       {"accept", stream_begin_accept},
                                       {"prepare", stream_prepare},
                                       {"receive", stream_begin_receive},
                                       {"receive_more", stream_go_on_receiving},
                                       {"partial", stream_partial},
                                       {"unread", stream_unread},
                                       {"send", stream_begin_send},
                                       {"trouble", stream_trouble},
                                       {"is_over", stream_is_over},
                                       {"note", stream_note},
                                       {"note_part", stream_note_part},
                                       {"note_rest", stream_note_rest},
                                       {"has_come", stream_has_come},
                                       {"admitted", stream_admitted},
                                       {"answered", stream_answered},
                                       {"is_there", stream_is_there},
                                       {"stream_fd", stream_fd},
                                       {"shut_write", stream_shut_write},
                                       {"listener_fd", listener_fd},
                                       {"unclaimed", listener_unclaimed},
                                       {"refuse", stream_refuse},
                                       {"retire", listener_retire},
                                       {"is_ended", listener_is_ended},
                                       {"by_hand", listener_by_hand},
                                       {"has_clients", socket_has_clients},
                                       {"abandon", socket_abandon},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
