/* socket_select.c - which of many descriptors are ready. */
#include "socket.h"

/* Reads descriptors from the array at `index`; a negative one is a socket that was closed: nobody's. */
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

/* The indices of those that are ready, as an array. */
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

enum { READING = 1, WRITING, DEADLINE, SET };

static int answer(lua_State *L, const struct pollfd *fds)
{
  unsigned reading = (unsigned)lua_rawlen(L, READING), writing = (unsigned)lua_rawlen(L, WRITING);
  push_ready(L, fds, reading);
  push_ready(L, fds + reading, writing);
  return 2;
}

/* Stack: READING, WRITING, DEADLINE, SET, and what the wait has put there. */
static int select_woken(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  struct pollfd *fds = lua_touserdata(L, SET);
  int ready, ended = rt->current->woken;
  (void)status;
  LC_RETRY(ready, sys->poll(sys, fds, (unsigned)kept, 0));
  if (!ready && ended && ended != LC_TIMEOUT) task_failed(rt->current);
  return ready < 0 ? socket_failure(L, rt, ready) : answer(L, fds);
}

/* Stack: READING, WRITING, DEADLINE, SET. */
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
  if (t) return socket_suspend(L, t, "select", fds, count, deadline, kept, select_woken);
  int result = socket_block(L, rt, fds, count, deadline);
  if (result < 0 && result != LC_TIMEOUT) return socket_failure(L, rt, result);
  return answer(L, fds);
}

/* select(reading, writing, deadline) -> indices that may be read, indices that may be written. */
static int socket_select(lua_State *L)
{
  lua_settop(L, DEADLINE);
  task *t = task_that_can_wait(L, runtime_upvalue(L));
  unsigned count = (unsigned)(lua_rawlen(L, READING) + lua_rawlen(L, WRITING));
  struct pollfd *fds = lua_newuserdatauv(L, (count + 1) * sizeof *fds, 0);
  unsigned reading = take(L, READING, fds, POLLIN);
  take(L, WRITING, fds + reading, POLLOUT);
  if (t && task_is_spent(t)) return task_yield(L, t, (lua_KContext)count, select_begin);
  return select_begin(L, LUA_OK, (lua_KContext)count);
}

void socket_open_select(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"select", socket_select}, {NULL, NULL}};
  register_functions(L, rt, functions);
}
