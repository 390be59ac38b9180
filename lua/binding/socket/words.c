/* socket/words.c - failures and addresses in LuaSocket's words. */
#include "socket/words.h"

#include <errno.h>
#include <lua.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lastcall.h"
#include "task/wait.h"

const char *socket_word(int code)
{
  switch (code) {
    case LC_AGAIN: return "again";
    case LC_EOF:
    case LC_RESET:
    case LC_BROKEN_PIPE:
    case LC_CLOSED:
    case LC_DRAINING:
    case LC_CANCELED:
    case -ECONNABORTED: return "closed";
    case LC_TIMEOUT:
    case LC_PEER_LOST: return "timeout";
    case -EADDRINUSE: return "address already in use";
    case -EISCONN: return "already connected";
    case -EACCES: return "permission denied";
    case -ECONNREFUSED: return "connection refused";
    default: return strerror(-code);
  }
}

int socket_failure(lua_State *L, runtime *rt, int code)
{
  task *t = task_running(L, rt);
  if (t && code != LC_AGAIN && code != LC_TIMEOUT) task_failed(t);
  lua_pushnil(L);
  lua_pushstring(L, socket_word(code));
  return 2;
}

static const char *family_name(int family)
{
  switch (family) {
    case AF_INET: return "inet";
    case AF_INET6: return "inet6";
    case AF_UNSPEC: return "unspec";
    default: return "unknown";
  }
}

int socket_push_name(lua_State *L, const lc_address *address)
{
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (address->of.any.sa_family == AF_UNIX) {
    size_t length = address->length - offsetof(struct sockaddr_un, sun_path);
    if (address->length <= offsetof(struct sockaddr_un, sun_path)) length = 0;
    lua_pushlstring(L, address->of.un.sun_path, strnlen(address->of.un.sun_path, length));
    return 1;
  }
  int failure = getnameinfo(&address->of.any, address->length, host, sizeof host, port, sizeof port,
                            NI_NUMERICHOST | NI_NUMERICSERV);
  if (failure) {
    lua_pushnil(L);
    lua_pushstring(L, gai_strerror(failure));
    return 2;
  }
  lua_pushstring(L, host);
  lua_pushinteger(L, strtol(port, NULL, 10));
  lua_pushstring(L, family_name(address->of.any.sa_family));
  return 3;
}
