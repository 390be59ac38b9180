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

/* server_listen(server, numeric address or descriptor, options) -> true, or nil, code, message. */
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
  lua_pushboolean(L, 1);
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

void server_open_listening(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"addresses", server_addresses},
                                     {"suspend", server_suspend},
                                     {"resume", server_resume},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {
    {"server_listen", server_listen}, {"server_unlisten", server_unlisten}, {NULL, NULL}};
  server_register(L, rt, methods, functions);
}
