/* socket/waiting.c - waits for descriptors, connections and servers: they suspend a task, and block
 * elsewhere. */
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>

#include "base/list.h"
#include "conn/reading.h"
#include "conn/writing.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "server/box.h"
#include "socket/blocking.h"
#include "socket/functions.h"
#include "socket/words.h"
#include "task/wait.h"
#include "wait/selecting.h"

static int is_writing(lua_State *L, int index)
{
  static const char *const directions[] = {"r", "w", NULL};
  return check_choice(L, index, NULL, directions);
}

/* Pushes true: try again; or nil and the word. */
static int wait_over(lua_State *L, runtime *rt, int code)
{
  if (code < 0) return socket_failure(L, rt, code);
  lua_pushboolean(L, 1);
  return 1;
}

static int woken(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  (void)status;
  (void)kept;
  return wait_over(L, rt, rt->current->woken);
}

static int block_on(lua_State *L, runtime *rt, int fd, int writing, lc_time deadline)
{
  const task *t = task_running(L, rt);
  struct pollfd fds[2] = {{.fd = fd, .events = writing ? POLLOUT : POLLIN}};
  if (fd < 0) return wait_over(L, rt, LC_CLOSED);
  if (t && t->killing) return wait_over(L, rt, LC_CANCELED); /* in a __close, which must not wait */
  return wait_over(L, rt, socket_block(L, rt, fds, 1, deadline));
}

/* wait_descriptor(fd, "r" or "w", deadline) */
static int wait_descriptor(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int fd = (int)check_integer(L, 1), writing = is_writing(L, 2);
  lc_time deadline = socket_deadline(L, 3);
  task *t = task_that_can_wait(L, rt);
  if (!t || fd < 0) return block_on(L, rt, fd, writing, deadline);
  struct pollfd one = {.fd = fd, .events = writing ? POLLOUT : POLLIN};
  select_set set = {
    .fds = &one, .count = 1, .is_wordless = !writing}; /* datagrams have no word for a drain */
  return select_suspend(L, t, writing ? "send" : "receive", &set, deadline, 0, woken);
}

/* Why a wait on the connection must not begin, or 0. */
static int refusal(const task *t, const conn_box *box, int writing)
{
  if (box->cut && !writing) return box->cut;
  return box->cut == LC_CANCELED ? LC_CANCELED : task_ended(t);
}

/* wait_stream(connection, "r" or "w", deadline) */
static int wait_stream(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  runtime *rt = box->rt;
  int writing = is_writing(L, 2);
  lc_time deadline = socket_deadline(L, 3);
  task *t = task_that_can_wait(L, rt);
  if (!t) return block_on(L, rt, lc_conn_fd(box->conn), writing, deadline);
  t->woken = (int16_t)refusal(t, box, writing);
  if (t->woken) return woken(L, LUA_OK, 0);
  if (!writing) return conn_wait_input(L, t, box, deadline, "receive", 0, woken);
  if (deadline != LC_NEVER) task_alarm(t, deadline);
  return conn_wait_flushed(L, t, box, "send", 0, woken);
}

/* wait_server(server, deadline) */
static int wait_server(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_time deadline = socket_deadline(L, 2);
  task *t = task_that_can_wait(L, box->rt);
  if (!t) return block_on(L, box->rt, lc_server_listener_fd(box->server, 0), 0, deadline);
  t->woken = (int16_t)task_ended(t);
  if (t->woken) return woken(L, LUA_OK, 0);
  lc_list_append(&box->acceptors, &t->in_queue);
  if (deadline != LC_NEVER) task_alarm(t, deadline);
  t->at_rest = t->is_kept = 1;
  return task_suspend(L, t, "accept", box, NULL, 0, woken);
}

/* sleep_until(deadline, [at_rest]): `at_rest` says that the script has no work to do meanwhile. */
static int sleep_until(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_time deadline = socket_deadline(L, 1);
  task *t = task_that_can_wait(L, rt);
  struct pollfd room[1];
  if (!t) {
    socket_block(L, rt, room, 0, deadline);
    return 0;
  }
  if (task_ended(t)) { /* a loop around it must not keep the processor busy */
    task_failed(t);
    if (!task_is_deaf(t)) return task_yield_wordless(L, t, 0, task_return);
    deadline = lc_time_earlier(deadline, task_breath(rt));
  }
  task_alarm(t, deadline);
  t->is_wordless = 1;
  t->at_rest = lua_toboolean(L, 2) != 0;
  return task_suspend(L, t, "sleep", NULL, NULL, 0, task_return);
}

/* wake(fd): other code is about to close the descriptor. */
static int wake(lua_State *L)
{
  select_wake(runtime_upvalue(L), (int)check_integer(L, 1));
  return 0;
}

static int turn(lua_State *L)
{
  socket_turn(L, runtime_upvalue(L));
  return 0;
}

void socket_open_waiting(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"wait_descriptor", wait_descriptor},
                                       {"wait_stream", wait_stream},
                                       {"wait_server", wait_server},
                                       {"sleep_until", sleep_until},
                                       {"turn", turn},
                                       {"wake", wake},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
