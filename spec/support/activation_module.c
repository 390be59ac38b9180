/* activation_module.c - what a service manager does, for the specs: sockets that a child inherits,
 * and the socket to which it says how it is. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int luaopen_spec_activation(lua_State *L);

static int failure(lua_State *L, int fd)
{
  int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return luaL_fileresult(L, 0, NULL);
}

/* inherited(kind) -> a descriptor that children inherit, its port: of a socket on loopback that
 * listens, or gets datagrams ("datagram") */
static int activation_inherited(lua_State *L)
{
  int is_datagram = !strcmp(luaL_optstring(L, 1, "stream"), "datagram");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, is_datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
      (!is_datagram && listen(fd, 16) < 0) ||
      getsockname(fd, (struct sockaddr *)&address, &length) < 0)
    return failure(L, fd);
  int far = fcntl(fd, F_DUPFD, 20); /* beside those that a shell gives to the program */
  if (far < 0) return failure(L, fd);
  close(fd);
  lua_pushinteger(L, far);
  lua_pushinteger(L, ntohs(address.sin_port));
  return 2;
}

/* manager(path) -> a descriptor; '@' in front: an abstract name */
static int activation_manager(lua_State *L)
{
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  luaL_argcheck(L, length < sizeof address.sun_path, 1, "too long");
  memcpy(address.sun_path, path, length);
  if (*path == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
    return failure(L, fd);
  lua_pushinteger(L, fd);
  return 1;
}

/* told(fd, seconds) -> the next message, and the descriptor that came with it, which children inherit; nil after the
 * time */
static int activation_told(lua_State *L)
{
  char text[4096];
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } room;
  struct iovec piece = {text, sizeof text};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
  struct pollfd one = {(int)luaL_checkinteger(L, 1), POLLIN, 0};
  if (poll(&one, 1, (int)(luaL_checknumber(L, 2) * 1000)) <= 0) return 0;
  ssize_t got = recvmsg(one.fd, &message, MSG_DONTWAIT);
  if (got < 0) return failure(L, -1);
  lua_pushlstring(L, text, (size_t)got);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) return 1;
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  lua_pushinteger(L, fcntl(fd, F_DUPFD, 20)); /* beside those that a shell gives to the program */
  close(fd);
  return 2;
}

/* fill(path) -> how many messages ("x") the manager's socket took until it was full */
static int activation_fill(lua_State *L)
{
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  luaL_argcheck(L, length < sizeof address.sun_path, 1, "too long");
  memcpy(address.sun_path, path, length);
  if (*path == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), count = 0;
  if (fd < 0) return failure(L, fd);
  while (count < 100000 &&
         sendto(fd, "x", 1, 0, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 1)
    count++;
  close(fd);
  lua_pushinteger(L, count);
  return 1;
}

int luaopen_spec_activation(lua_State *L)
{
  static const luaL_Reg functions[] = {{"inherited", activation_inherited},
                                       {"manager", activation_manager},
                                       {"told", activation_told},
                                       {"fill", activation_fill},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
