/* conn/writing.c - write, flush, post: whole writes, one after the other, never mixed.
 *
 * When the kernel takes only a part of a write, the task becomes the connection's writer until the
 * write has finished or given up. Other writers queue behind it. Meanwhile the strings stay on the
 * task's stack, and nothing is copied. After a write that has given up half-way, no other write may
 * follow in the stream. A write that fails ends the connection's context, because no peer is left
 * to work for.
 */
#include "conn/writing.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "base/list.h"
#include "conn/box.h"
#include "conn/exchange.h"
#include "conn/methods.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/wait.h"

enum { PIECES = 32 };

static void next_writer(conn_box *box)
{
  for (lc_link *link = box->waiting.next; link != &box->waiting; link = link->next) {
    task *t = LC_OWNER(link, task, in_queue);
    if (!t->wants_turn) continue;
    task_wake(t, 0);
    return;
  }
}

static void writer_unwait(task *t)
{
  conn_box *box = t->wait_object;
  if (!t->woken) {
    /* The write has not finished, so the task stays the writer, unless it is killed before. */
    t->unwait = writer_unwait;
    return;
  }
  if (box->half_way) lc_conn_break_write(box->conn, t->woken);
  box->writer = NULL;
  lc_conn_end_write(box->conn);
  next_writer(box);
}

void conn_end_write(conn_box *box, const task *t)
{
  if (box->writer && box->writer == t) {
    box->writer = NULL;
    lc_conn_end_write(box->conn);
  }
  if (!box->writer)
    next_writer(box); /* also when this task had become the writer but needs no wait */
}

static int wait_for_room(lua_State *L, task *t, conn_box *box, const char *operation,
                         lua_KContext kept, lua_KFunction again)
{
  box->writer = t;
  box->half_way = 0;
  lc_conn_wait_write(box->conn, LC_NEVER);
  t->is_kept = 1;
  return task_suspend(L, t, operation, box, writer_unwait, kept, again);
}

/* While another task's write is half-way through, this task waits for its turn, as long as it would
 * wait for room. */
int conn_wait_turn(lua_State *L, task *t, conn_box *box, const char *operation, lua_KContext kept,
                   lua_KFunction again)
{
  lc_time limit = lc_conn_settings(box->conn)->write_timeout;
  lc_list_append(&box->waiting, &t->in_queue);
  t->wants_turn = 1;
  if (limit != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(box->rt->loop), limit));
  t->is_kept = 1;
  return task_suspend(L, t, operation, box, NULL, kept, again);
}

static __attribute__((cold)) int output_failure(lua_State *L, conn_box *box, int code,
                                                const char *operation)
{
  box->last_failure = (int16_t)code;
  if (code != LC_CANCELED && code != LC_CLOSED && code != -EOPNOTSUPP)
    conn_end_context(box, lc_code_name(code));
  return conn_failure(L, box, code, operation);
}

int conn_write_failure(lua_State *L, conn_box *box, int code, size_t done)
{
  int count = output_failure(L, box, code, "write");
  lua_pushinteger(L, (lua_Integer)done);
  return count + 1;
}

/* Called when a cancel or a deadline has ended the write, after `done` bytes had been accepted. */
void conn_give_up_write(conn_box *box, const task *t, int code, size_t done)
{
  if (done) {
    lc_conn_break_write(box->conn, code);
    conn_end_context(box, lc_code_name(code));
  }
  conn_end_write(box, t);
}

int conn_can_wait(lua_State *L, const task *t) { return t && (t->killing || lua_isyieldable(L)); }

/* --------------------------------------------------------------------- write -- */

/* Collects the pieces that follow the first `done` bytes, as many as one call takes. Where one call
 * ends does not depend on `done`: the rest of a call that was accepted in part is no more than that
 * call had. Returns their number; `*next` is where the next call begins. */
static int gather_pieces(lua_State *L, int *next, int last, size_t done, struct iovec *pieces,
                         size_t *total)
{
  int count = 0, first = *next, i = first;
  *total = 0;
  for (; i <= last && !(count && (i - first) % PIECES == 0); i++) {
    size_t length;
    const char *data = lua_tolstring(L, i, &length);
    if (done >= length) {
      done -= length;
      continue;
    }
    pieces[count++] = (struct iovec){(void *)(uintptr_t)(data + done), length - done};
    *total += length - done;
    done = 0;
  }
  *next = i;
  return count;
}

