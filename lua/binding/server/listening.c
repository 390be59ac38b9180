/* server/listening.c - a server's addresses: listen, unlisten, suspend and resume. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>

#include "conn/sockopt.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "server/box.h"
#include "server/methods.h"

typedef struct control_call {
  lua_State *L;
  int failed;
} control_call;

enum { OPTIONS = 3, CONTROL, SOCKET };

/* The script's function gets the socket before bind; an error in it ends the listen. */
static int call_control(int fd, void *user)
{
  control_call *call = user;
  if (socket_call(call->L, CONTROL, SOCKET, fd) == LUA_OK) return 0;
  call->failed = 1;
  return LC_CANCELED;
}

/* The descriptor of the listener that was opened last. */
static int newest_fd(const lc_server *server)
{
  unsigned count = 0;
  lc_listener_report report;
  while (lc_server_listener_report(server, count, &report) == 0) count++;
  return lc_server_listener_fd(server, count - 1);
}

/* server_listen(server, numeric address or descriptor, options) -> the listener's descriptor; or
 * nil, code, message. */
static int server_listen(lua_State *L)
{
  server_box *box = server_check(L, 1);
  check_type(L, OPTIONS, LUA_TTABLE);
  lua_settop(L, OPTIONS);
  lc_listen_options options;
  lc_address address;
  option_listen(L, OPTIONS, &options);
  control_call call = {L, 0};
  if (lua_getfield(L, OPTIONS, "control") == LUA_TFUNCTION) {
    socket_push(L, box->rt);
    options.control = call_control;
    options.user = &call;
  }
  int result;
  lc_address known_as;
  if (lua_getfield(L, OPTIONS, "known_as") == LUA_TSTRING) {
    numeric_argument(L, -1, &known_as);
    options.known_as = &known_as;
  }
  if (lua_isinteger(L, 2)) {
    result = lc_server_listen_fd(box->server, (int)lua_tointeger(L, 2), &options);
  } else {
    numeric_argument(L, 2, &address);
    result = lc_server_listen(box->server, &address, &options);
    if ((result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL) &&
        address.of.any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&address.of.in6.sin6_addr)) {
      /* No IPv6 on this machine: every interface means every IPv4 one. */
      uint16_t port = address.of.in6.sin6_port;
      address = (lc_address){.length = sizeof address.of.in};
      address.of.in.sin_family = AF_INET;
      address.of.in.sin_port = port;
      result = lc_server_listen(box->server, &address, &options);
    }
  }
  if (call.failed) return lua_error(L);
  if (result < 0) {
    luaL_tolstring(L, 2, NULL);
    return push_failure(L, result, lua_tostring(L, -1), "listen");
  }
  lua_pushinteger(L, newest_fd(box->server));
  return 1;
}

/* server_share(server, descriptor of a listener, whether other processes accept from its socket,
 * too) -> whether it is one of the server's listeners. */
static int server_share(lua_State *L)
{
  server_box *box = server_check(L, 1);
  int fd = (int)check_integer(L, 2);
  lua_pushboolean(L, lc_server_share(box->server, fd, lua_toboolean(L, 3)) == 0);
  return 1;
}

/* server_unlisten(server, [numeric address]) -> how many have begun to stop. */
static int server_unlisten(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_address address;
  if (lua_isnoneornil(L, 2)) {
    lua_pushinteger(L, lc_server_unlisten(box->server, NULL));
  } else {
    numeric_argument(L, 2, &address);
    lua_pushinteger(L, lc_server_unlisten(box->server, &address));
  }
  return 1;
}

static int server_addresses(lua_State *L)
{
  server_box *box = server_check(L, 1);
  char text[LC_ADDRESS_TEXT_MAX];
  lc_address address;
  lua_newtable(L);
  for (unsigned i = 0; lc_server_address(box->server, i, &address) == 0; i++) {
    lua_pushstring(L, lc_address_format(&address, text, sizeof text));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int server_suspend(lua_State *L)
{
  lc_server_suspend(server_check(L, 1)->server);
  lua_pushboolean(L, 1);
  return 1;
}

static int server_resume(lua_State *L)
{
  lc_server_resume(server_check(L, 1)->server);
  lua_pushboolean(L, 1);
  return 1;
}

/* server_take_client(server, descriptor) -> true, or nil, code, message. */
static int server_take_client(lua_State *L)
{
  server_box *box = server_check(L, 1);
  int result = lc_server_take_client(box->server, (int)check_integer(L, 2));
  if (result < 0) return push_failure(L, result, NULL, "client");
  lua_pushboolean(L, 1);
  return 1;
}

/* server_set_place(server, place from 1, how many) */
static int server_set_place(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_server_set_place(box->server, (int)check_integer(L, 2) - 1, (int)check_integer(L, 3));
  return 0;
}

/* path_identity(address) -> device and inode of the socket at a unix-domain path; or nil, code,
 * message. */
static int core_path_identity(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_address address;
  uint64_t device, inode;
  numeric_argument(L, 1, &address);
  int result = lc_path_identity(rt->loop, &address, &device, &inode);
  if (result < 0) return push_failure(L, result, NULL, "path");
  lua_pushinteger(L, (lua_Integer)device);
  lua_pushinteger(L, (lua_Integer)inode);
  return 2;
}

/* path_remove(address, device, inode): unless another socket is there by now. */
static int core_path_remove(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_address address;
  numeric_argument(L, 1, &address);
  lc_path_remove(rt->loop, &address, (uint64_t)check_integer(L, 2), (uint64_t)check_integer(L, 3));
  return 0;
}

void server_open_listening(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"addresses", server_addresses},
                                     {"suspend", server_suspend},
                                     {"resume", server_resume},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {
    {"server_listen", server_listen},       {"server_share", server_share},
    {"server_set_place", server_set_place}, {"server_take_client", server_take_client},
    {"server_unlisten", server_unlisten},   {"path_identity", core_path_identity},
    {"path_remove", core_path_remove},      {NULL, NULL}};
  server_register(L, rt, methods, functions);
}
