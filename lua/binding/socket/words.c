/* socket/words.c - failures and addresses in LuaSocket's words. */
#include "socket/words.h"

#include <errno.h>
#include <lua.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lastcall.h"
#include "runtime/runtime.h"
#include "task/task.h"
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

static int is_leaving(const runtime *rt, const task *t)
{
  if (rt->shutdown && lc_shutdown_step(rt->shutdown) > LC_STEP_SERVING) return 1;
  const server_base *server = t ? owner_server(t->by) : NULL;
  return server && server->server && lc_server_is_leaving(server->server);
}

/* What a program for LuaSocket gets behind "closed" when its peer has not closed anything. */
static const char *reason(const runtime *rt, const task *t, int code)
{
  if (code == LC_DRAINING) return "we are leaving: no new work is begun";
  if (code != LC_CANCELED) return NULL;
  return is_leaving(rt, t) ? "we are leaving: the time to finish is over" : lc_code_text(code);
}

int socket_failure(lua_State *L, runtime *rt, int code)
{
  task *t = task_running(L, rt);
  if (t && code != LC_AGAIN && code != LC_TIMEOUT) task_failed(t);
  const char *why = reason(rt, t, code);
  lua_pushnil(L);
  lua_pushstring(L, socket_word(code));
  if (!why) return 2;
  lua_pushstring(L, why);
  return 3;
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