int conn_wait_half_way(lua_State *L, task *t, conn_box *box, size_t done, lua_KFunction again)
{
  box->writer = t;
  box->half_way = done > 0;
  lc_conn_wait_write(box->conn, LC_NEVER);
  t->is_kept = 1;
  return task_suspend(L, t, "write", box, writer_unwait, (lua_KContext)done, again);
}

typedef ssize_t (*put_function)(const conn_box *box, const struct iovec *pieces, int count);

/* The stack has the connection and the pieces, of which `kept` bytes have been accepted. `again`
 * calls this function once more. */
static int put_more(lua_State *L, lua_KContext kept, put_function put, lua_KFunction again)
{
  conn_box *box = lua_touserdata(L, 1);
  task *t = task_running(L, box->rt);
  size_t done = (size_t)kept, total;
  int last = lua_gettop(L), why = t ? t->woken : 0;
  if (t) t->woken = 0;
  if (why) {
    conn_give_up_write(box, t, why, done);
    return conn_write_failure(L, box, why, done);
  }
  if (conn_is_being_written(box, t)) {
    if (!conn_can_wait(L, t)) t = task_current(L, box->rt, "conn:write");
    if (task_ended(t)) return conn_write_failure(L, box, task_ended(t), done);
    return conn_wait_turn(L, t, box, "write", kept, again);
  }
  for (;;) {
    struct iovec pieces[PIECES];
    int next = 2, count = gather_pieces(L, &next, last, done, pieces, &total);
    ssize_t accepted = put(box, pieces, count);
    if (accepted < 0) {
      conn_end_write(box, t);
      return conn_write_failure(L, box, (int)accepted, done);
    }
    done += (size_t)accepted;
    if (t) t->rt->tasks->bytes -= accepted;
    if ((size_t)accepted < total) break;
    if (next > last) {
      conn_end_write(box, t);
      lua_pushboolean(L, 1);
      return 1;
    }
  }
  int refused = LC_CANCELED;
  if (conn_can_wait(L, t)) refused = box->cut == LC_CANCELED ? LC_CANCELED : task_ended(t);
  if (refused) {
    conn_give_up_write(box, t, refused, done);
    if (!conn_can_wait(L, t)) task_current(L, box->rt, "conn:write"); /* raises */
    return conn_write_failure(L, box, refused, done);
  }
  return conn_wait_half_way(L, t, box, done, again);
}

/* Most writes are small and accepted whole; `again` goes on with the others. This function is a
 * part of its two callers: calls of `put` and of itself would be as much as its own work. */
static inline __attribute__((always_inline)) int write_pieces(lua_State *L, conn_box *box,
                                                              put_function put, lua_KFunction again)
{
  struct iovec pieces[PIECES];
  int last = lua_gettop(L);
  size_t total = 0;
  for (int i = 2; i <= last; i++) {
    size_t length;
    const char *data = check_bytes(L, i, &length); /* numbers become strings here */
    if (i - 2 < PIECES) pieces[i - 2] = (struct iovec){(void *)(uintptr_t)data, length};
    total += length;
  }
  task *t = task_running(L, box->rt);
  if (t) {
    t->woken = 0;
    if (task_is_spent_writing(t)) return task_yield(L, t, 0, again);
  }
  if (box->writer || !lc_list_is_empty(&box->waiting) || last - 1 > PIECES)
    return again(L, LUA_OK, 0);
  ssize_t accepted = put(box, pieces, last - 1);
  if (accepted < 0) return conn_write_failure(L, box, (int)accepted, 0);
  if (t) t->rt->tasks->bytes -= accepted;
  if ((size_t)accepted < total) return again(L, LUA_OK, accepted);
  lua_pushboolean(L, 1);
  return 1;
}

static ssize_t put_plain(const conn_box *box, const struct iovec *pieces, int count)
{
  return lc_conn_write(box->conn, pieces, count);
}

static int write_more(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  return put_more(L, kept, put_plain, write_more);
}

