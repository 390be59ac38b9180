/* process/folder.c - directories and users, for sockets that only some may use. */
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <string.h>

#include "conn/box.h"
#include "process/process.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "sys/sys.h"

/* user() -> the number of the user that the process acts for */
static int core_user(lua_State *L)
{
  const runtime *rt = runtime_upvalue(L);
  lua_pushinteger(L, (lua_Integer)rt->sys->user(rt->sys));
  return 1;
}

/* peer_user(connection) -> the number of the user that connected, or listens, at the other end of a
 * unix-domain socket; or nil, code, message */
static int core_peer_user(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  const lc_sys *sys = box->rt->sys;
  struct ucred peer;
  socklen_t length = sizeof peer;
  int fd = lc_conn_fd(box->conn);
  int result =
    fd < 0 ? LC_CLOSED : sys->getsockopt(sys, fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  if (result < 0) return push_conn_failure(L, result, box->conn, "peer", NULL);
  lua_pushinteger(L, (lua_Integer)peer.uid);
  return 1;
}

/* path_facts(path) -> {kind = "directory", "socket" or "other", owner, mode, device, inode}, of a
 * symbolic link itself; or nil, code, message */
static int core_path_facts(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  const char *path = check_word(L, 1);
  lc_file_identity file;
  int result = sys->file_identity(sys, path, &file);
  if (result < 0) return push_failure(L, result, path, "file");
  lua_createtable(L, 0, 3);
  lua_pushstring(L, file.is_socket ? "socket" : file.is_directory ? "directory" : "other");
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, file.owner);
  lua_setfield(L, -2, "owner");
  lua_pushinteger(L, file.mode);
  lua_setfield(L, -2, "mode");
  return 1;
}

/* make_directory(path) -> true, or nil, code, message: only its owner can use it */
static int core_make_directory(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  const char *path = check_word(L, 1);
  int result = sys->make_directory(sys, path, 0700);
  if (result < 0) return push_failure(L, result, path, "directory");
  lua_pushboolean(L, 1);
  return 1;
}

enum { NAMES_MOST = 1 << 16 }; /* bytes */

/* directory_names(path) -> a list, without "." and ".."; or nil, code, message */
static int core_directory_names(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  const char *path = check_word(L, 1);
  char *names = lua_newuserdatauv(L, NAMES_MOST, 0);
  ssize_t used = sys->directory_names(sys, path, names, NAMES_MOST);
  if (used < 0) return push_failure(L, (int)used, path, "directory");
  lua_newtable(L);
  lua_Integer count = 0;
  for (const char *name = names; name < names + used; name += strlen(name) + 1) {
    if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
    lua_pushstring(L, name);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* real_path(path) -> the path without links and dots; or nil, code, message */
static int core_real_path(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  const char *path = check_word(L, 1);
  char real[PATH_MAX];
  int result = sys->real_path(sys, path, real, sizeof real);
  if (result < 0) return push_failure(L, result, path, "file");
  lua_pushstring(L, real);
  return 1;
}

void folder_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"user", core_user},
                                       {"peer_user", core_peer_user},
                                       {"path_facts", core_path_facts},
                                       {"make_directory", core_make_directory},
                                       {"directory_names", core_directory_names},
                                       {"real_path", core_real_path},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
