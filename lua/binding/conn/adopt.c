/* conn/adopt.c - connections of descriptors that the script was given. */
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>

#include "conn/adopt.h"
#include "conn/leaks.h"
#include "context/current.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "script/raise.h"
#include "script/register.h"

enum { FD = 1, OPTIONS, CONN };

/* Why no connection can be made of it, and what to do instead. */
static const char *lesson(int kind)
{
  switch (kind) {
    case LC_DESCRIPTOR_LISTENER: return "a listening socket: lastcall.listen{fd = } takes it over";
    case LC_DESCRIPTOR_MESSAGES:
      return "a socket of messages, not of a stream of bytes: lastcall.poll waits for it";
    case LC_DESCRIPTOR_FILE:
      return "a file, which never waits and cannot be waited for: read it with io.open";
    case LC_DESCRIPTOR_DIRECTORY: return "a directory, not a stream of bytes";
    case LC_DESCRIPTOR_DEVICE: return "a device that cannot be waited for: use it with io.open";
    default: return "no stream of bytes: lastcall.poll waits for other descriptors";
  }
}

static int check_descriptor(lua_State *L, const runtime *rt, lua_Integer fd)
{
  if (fd < 0 || fd > INT_MAX) raise_error(L, "adopt: %I is no descriptor", fd);
  if (fd == 2)
    raise_error(L, "adopt: descriptor 2 stays, for failures are reported there; adopt a duplicate");
  int goes_both_ways, kind = lc_descriptor_look(rt->conns->outbound, (int)fd, &goes_both_ways);
  if (kind == LC_CLOSED) raise_error(L, "adopt: descriptor %I is not open", fd);
  if (kind > LC_DESCRIPTOR_DEVICE) raise_error(L, "adopt: descriptor %I is %s", fd, lesson(kind));
  if (!goes_both_ways && lua_getfield(L, OPTIONS, "heartbeat") == LUA_TTABLE)
    raise_error(L, "adopt: %s", ONE_WAY);
  lua_settop(L, OPTIONS);
  return (int)fd;
}

static int failure(lua_State *L, int fd, int code)
{
  if (code == -EEXIST) raise_error(L, "adopt: descriptor %d is that of another connection", fd);
  if (code == -EPERM)
    raise_error(L, "adopt: descriptor %d is %s", fd, lesson(LC_DESCRIPTOR_DEVICE));
  return push_failure(L, code, lua_pushfstring(L, "descriptor %d", fd), "adopt");
}

/* adopt(fd, options) -> a connection, which owns the descriptor; or nil, code, message. The Lua
 * modules have checked the options. */
static int core_adopt(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_Integer number = check_integer(L, FD);
  check_type(L, OPTIONS, LUA_TTABLE);
  lua_settop(L, OPTIONS);
  int fd = check_descriptor(L, rt, number);
  lc_settings settings = lc_server_options_get(rt->conns->outbound)->settings;
  option_settings(L, OPTIONS, &settings);
  lc_conn *conn;
  int result = lc_conn_own(rt->conns->outbound, fd, &settings, &conn);
  if (result < 0) return failure(L, fd, result);
  conn_box *box = conn_box_new(L, rt, conn, NULL);
  conn_make_context(L, CONN, context_push_current(L, rt));
  lua_settop(L, CONN);
  conn_keep_weakly(L, box);
  return 1;
}

void adopt_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"adopt", core_adopt}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
