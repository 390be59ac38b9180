/* conn/sockopt.c - socket options by name, for connections and for the `control` function of a
 * listener.
 *
 * Values are integers; true and false stand for 1 and 0.
 */
#include "conn/sockopt.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>

#include "conn/box.h"
#include "conn/methods.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"

static void __attribute__((noreturn)) unknown_option(lua_State *L, int index)
{
  luaL_Buffer names;
  const char *name = lua_tostring(L, index);
  luaL_buffinit(L, &names);
  for (unsigned i = 0; lc_sockopt_name(i); i++) {
    if (i) luaL_addstring(&names, ", ");
    luaL_addstring(&names, lc_sockopt_name(i));
  }
  luaL_pushresult(&names);
  argument_error(
    L, index,
    lua_pushfstring(L, "unknown socket option '%s'; known are: %s", name, lua_tostring(L, -1)));
}

static int value_argument(lua_State *L, int index)
{
  if (lua_isboolean(L, index)) return lua_toboolean(L, index);
  lua_Integer value = check_integer(L, index);
  check_that(L, value >= INT_MIN && value <= INT_MAX, index,
             "does not fit: the kernel takes an integer of 32 bits");
  return (int)value;
}

static int set(lua_State *L, runtime *rt, int fd)
{
  const char *name = check_word(L, 2);
  int value = value_argument(L, 3);
  int result = fd < 0 ? LC_CLOSED : lc_sockopt_set(lc_loop_sys(rt->loop), fd, name, value);
  if (result == -ENOENT) unknown_option(L, 2);
  if (result < 0) return push_failure(L, result, name, "setsockopt");
  lua_pushboolean(L, 1);
  return 1;
}

static int get(lua_State *L, runtime *rt, int fd)
{
  const char *name = check_word(L, 2);
  int value = 0,
      result = fd < 0 ? LC_CLOSED : lc_sockopt_get(lc_loop_sys(rt->loop), fd, name, &value);
  if (result == -ENOENT) unknown_option(L, 2);
  if (result < 0) return push_failure(L, result, name, "getsockopt");
  lua_pushinteger(L, value);
  return 1;
}

static int conn_setsockopt(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  return set(L, box->rt, lc_conn_fd(box->conn));
}

static int conn_getsockopt(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  return get(L, box->rt, lc_conn_fd(box->conn));
}

/* ------------------------------------------------------- sockets before bind -- */

static const char SOCKET_TYPE[] = "lastcall.socket";

/* The argument of a listener's `control` function. The descriptor belongs to the listener. */
typedef struct bare_socket {
  runtime *rt;
  int fd; /* -1 outside of the call */
} bare_socket;

static bare_socket *socket_check(lua_State *L)
{
  bare_socket *socket = luaL_testudata(L, 1, SOCKET_TYPE);
  if (!socket)
    raise_error(L, "expected a socket as self: call its methods with ':', as in sock:setsockopt()");
  return socket;
}

static int socket_setsockopt(lua_State *L)
{
  bare_socket *socket = socket_check(L);
  return set(L, socket->rt, socket->fd);
}

static int socket_getsockopt(lua_State *L)
{
  bare_socket *socket = socket_check(L);
  return get(L, socket->rt, socket->fd);
}

static int socket_fd(lua_State *L)
{
  int fd = socket_check(L)->fd;
  if (fd < 0) return push_failure(L, LC_CLOSED, NULL, "fd");
  lua_pushinteger(L, fd);
  return 1;
}

void socket_push(lua_State *L, runtime *rt)
{
  bare_socket *socket = lua_newuserdatauv(L, sizeof *socket, 0);
  *socket = (bare_socket){rt, -1};
  luaL_setmetatable(L, SOCKET_TYPE);
}

int socket_call(lua_State *L, int function, int socket, int fd)
{
  bare_socket *held = lua_touserdata(L, socket);
  lua_pushvalue(L, function);
  lua_pushvalue(L, socket);
  held->fd = fd;
  int status = lua_pcall(L, 1, 0, 0);
  held->fd = -1;
  return status;
}

void sockopt_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"setsockopt", socket_setsockopt},
                                     {"getsockopt", socket_getsockopt},
                                     {"fd", socket_fd},
                                     {NULL, NULL}};
  new_type(L, SOCKET_TYPE);
  lua_newtable(L);
  register_functions(L, rt, "sock:", methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void conn_open_sockopt(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"setsockopt", conn_setsockopt}, {"getsockopt", conn_getsockopt}, {NULL, NULL}};
  register_functions(L, rt, "conn:", methods);
}
