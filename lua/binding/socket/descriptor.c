/* socket/descriptor.c - descriptors that are no connections: masters, sockets that are still
 * connecting, datagrams. Each function is one system call; addresses are strings in the kernel's
 * form. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <netdb.h>
#include <stdint.h>
#include <string.h>

#include "conn/box.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "socket/blocking.h"
#include "socket/functions.h"
#include "socket/words.h"
#include "sys/sys.h"
#include "task/wait.h"
#include "wait/selecting.h"

/* Pushes nil and the text of errno. */
static int refused(lua_State *L, int code)
{
  lua_pushnil(L);
  lua_pushstring(L, strerror(-code));
  return 2;
}

static int succeeded(lua_State *L, runtime *rt, int code)
{
  if (code == -EBADF)
    return refused(L, code); /* lastcall did not close it: there is no such descriptor */
  if (code < 0) return socket_failure(L, rt, code);
  lua_pushboolean(L, 1);
  return 1;
}

static void check_address(lua_State *L, int index, lc_address *address)
{
  size_t length;
  const char *bytes = check_bytes(L, index, &length);
  check_that(L, length <= sizeof address->of, index, "not an address");
  memset(address, 0, sizeof *address);
  memcpy(&address->of, bytes, length);
  address->length = (socklen_t)length;
}

/* Programs for LuaSocket expect close() to free a descriptor. When none is left, this gives up the
 * connection of theirs that has lingered longest. */
static int make_room(const runtime *rt)
{
  lc_conn *oldest = NULL;
  for (lc_conn *conn = NULL; (conn = lc_server_next(rt->conns->outbound, conn));)
    if (lc_conn_state(conn) == LC_STATE_CLOSING &&
        (!oldest || lc_conn_id(conn) < lc_conn_id(oldest)))
      oldest = conn;
  return oldest && lc_conn_let_go(oldest);
}

static int open_one(const runtime *rt, int family, int type)
{
  const lc_sys *sys = socket_sys(rt);
  int fd = sys->socket(sys, family, type, 0);
  if ((fd == -EMFILE || fd == -ENFILE) && make_room(rt)) fd = sys->socket(sys, family, type, 0);
  return fd;
}

