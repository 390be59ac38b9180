/* system_module.c - a few system calls for the specs: descriptors that lastcall knows nothing
 * of. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <linux/filter.h>
#include <lua.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int luaopen_spec_system(lua_State *L);

static int failure(lua_State *L) { return luaL_fileresult(L, 0, NULL); }

/* pipe() -> its reading end, its writing end */
static int system_pipe(lua_State *L)
{
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return failure(L);
  lua_pushinteger(L, ends[0]);
  lua_pushinteger(L, ends[1]);
  return 2;
}

/* blocking_pipe() -> its reading end, its writing end: as a shell makes it */
static int system_blocking_pipe(lua_State *L)
{
  int ends[2];
  if (pipe(ends) < 0) return failure(L);
  lua_pushinteger(L, ends[0]);
  lua_pushinteger(L, ends[1]);
  return 2;
}

/* terminal() -> the side that shows a pseudo-terminal, the side of a program in it */
static int system_terminal(lua_State *L)
{
  int shows = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (shows < 0 || grantpt(shows) < 0 || unlockpt(shows) < 0) return failure(L);
  int program = open(ptsname(shows), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (program < 0) return failure(L);
  lua_pushinteger(L, shows);
  lua_pushinteger(L, program);
  return 2;
}

/* flags(fd) -> whether it does not block, whether exec closes it */
static int system_flags(lua_State *L)
{
  int fd = (int)luaL_checkinteger(L, 1), status = fcntl(fd, F_GETFL), own = fcntl(fd, F_GETFD);
  if (status < 0 || own < 0) return failure(L);
  lua_pushboolean(L, status & O_NONBLOCK);
  lua_pushboolean(L, own & FD_CLOEXEC);
  return 2;
}

/* duplicate(fd) -> another number for it */
static int system_duplicate(lua_State *L)
{
  int fd = fcntl((int)luaL_checkinteger(L, 1), F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return failure(L);
  lua_pushinteger(L, fd);
  return 1;
}

/* make_fifo(path) */
static int system_make_fifo(lua_State *L)
{
  if (mkfifo(luaL_checkstring(L, 1), 0600) < 0) return failure(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int system_open(lua_State *L)
{
  int fd = open(luaL_checkstring(L, 1), O_RDWR | O_CLOEXEC);
  if (fd < 0) return failure(L);
  lua_pushinteger(L, fd);
  return 1;
}

static int system_write(lua_State *L)
{
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  ssize_t count = write((int)luaL_checkinteger(L, 1), bytes, length);
  if (count < 0) return failure(L);
  lua_pushinteger(L, count);
  return 1;
}

static int system_read(lua_State *L)
{
  char bytes[4096];
  ssize_t count = read((int)luaL_checkinteger(L, 1), bytes, sizeof bytes);
  if (count < 0) return failure(L);
  lua_pushlstring(L, bytes, (size_t)count);
  return 1;
}

static int system_close(lua_State *L)
{
  if (close((int)luaL_checkinteger(L, 1)) < 0) return failure(L);
  lua_pushboolean(L, 1);
  return 1;
}

/* send_descriptor(socket, data, fd) -> the number of bytes; `fd` goes along with the data */
static int system_send_descriptor(lua_State *L)
{
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  int fd = (int)luaL_checkinteger(L, 3);
  struct iovec piece = {(void *)(uintptr_t)bytes, length};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control.space};
  control.header = (struct cmsghdr){
    .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  ssize_t count = sendmsg((int)luaL_checkinteger(L, 1), &message, MSG_NOSIGNAL);
  if (count < 0) return failure(L);
  lua_pushinteger(L, count);
  return 1;
}

/* descriptors() -> a list of what this process has open, each as "number -> what it is" */
static int system_descriptors(lua_State *L)
{
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return failure(L);
  lua_newtable(L);
  lua_Integer count = 0;
  for (struct dirent *entry = NULL; (entry = readdir(folder));) {
    char what[512];
    ssize_t length = readlinkat(dirfd(folder), entry->d_name, what, sizeof what);
    if (length < 0 || atoi(entry->d_name) == dirfd(folder)) continue;
    lua_pushfstring(L, "%s -> ", entry->d_name);
    lua_pushlstring(L, what, (size_t)length);
    lua_concat(L, 2);
    lua_rawseti(L, -2, ++count);
  }
  closedir(folder);
  return 1;
}

/* limit_in_child() -> the limit of descriptors that a child has which fork makes */
static int system_limit_in_child(lua_State *L)
{
  pid_t child = fork();
  if (child < 0) return failure(L);
  if (child == 0) {
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    _exit(limit.rlim_cur < 255 ? (int)limit.rlim_cur : 255);
  }
  int status = 0;
  if (waitpid(child, &status, 0) < 0) return failure(L);
  lua_pushinteger(L, WEXITSTATUS(status));
  return 1;
}

/* can_steer() -> whether a program may say who of a SO_REUSEPORT group gets a client; nil and the
 * reason */
static int system_can_steer(lua_State *L)
{
  struct sock_filter first = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {.len = 1, .filter = &first};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure(L);
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return failure(L);
  }
  close(fd);
  lua_pushboolean(L, 1);
  return 1;
}

/* heap() -> how many bytes of memory are allocated; 0 where the C library does not count them */
static int system_heap(lua_State *L)
{
  size_t size = 0;
#if defined __GLIBC__ && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  struct mallinfo2 info = mallinfo2();
  size = info.uordblks + info.hblkhd;
#endif
  lua_pushinteger(L, (lua_Integer)size);
  return 1;
}

/* The leak sanitizer's, where the process has it. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* find_leaks(): the leak sanitizer reports the memory that nothing points to any more */
static int system_find_leaks(lua_State *L)
{
  (void)L;
  if (__lsan_do_recoverable_leak_check) __lsan_do_recoverable_leak_check();
  return 0;
}

int luaopen_spec_system(lua_State *L)
{
  static const luaL_Reg functions[] = {{"pipe", system_pipe},
                                       {"blocking_pipe", system_blocking_pipe},
                                       {"terminal", system_terminal},
                                       {"flags", system_flags},
                                       {"duplicate", system_duplicate},
                                       {"make_fifo", system_make_fifo},
                                       {"open", system_open},
                                       {"write", system_write},
                                       {"read", system_read},
                                       {"close", system_close},
                                       {"descriptors", system_descriptors},
                                       {"limit_in_child", system_limit_in_child},
                                       {"can_steer", system_can_steer},
                                       {"heap", system_heap},
                                       {"find_leaks", system_find_leaks},
                                       {"send_descriptor", system_send_descriptor},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
