/* process/line.c - bytes and descriptors over a unix-domain socket that is no connection: the line
 * between a supervisor and its worker.
 *
 * No call here waits for the loop, so a worker can use its line before its run begins and after it
 * has ended, and no drain closes it.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "process/passed.h"
#include "process/process.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "sys/sys.h"

static int failed(lua_State *L, int code)
{
  if (code != -EAGAIN) return push_failure(L, code, NULL, "line");
  lua_pushnil(L);
  lua_pushliteral(L, "again");
  return 2;
}

void pass_descriptor(struct msghdr *message, passed *room, int fd)
{
  memset(room, 0, sizeof *room);
  message->msg_control = room;
  message->msg_controllen = CMSG_SPACE(sizeof fd);
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

/* line_send(fd, bytes, [descriptor]) -> how many bytes the kernel has taken, and with the first of
 * them a copy of the descriptor; or nil, code, message. */
static int core_line_send(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  int fd = (int)check_integer(L, 1);
  size_t length;
  passed room;
  ssize_t sent;
  const char *bytes = check_bytes(L, 2, &length);
  struct iovec piece = {(void *)(uintptr_t)bytes, length};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  if (!lua_isnoneornil(L, 3)) pass_descriptor(&message, &room, (int)check_integer(L, 3));
  LC_RETRY(sent, sys->sendmsg(sys, fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
  if (sent < 0) return failed(L, (int)sent);
  lua_pushinteger(L, sent);
  return 1;
}

/* Adds the descriptors of a message to the list on top. */
static void list_passed(lua_State *L, struct msghdr *message)
{
  lua_Integer count = 0;
  for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    size_t size = one->cmsg_len - CMSG_LEN(0);
    for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(one) + at, sizeof fd);
      lua_pushinteger(L, fd);
      lua_rawseti(L, -2, ++count);
    }
  }
}

/* line_receive(fd) -> bytes, a list of the descriptors that came with them, and whether this
 * process had no descriptor free for others; "" at the end; or nil, code, message. */
static int core_line_receive(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  int fd = (int)check_integer(L, 1);
  char bytes[4096];
  passed room;
  ssize_t received;
  lua_settop(L, 1);
  lua_createtable(L, PASSED_MOST, 0); /* first, so that lack of memory loses no descriptor */
  luaL_checkstack(L, 4, NULL);
  struct iovec piece = {bytes, sizeof bytes};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
  LC_RETRY(received, sys->recvmsg(sys, fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (received < 0) return failed(L, (int)received);
  list_passed(L, &message);
  lua_pushlstring(L, bytes, (size_t)received);
  lua_insert(L, -2);
  lua_pushboolean(L, message.msg_flags & MSG_CTRUNC);
  return 3;
}

/* line_wait(fd, seconds, [to write]) -> whether there is something to receive, or room to send.
 * Blocks: for code outside of tasks. */
static int core_line_wait(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  struct pollfd one = {.fd = (int)check_integer(L, 1),
                       .events = lua_toboolean(L, 3) ? POLLOUT : POLLIN};
  int ready;
  LC_RETRY(ready, sys->poll(sys, &one, 1, optional_seconds(L, 2)));
  lua_pushboolean(L, ready > 0);
  return 1;
}

void line_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"line_send", core_line_send},
                                       {"line_receive", core_line_receive},
                                       {"line_wait", core_line_wait},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