/* open(family, type) -> fd */
static int descriptor_open(lua_State *L)
{
  static const char *const families[] = {"inet", "inet6", "unix", NULL};
  static const int family[] = {AF_INET, AF_INET6, AF_UNIX};
  static const char *const types[] = {"stream", "dgram", NULL};
  static const int type[] = {SOCK_STREAM, SOCK_DGRAM};
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  int of = family[check_choice(L, 1, NULL, families)], one = 1;
  int fd = open_one(rt, of, type[check_choice(L, 2, NULL, types)]);
  if (fd < 0) return socket_failure(L, rt, fd);
  if (of == AF_INET6) /* as LuaSocket does: its IPv6 sockets take only IPv6 */
    sys->setsockopt(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  lua_pushinteger(L, fd);
  return 1;
}

/* close(fd): wakes the tasks that wait for it. */
static int descriptor_close(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  int fd = (int)check_integer(L, 1);
  select_wake(rt, fd);
  sys->close(sys, fd);
  return 0;
}

static int descriptor_bind(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  lc_address address;
  check_address(L, 2, &address);
  return succeeded(L, rt,
                   sys->bind(sys, (int)check_integer(L, 1), &address.of.any, address.length));
}

static int descriptor_listen(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  int backlog = (int)check_integer(L, 2);
  return succeeded(L, rt, sys->listen(sys, (int)check_integer(L, 1), backlog));
}

/* connect(fd, address): "again" while it is under way: then wait for writing, and ask
 * outcome(fd). */
static int descriptor_connect(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  lc_address address;
  int result, fd = (int)check_integer(L, 1);
  check_address(L, 2, &address);
  LC_RETRY(result, sys->connect(sys, fd, &address.of.any, address.length));
  if (result == -EINPROGRESS) result = LC_AGAIN;
  return succeeded(L, rt, result);
}

/* "again" while a connect is under way; ENOTCONN if none is; closed if one has failed, and its
 * error was taken before. Only recv shows the difference. Consumes the error of a failed
 * connect. */
static int descriptor_outcome(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  int error = 0;
  socklen_t length = sizeof error;
  int fd = (int)check_integer(L, 1);
  int result = sys->getsockopt(sys, fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (!result) result = -error;
  if (!result) {
    lc_address peer = {.length = sizeof peer.of};
    result = sys->getpeername(sys, fd, &peer.of.any, &peer.length);
  }
  if (result == -ENOTCONN) {
    char byte;
    ssize_t got = sys->recv(sys, fd, &byte, 1, MSG_PEEK);
    if (!got) return socket_failure(L, rt, LC_CLOSED);
    if (got != -ENOTCONN) result = LC_AGAIN;
  }
  return succeeded(L, rt, result);
}

static int descriptor_shutdown(lua_State *L)
{
  static const char *const names[] = {"receive", "send", "both", NULL};
  const lc_sys *sys = socket_sys(runtime_upvalue(L));
  sys->shutdown(sys, (int)check_integer(L, 1), check_choice(L, 2, NULL, names));
  return 0;
}

/* ----------------------------------------------------------------------- names -- */

typedef int (*name_call)(const lc_sys *, int, struct sockaddr *, socklen_t *);

static int push_name_of(lua_State *L, name_call call, const lc_sys *sys)
{
  lc_address address = {.length = sizeof address.of};
  int result = call(sys, (int)check_integer(L, 1), &address.of.any, &address.length);
  return result < 0 ? refused(L, result) : socket_push_name(L, &address);
}

static int descriptor_sockname(lua_State *L)
{
  const lc_sys *sys = socket_sys(runtime_upvalue(L));
  return push_name_of(L, sys->getsockname, sys);
}

static int descriptor_peername(lua_State *L)
{
  const lc_sys *sys = socket_sys(runtime_upvalue(L));
  return push_name_of(L, sys->getpeername, sys);
}

/* unix_address(path) -> address, or nothing when it is too long. A path that begins with a zero
 * byte is an abstract name, of which each byte counts. */
static int unix_address(lua_State *L)
{
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  size_t length;
  const char *path = check_bytes(L, 1, &length);
  if (length >= sizeof name.sun_path) return 0;
  memcpy(name.sun_path, path, length);
  lua_pushlstring(L, (const char *)&name, offsetof(struct sockaddr_un, sun_path) + length);
  return 1;
}

/* Removes the peer of a datagram socket. */
static int descriptor_disconnect(lua_State *L)
{
  const lc_sys *sys = socket_sys(runtime_upvalue(L));
  struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  sys->connect(sys, (int)check_integer(L, 1), &nobody, sizeof nobody);
  return 0;
}

/* lend(fd) -> a duplicate for LuaSec, which makes the socket block while it sends its close_notify,
 * also in its finalizer: so no send that blocks takes longer than a tick of the kernel's. Those of
 * lastcall never block. */
static int descriptor_lend(lua_State *L)
{
  static const struct timeval tick = {.tv_usec = 1000};
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  int result, fd = sys->duplicate(sys, (int)check_integer(L, 1));
  if (fd < 0) return socket_failure(L, rt, fd);
  LC_RETRY(result, sys->setsockopt(sys, fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof tick));
  if (result < 0) {
    sys->close(sys, fd);
    return socket_failure(L, rt, result);
  }
  lua_pushinteger(L, fd);
  return 1;
}

/* ------------------------------------------------------------------- datagrams -- */

static int send_datagram(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  size_t size;
  const char *data = check_bytes(L, 2, &size);
  struct iovec piece = {(void *)(uintptr_t)data, size};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  lc_address to;
  (void)status;
  (void)kept;
  if (!lua_isnil(L, 3)) {
    check_address(L, 3, &to);
    message.msg_name = &to.of;
    message.msg_namelen = to.length;
  }
  ssize_t sent;
  LC_RETRY(sent, sys->sendmsg(sys, (int)check_integer(L, 1), &message, 0));
  if (sent < 0) return socket_failure(L, rt, (int)sent);
  lua_pushinteger(L, sent);
  return 1;
}

/* No datagram is larger, whatever the script asks for. */
enum { LARGEST = 16 << 20 };

static int receive_datagram(lua_State *L, int status, lua_KContext kept)
{
  runtime *rt = runtime_upvalue(L);
  const lc_sys *sys = socket_sys(rt);
  size_t wanted = (size_t)check_integer(L, 2), size = wanted < LARGEST ? wanted : LARGEST;
  luaL_Buffer buffer;
  lc_address from = {.length = 0};
  (void)status;
  (void)kept;
  struct iovec piece = {luaL_buffinitsize(L, &buffer, size), size};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_name = &from.of, .msg_namelen = sizeof from.of};
  ssize_t got;
  LC_RETRY(got, sys->recvmsg(sys, (int)check_integer(L, 1), &message, 0));
  if (got < 0) return socket_failure(L, rt, (int)got);
  luaL_pushresultsize(&buffer, (size_t)got);
  from.length = message.msg_namelen;
  if (from.length < sizeof from.of.any.sa_family) {
    lua_pushliteral(L, ""); /* a sender without a name */
    return 2;
  }
  return 1 + socket_push_name(L, &from);
}

static int begin(lua_State *L, lua_KFunction attempt)
{
  task *t = task_that_can_wait(L, runtime_upvalue(L));
  lua_settop(L, 3);
  if (t && task_is_spent(t)) return task_yield(L, t, 0, attempt);
  return attempt(L, LUA_OK, 0);
}

/* send_datagram(fd, data[, address]) -> bytes */
static int descriptor_send(lua_State *L) { return begin(L, send_datagram); }

/* receive_datagram(fd, size) -> data, and its sender */
static int descriptor_receive(lua_State *L) { return begin(L, receive_datagram); }

void socket_open_descriptor(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"open", descriptor_open},
                                       {"close", descriptor_close},
                                       {"bind", descriptor_bind},
                                       {"listen", descriptor_listen},
                                       {"connect", descriptor_connect},
                                       {"disconnect", descriptor_disconnect},
                                       {"outcome", descriptor_outcome},
                                       {"shutdown", descriptor_shutdown},
                                       {"sockname", descriptor_sockname},
                                       {"peername", descriptor_peername},
                                       {"unix_address", unix_address},
                                       {"lend", descriptor_lend},
                                       {"send_datagram", descriptor_send},
                                       {"receive_datagram", descriptor_receive},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
