/* socket/options.c - LuaSocket's options by their names there. The modules know the options of each
 * class, and their types. */
#include <arpa/inet.h>
#include <lauxlib.h>
#include <lua.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>

#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "socket/blocking.h"
#include "socket/functions.h"
#include "socket/words.h"
#include "sys/sys.h"

static const struct {
  const char *name;
  int level;
  int option;
} OPTIONS[] = {{"keepalive", SOL_SOCKET, SO_KEEPALIVE},
               {"reuseaddr", SOL_SOCKET, SO_REUSEADDR},
               {"reuseport", SOL_SOCKET, SO_REUSEPORT},
               {"dontroute", SOL_SOCKET, SO_DONTROUTE},
               {"broadcast", SOL_SOCKET, SO_BROADCAST},
               {"recv-buffer-size", SOL_SOCKET, SO_RCVBUF},
               {"send-buffer-size", SOL_SOCKET, SO_SNDBUF},
               {"bindtodevice", SOL_SOCKET, SO_BINDTODEVICE},
               {"error", SOL_SOCKET, SO_ERROR},
               {"tcp-nodelay", IPPROTO_TCP, TCP_NODELAY},
               {"tcp-keepidle", IPPROTO_TCP, TCP_KEEPIDLE},
               {"tcp-keepcnt", IPPROTO_TCP, TCP_KEEPCNT},
               {"tcp-keepintvl", IPPROTO_TCP, TCP_KEEPINTVL},
               {"tcp-defer-accept", IPPROTO_TCP, TCP_DEFER_ACCEPT},
               {"tcp-fastopen", IPPROTO_TCP, TCP_FASTOPEN},
               {"tcp-fastopen-connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT},
               {"tcp-user-timeout", IPPROTO_TCP, TCP_USER_TIMEOUT},
               {"ip-multicast-if", IPPROTO_IP, IP_MULTICAST_IF},
               {"ip-multicast-ttl", IPPROTO_IP, IP_MULTICAST_TTL},
               {"ip-multicast-loop", IPPROTO_IP, IP_MULTICAST_LOOP},
               {"ip-add-membership", IPPROTO_IP, IP_ADD_MEMBERSHIP},
               {"ip-drop-membership", IPPROTO_IP, IP_DROP_MEMBERSHIP},
               {"ipv6-v6only", IPPROTO_IPV6, IPV6_V6ONLY},
               {"ipv6-unicast-hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS},
               {"ipv6-multicast-hops", IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
               {"ipv6-multicast-loop", IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
               {"ipv6-add-membership", IPPROTO_IPV6, IPV6_JOIN_GROUP},
               {"ipv6-drop-membership", IPPROTO_IPV6, IPV6_LEAVE_GROUP}};

static size_t find(lua_State *L, int index)
{
  const char *name = check_string(L, index);
  for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++)
    if (!strcmp(OPTIONS[i].name, name)) return i;
  argument_error(L, index, "no option of that name");
  return 0;
}

/* LuaSocket's words, then the kernel's error. */
static int outcome(lua_State *L, const char *call, int result)
{
  if (result >= 0) {
    lua_pushnumber(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushfstring(L, "%s failed", call);
  return 2;
}

static int set(lua_State *L, const void *value, size_t size)
{
  const lc_sys *sys = socket_sys(runtime_upvalue(L));
  size_t i = find(L, 2);
  int fd = (int)check_integer(L, 1), result;
  LC_RETRY(result,
           sys->setsockopt(sys, fd, OPTIONS[i].level, OPTIONS[i].option, value, (socklen_t)size));
  return outcome(L, "setsockopt", result);
}

/* set_option(fd, name, integer or string) */
static int set_option(lua_State *L)
{
  size_t length;
  if (lua_type(L, 3) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, 3, &length);
    return set(L, text, length + 1);
  }
  int value = (int)check_integer(L, 3);
  return set(L, &value, sizeof value);
}

/* set_interface(fd, name, address): returns nothing if `address` is not an address. */
static int set_interface(lua_State *L)
{
  struct in_addr address = {.s_addr = htonl(INADDR_ANY)};
  const char *text = check_string(L, 3);
  if (strcmp(text, "*") && !inet_aton(text, &address)) return 0;
  return set(L, &address, sizeof address);
}

/* set_membership(fd, name, group, interface): false and which of the two is wrong. */
static int set_membership(lua_State *L)
{
  struct ip_mreq request = {.imr_interface.s_addr = htonl(INADDR_ANY)};
  const char *interface = check_string(L, 4);
  if (!inet_aton(check_string(L, 3), &request.imr_multiaddr)) {
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "multiaddr");
    return 2;
  }
  if (strcmp(interface, "*") && !inet_aton(interface, &request.imr_interface)) {
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "interface");
    return 2;
  }
  return set(L, &request, sizeof request);
}

static int set_membership6(lua_State *L)
{
  struct ipv6_mreq request = {.ipv6mr_interface = (unsigned)optional_number(L, 4, 0)};
  if (inet_pton(AF_INET6, check_string(L, 3), &request.ipv6mr_multiaddr) != 1) {
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "multiaddr");
    return 2;
  }
  return set(L, &request, sizeof request);
}

static int get(lua_State *L, void *value, socklen_t *size)
{
  const lc_sys *sys = socket_sys(runtime_upvalue(L));
  size_t i = find(L, 2);
  int fd = (int)check_integer(L, 1), result;
  LC_RETRY(result, sys->getsockopt(sys, fd, OPTIONS[i].level, OPTIONS[i].option, value, size));
  return result;
}

/* get_option(fd, name) -> integer */
static int get_option(lua_State *L)
{
  int value = 0;
  socklen_t size = sizeof value;
  int result = get(L, &value, &size);
  if (result < 0) return outcome(L, "getsockopt", result);
  lua_pushinteger(L, value);
  return 1;
}

static int get_interface(lua_State *L)
{
  struct in_addr address = {0};
  char text[INET_ADDRSTRLEN];
  socklen_t size = sizeof address;
  int result = get(L, &address, &size);
  if (result < 0) return outcome(L, "getsockopt", result);
  lua_pushstring(L, inet_ntop(AF_INET, &address, text, sizeof text));
  return 1;
}

static int get_device(lua_State *L)
{
  char name[IFNAMSIZ + 1] = "";
  socklen_t size = IFNAMSIZ;
  int result = get(L, name, &size);
  if (result < 0) return outcome(L, "getsockopt", result);
  lua_pushstring(L, name);
  return 1;
}

/* error_text(number): the text for SO_ERROR as in LuaSocket; nil for no error. */
static int error_text(lua_State *L)
{
  int error = (int)check_integer(L, 1);
  lua_pushstring(L, error ? socket_word(-error) : NULL);
  return 1;
}

void socket_open_options(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"set_option", set_option},
                                       {"set_interface", set_interface},
                                       {"set_membership", set_membership},
                                       {"set_membership6", set_membership6},
                                       {"get_option", get_option},
                                       {"get_interface", get_interface},
                                       {"get_device", get_device},
                                       {"error_text", error_text},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
