/* socket/select.c - which of many descriptors are ready. */
#include <lauxlib.h>
#include <lua.h>

#include "conn/box.h"
#include "runtime/runtime.h"
#include "script/register.h"
#include "socket/blocking.h"
#include "socket/functions.h"
#include "socket/words.h"
#include "sys/sys.h"
#include "task/wait.h"
#include "wait/selecting.h"

/* Reads descriptors from the array at `index`. A negative one belongs to a closed socket. */
static unsigned take(lua_State *L, int index, struct pollfd *fds, short events)
{
  unsigned count = (unsigned)lua_rawlen(L, index);
  for (unsigned i = 0; i < count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    fds[i] = (struct pollfd){.fd = (int)lua_tointeger(L, -1), .events = events};
    lua_pop(L, 1);
  }
  return count;
}

/* Pushes an array of the indices of the ready ones. */
static void push_ready(lua_State *L, const struct pollfd *fds, unsigned count)
{
  lua_Integer found = 0;
  lua_newtable(L);
  for (unsigned i = 0; i < count; i++) {
    if (fds[i].fd < 0 || !fds[i].revents) continue;
    lua_pushinteger(L, (lua_Integer)i + 1);
    lua_rawseti(L, -2, ++found);
  }
}

enum { READING = 1, WRITING, DEADLINE, STREAMS, SET, BOXES };

static int answer(lua_State *L, const struct pollfd *fds)
{
  unsigned reading = (unsigned)lua_rawlen(L, READING), writing = (unsigned)lua_rawlen(L, WRITING);
  push_ready(L, fds, reading);
  push_ready(L, fds + reading, writing);
  return 2;
}

/* The connections of the array STREAMS, as a block of memory. */
static unsigned take_streams(lua_State *L)
{
  unsigned count = (unsigned)lua_rawlen(L, STREAMS);
  conn_box **boxes = lua_newuserdatauv(L, (count + 1) * sizeof(conn_box *), 0);
  for (unsigned i = 0; i < count; i++) {
    lua_rawgeti(L, STREAMS, (lua_Integer)i + 1);
    boxes[i] = conn_check(L, -1);
    lua_pop(L, 1);
  }
  return count;
}

/* Whether a descriptor of the wait has been closed meanwhile. Another socket may even have its
 * number by now. */
static int is_outdated(const struct pollfd *fds, unsigned count, int woken)
{
  if (woken == LC_CLOSED || woken == LC_DRAINING) return 1;
  for (unsigned i = 0; i < count; i++)
    if (fds[i].revents & POLLNVAL) return 1;
  return 0;
}

/* The caller looks at everything again. */
static int nothing_known(lua_State *L)
{
  lua_newtable(L);
  lua_newtable(L);
  lua_pushboolean(L, 1);
  return 3;
}

/* Stack: READING ... BOXES, and the values of the wait. The third result is true if neither the
 * time nor the context ended the wait. Then, if nothing is ready, the caller looks at everything
 * again. */
static int select_woken(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  struct pollfd *fds = lua_touserdata(L, SET);
  int ready, ended = rt->current->woken;
  (void)status;
  LC_RETRY(ready, sys->poll(sys, fds, (unsigned)kept, 0));
  if (ready < 0) return socket_failure(L, rt, ready);
  if (is_outdated(fds, (unsigned)kept, ended)) return nothing_known(L);
  answer(L, fds);
  if (task_ended(rt->current)) task_failed(rt->current);
  lua_pushboolean(L, ended != LC_TIMEOUT && !task_ended(rt->current));
  return 3;
}

/* Stack: READING ... SET. */
static int select_begin(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  task *t = task_that_can_wait(L, rt);
  struct pollfd *fds = lua_touserdata(L, SET);
  unsigned count = (unsigned)kept;
  lc_time deadline = socket_deadline(L, DEADLINE);
  int ready;
  (void)status;
  if (!t) socket_turn(L, rt);
  LC_RETRY(ready, sys->poll(sys, fds, count, 0));
  if (ready < 0) return socket_failure(L, rt, ready);
  if (ready || deadline <= sys->now(sys)) return answer(L, fds);
  if (t) {
    select_set set = {
      .fds = fds, .count = count, .stream_count = take_streams(L), .is_wordless = 1};
    set.streams = lua_touserdata(L, BOXES);
    return select_suspend(L, t, "select", &set, deadline, kept, select_woken);
  }
  int result = socket_block(L, rt, fds, count, deadline);
  if (result < 0 && result != LC_TIMEOUT) return socket_failure(L, rt, result);
  return answer(L, fds);
}

/* select(reading, writing, deadline[, streams]) -> indices that may be read, indices that may be
 * written. */
static int socket_select(lua_State *L)
{
  lua_settop(L, STREAMS);
  task *t = task_that_can_wait(L, runtime_upvalue(L));
  unsigned count = (unsigned)(lua_rawlen(L, READING) + lua_rawlen(L, WRITING));
  struct pollfd *fds = lua_newuserdatauv(L, (count + 1) * sizeof *fds, 0);
  unsigned reading = take(L, READING, fds, POLLIN);
  take(L, WRITING, fds + reading, POLLOUT);
  if (t && task_is_spent(t)) return task_yield_wordless(L, t, (lua_KContext)count, select_begin);
  return select_begin(L, LUA_OK, (lua_KContext)count);
}

void socket_open_select(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"select", socket_select}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
