/* process/environment.c - what the process was given when it began, and word to the service manager
 * that gave it. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

#include "process/passed.h"
#include "process/process.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "sys/sys.h"

static int core_process_id(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  lua_pushinteger(L, rt->sys->process_id(rt->sys));
  return 1;
}

enum { PROCESSORS_MOST = 8192 };

/* processors() -> a list of the numbers of those that this process may use, or nil, code, message. */
static int core_processors(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  int *numbers = lua_newuserdatauv(L, PROCESSORS_MOST * sizeof *numbers, 0);
  int count = rt->sys->processors(rt->sys, numbers, PROCESSORS_MOST);
  if (count < 0) return push_failure(L, count, "this process", "processors");
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    lua_pushinteger(L, numbers[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int done(lua_State *L, int result, const char *name, const char *operation)
{
  if (result < 0) return push_failure(L, result, name, operation);
  lua_pushboolean(L, 1);
  return 1;
}

/* pin_process(pid, processor) -> true, or nil, code, message: it uses this processor alone. */
static int core_pin_process(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  int pid = (int)check_integer(L, 1), processor = (int)check_integer(L, 2);
  lua_pushfstring(L, "process %d, processor %d", pid, processor);
  return done(L, rt->sys->process_pin(rt->sys, pid, processor), lua_tostring(L, -1), "pin");
}

/* forget_variable(name) -> true, or nil, code, message: children do not inherit it. */
static int core_forget_variable(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  const char *name = check_word(L, 1);
  return done(L, rt->sys->forget_variable(rt->sys, name), name, "environment");
}

static int descriptor_argument(lua_State *L, int index)
{
  lua_Integer fd = check_integer(L, index);
  check_that(L, fd >= 0 && fd <= INT32_MAX, index, "a descriptor is a number from 0 on");
  return (int)fd;
}

/* keep_from_children(fd) -> true, or nil, code, message. Calls on it do not block from now on. */
static int core_keep_from_children(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  return done(L, rt->sys->set_nonblocking(rt->sys, descriptor_argument(L, 1)), NULL, "descriptor");
}

/* duplicate(fd) -> a copy, which children do not inherit; or nil, code, message. */
static int core_duplicate(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  int fd = rt->sys->duplicate(rt->sys, descriptor_argument(L, 1));
  if (fd < 0) return push_failure(L, fd, NULL, "descriptor");
  lua_pushinteger(L, fd);
  return 1;
}

/* What the kernel says of argument 1; 0 when it is no socket. */
static int socket_fact(lua_State *L, int name)
{
  const runtime *rt = runtime_upvalue(L);
  int fact = 0;
  socklen_t length = sizeof fact;
  int fd = descriptor_argument(L, 1);
  return rt->sys->getsockopt(rt->sys, fd, SOL_SOCKET, name, &fact, &length) < 0 ? 0 : fact;
}

/* listens(fd): whether it is a socket that listens. */
static int core_listens(lua_State *L)
{
  lua_pushboolean(L, socket_fact(L, SO_ACCEPTCONN));
  return 1;
}

/* may_listen(fd): whether it is a socket that listens, or can be told to. */
static int core_may_listen(lua_State *L)
{
  lua_pushboolean(L, socket_fact(L, SO_TYPE) == SOCK_STREAM);
  return 1;
}

/* ------------------------------------------------------------------------- notify -- */

static int send_once(const lc_sys *sys, const struct msghdr *message)
{
  ssize_t sent;
  int fd = sys->socket(sys, AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0) return fd;
  LC_RETRY(sent, sys->sendmsg(sys, fd, message, 0));
  sys->close(sys, fd);
  return sent < 0 ? (int)sent : 0;
}

/* notify(address, text, [descriptor]) -> true, or nil, code, message: a datagram to a unix-domain
 * socket, with a copy of the descriptor. It never waits. */
static int core_notify(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  lc_address address;
  size_t length;
  numeric_argument(L, 1, &address);
  check_that(L, address.of.any.sa_family == AF_UNIX, 1, "not the address of a unix-domain socket");
  const char *text = check_bytes(L, 2, &length);
  struct iovec piece = {(void *)(uintptr_t)text, length};
  struct msghdr message = {
    .msg_name = &address.of.any, .msg_namelen = address.length, .msg_iov = &piece, .msg_iovlen = 1};
  passed room;
  if (!lua_isnoneornil(L, 3)) pass_descriptor(&message, &room, descriptor_argument(L, 3));
  return done(L, send_once(rt->sys, &message), lua_tostring(L, 1), "notify");
}

void environment_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"process_id", core_process_id},
                                       {"processors", core_processors},
                                       {"pin_process", core_pin_process},
                                       {"forget_variable", core_forget_variable},
                                       {"keep_from_children", core_keep_from_children},
                                       {"duplicate", core_duplicate},
                                       {"listens", core_listens},
                                       {"may_listen", core_may_listen},
                                       {"notify", core_notify},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