int conn_write_rest(lua_State *L, size_t done)
{
  return put_more(L, (lua_KContext)done, put_plain, write_more);
}

static int conn_write(lua_State *L)
{
  conn_box *box = conn_self(L);
  conn_refuse_http(L, box, "conn:write");
  return write_pieces(L, box, put_plain, write_more);
}

/* The body of a reply has its own framing. */
static ssize_t put_body(const conn_box *box, const struct iovec *pieces, int count)
{
  if (!conn_is_reply_open(box)) return LC_CLOSED;
  return lc_http_write(box->exchange, box->conn, pieces, count);
}

static int write_body_more(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  return put_more(L, kept, put_body, write_body_more);
}

int conn_write_body(lua_State *L, conn_box *box)
{
  conn_begin_reply(box);
  return write_pieces(L, box, put_body, write_body_more);
}

/* --------------------------------------------------------------------- flush -- */

int conn_is_being_written(const conn_box *box, const task *t)
{
  return box->writer && box->writer != t;
}

int conn_wait_flushed(lua_State *L, task *t, conn_box *box, const char *operation,
                      lua_KContext kept, lua_KFunction again)
{
  if (conn_is_being_written(box, t)) return conn_wait_turn(L, t, box, operation, kept, again);
  return wait_for_room(L, t, box, operation, kept, again);
}

static int flush_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = lua_touserdata(L, 1);
  task *t = task_running(L, box->rt);
  int result = t ? t->woken : 0;
  (void)status;
  if (t) t->woken = 0;
  if (!result) result = lc_conn_flush(box->conn);
  if (result == LC_AGAIN) {
    t = task_current(L, box->rt, "conn:flush");
    result = box->cut == LC_CANCELED ? LC_CANCELED : task_ended(t);
    if (!result) return conn_wait_flushed(L, t, box, "flush", kept, flush_more);
  }
  conn_end_write(box, t);
  if (result < 0) return output_failure(L, box, result, "flush");
  lua_pushboolean(L, 1);
  return 1;
}

int conn_flush(lua_State *L)
{
  conn_box *box = conn_self(L);
  lua_settop(L, 1);
  task *t = task_running(L, box->rt);
  if (t) {
    t->woken = 0;
    if (task_is_spent(t)) return task_yield(L, t, 0, flush_more);
  }
  return flush_more(L, LUA_OK, 0);
}

static int conn_setvbuf(lua_State *L)
{
  static const char *const modes[] = {"no", "full", NULL};
  conn_box *box = conn_check(L, 1);
  int mode = check_choice(L, 2, NULL, modes);
  lua_Integer size = optional_integer(L, 3, 16384);
  check_that(L, size >= 0, 3, "a size in bytes is not negative");
  if (lc_conn_error(box->conn)) return conn_failure(L, box, lc_conn_error(box->conn), "setvbuf");
  lc_settings settings = *lc_conn_settings(box->conn);
  settings.gather = mode ? (size_t)(size > 65536 ? 65536 : size) : 0;
  int result = lc_conn_set_settings(box->conn, &settings);
  if (result < 0) return conn_failure(L, box, result, "setvbuf");
  lua_pushboolean(L, 1);
  return 1;
}

/* ---------------------------------------------------------------------- post -- */

static int conn_post(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  struct iovec pieces[PIECES];
  int last = lua_gettop(L);
  conn_refuse_http(L, box, "conn:post");
  for (int i = 2; i <= last; i++) check_string(L, i);
  if (last - 1 > PIECES) {
    lua_concat(L, last - 1);
    last = 2;
  }
  size_t total;
  int next = 2, count = gather_pieces(L, &next, last, 0, pieces, &total);
  int result = lc_conn_post(box->conn, pieces, count);
  if (result < 0) return conn_fail_fairly(L, box, result, "post");
  box->rt->tasks->bytes -=
    (ssize_t)total; /* a post never waits, but it counts as work, so that peers get time to read */
  lua_pushboolean(L, 1);
  return 1;
}

void conn_open_writing(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"write", conn_write},
                                     {"flush", conn_flush},
                                     {"setvbuf", conn_setvbuf},
                                     {"post", conn_post},
                                     {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
}
