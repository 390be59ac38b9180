/* socket/dns.c - look-ups of names and addresses; for a task they run on the resolver's thread.
 *
 * libc answers, because only libc knows nsswitch.conf, /etc/hosts and the site's settings. A
 * question is one block of memory with room for its answer. It belongs to the query, or to the
 * thread that still works on it after the task has stopped waiting.
 */
#include <arpa/inet.h>
#include <lauxlib.h>
#include <lua.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "socket/functions.h"
#include "socket/words.h"
#include "task/task.h"
#include "task/wait.h"
#include "wait/lookup.h"

enum { ANSWERS = 16, SERVICE_MAX = 64, HOST_BUFFER = 8192 };

typedef struct question {
  char host[NI_MAXHOST];
  char service[SERVICE_MAX];
  int has_host, has_service;
  struct addrinfo hints;
  int names; /* asks for names instead of addresses */

  int failure; /* of getaddrinfo, or h_errno */
  int system;  /* errno with it */
  int count;
  lc_address found[ANSWERS];
  char name[ANSWERS][NI_MAXHOST];
  char service_name[NI_MAXSERV];
  struct hostent entry;
  char buffer[HOST_BUFFER];
} question;

/* ------------------------------------------------------------ on the thread -- */

static void ask_addresses(void *argument)
{
  question *q = argument;
  struct addrinfo *list = NULL;
  q->failure =
    getaddrinfo(q->has_host ? q->host : NULL, q->has_service ? q->service : NULL, &q->hints, &list);
  q->system = errno;
  if (q->failure) return;
  for (const struct addrinfo *one = list; one && q->count < ANSWERS; one = one->ai_next) {
    lc_address *found = &q->found[q->count];
    if (one->ai_addrlen > sizeof found->of) continue;
    memcpy(&found->of, one->ai_addr, one->ai_addrlen);
    found->length = one->ai_addrlen;
    if (q->names)
      getnameinfo(one->ai_addr, one->ai_addrlen, q->name[q->count], NI_MAXHOST, q->service_name,
                  NI_MAXSERV, 0);
    q->count++;
  }
  freeaddrinfo(list);
}

static void ask_host(void *argument)
{
  question *q = argument;
  struct in_addr address;
  struct hostent *entry = NULL;
  int reason = 0;
  if (inet_aton(q->host, &address))
    gethostbyaddr_r(&address, sizeof address, AF_INET, &q->entry, q->buffer, sizeof q->buffer,
                    &entry, &reason);
  else gethostbyname_r(q->host, &q->entry, q->buffer, sizeof q->buffer, &entry, &reason);
  q->system = errno;
  q->failure = entry ? 0 : reason ? reason : -1;
}

/* ------------------------------------------------------------------- asking -- */

typedef int (*answer)(lua_State *L, const question *q);

static const char LOOKUP_TYPE[] = "lastcall.lookup";

/* The answer belonged to a task that was killed before it could take it. */
static int lookup_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  lookup *look = check_object(L, 1, LOOKUP_TYPE);
  if (look->rt->loop) lc_resolve_cancel(look->rt->loop, &look->query);
  else free(look->query.question);
  look->query.question = NULL;
  return 0;
}

/* Stack: ..., the lookup. */
static int lookup_done(lua_State *L, int status, lua_KContext kept)
{
  lookup *look = lua_touserdata(L, -1);
  int code = look->rt->current->woken;
  (void)status;
  if (code) return socket_failure(L, look->rt, code);
  int count = ((answer)kept)(L, look->query.question);
  lc_resolve_cancel(look->rt->loop, &look->query);
  return count;
}

/* Takes the question; returns the values that `tell` pushes. */
static int ask(lua_State *L, runtime *rt, question *q, void (*how)(void *), answer tell)
{
  task *t = task_that_can_wait(L, rt);
  int is_numeric = how == ask_addresses && q->hints.ai_flags & AI_NUMERICHOST;
  if (!t || is_numeric) {
    how(q);
    int count = tell(L, q);
    free(q);
    return count;
  }
  lookup *look = lua_newuserdatauv(L, sizeof *look, 0);
  memset(look, 0, sizeof *look);
  look->rt = rt;
  luaL_setmetatable(L, LOOKUP_TYPE);
  look->query.question = q;
  look->query.ask = how;
  look->query.drop = free;
  int result = task_ended(t);
  if (!result) result = lookup_ask(look);
  if (result < 0) {
    look->query.question = NULL;
    free(q);
    return socket_failure(L, rt, result);
  }
  return lookup_wait(L, t, look, (lua_KContext)tell, lookup_done);
}

/* A text that does not fit is cut: what is left is still longer than any name, and libc says so. */
static question *question_new(lua_State *L, const char *host, const char *service)
{
  question *q = calloc(1, sizeof *q);
  if (!q) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  if (host) snprintf(q->host, sizeof q->host, "%s", host);
  if (service) snprintf(q->service, sizeof q->service, "%s", service);
  q->has_host = host != NULL;
  q->has_service = service != NULL;
  q->hints.ai_socktype = SOCK_STREAM;
  return q;
}

/* -------------------------------------------------------------------- answers -- */

static int push_gai_failure(lua_State *L, const question *q)
{
  static const struct {
    int code;
    const char *text;
  } words[] = {{EAI_AGAIN, "temporary failure in name resolution"},
               {EAI_BADFLAGS, "invalid value for ai_flags"},
               {EAI_FAIL, "non-recoverable failure in name resolution"},
               {EAI_FAMILY, "ai_family not supported"},
               {EAI_MEMORY, "memory allocation failure"},
               {EAI_NONAME, "host or service not provided, or not known"},
               {EAI_OVERFLOW, "argument buffer overflow"},
               {EAI_SERVICE, "service not supported for socket type"},
               {EAI_SOCKTYPE, "ai_socktype not supported"}};
  const char *text = q->failure == EAI_SYSTEM ? strerror(q->system) : gai_strerror(q->failure);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (words[i].code == q->failure) text = words[i].text;
  lua_pushnil(L);
  lua_pushstring(L, text);
  lua_pushstring(L, gai_strerror(q->failure));
  return 3;
}

static const char *family_name(const lc_address *address)
{
  return address->of.any.sa_family == AF_INET6 ? "inet6" : "inet";
}

/* A list of {family=, addr=, address=}; the functions for descriptors take the last. */
static int push_addresses(lua_State *L, const question *q)
{
  if (q->failure) return push_gai_failure(L, q);
  lua_createtable(L, q->count, 0);
  for (int i = 0; i < q->count; i++) {
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, (const char *)&q->found[i].of, q->found[i].length);
    lua_setfield(L, -2, "address");
    lua_pushstring(L, family_name(&q->found[i]));
    lua_setfield(L, -2, "family");
    int pushed = socket_push_name(L, &q->found[i]);
    lua_pop(L, pushed - 1);
    lua_setfield(L, -2, "addr");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int push_names(lua_State *L, const question *q)
{
  if (q->failure) return push_gai_failure(L, q);
  lua_newtable(L);
  for (int i = 0; i < q->count && q->has_host; i++) {
    lua_pushstring(L, q->name[i]);
    lua_rawseti(L, -2, i + 1);
  }
  if (!q->has_service) return 1;
  lua_pushstring(L, q->service_name);
  return 2;
}

static int push_host(lua_State *L, const question *q)
{
  if (q->failure) {
    lua_pushnil(L);
    if (q->failure == HOST_NOT_FOUND) lua_pushliteral(L, "host not found");
    else if (q->failure > 0) lua_pushstring(L, hstrerror(q->failure));
    else lua_pushstring(L, strerror(q->system));
    return 2;
  }
  char text[INET_ADDRSTRLEN];
  lua_createtable(L, 0, 3);
  lua_pushstring(L, q->entry.h_name);
  lua_setfield(L, -2, "name");
  lua_newtable(L);
  for (int i = 0; q->entry.h_aliases && q->entry.h_aliases[i]; i++) {
    lua_pushstring(L, q->entry.h_aliases[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "alias");
  lua_newtable(L);
  for (int i = 0; q->entry.h_addr_list && q->entry.h_addr_list[i]; i++) {
    lua_pushstring(L, inet_ntop(AF_INET, q->entry.h_addr_list[i], text, sizeof text));
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "ip");
  return 1;
}

/* ------------------------------------------------------------------- functions -- */

/* addresses(host, service or nil, family or nil, "stream" or "dgram", numeric, passive) */
static int dns_addresses(lua_State *L)
{
  static const char *const families[] = {"unspec", "inet", "inet6", NULL};
  static const int family[] = {AF_UNSPEC, AF_INET, AF_INET6};
  static const char *const types[] = {"stream", "dgram", NULL};
  static const int type[] = {SOCK_STREAM, SOCK_DGRAM};
  runtime *rt = runtime_upvalue(L);
  const char *host = optional_string(L, 1, NULL), *service = optional_string(L, 2, NULL);
  int of = family[check_choice(L, 3, "unspec", families)];
  int kind = type[check_choice(L, 4, "stream", types)];
  struct in6_addr ignored;
  question *q = question_new(L, host, service);
  q->hints.ai_family = of;
  q->hints.ai_socktype = kind;
  if (lua_toboolean(L, 5)) q->hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
  if (lua_toboolean(L, 6)) q->hints.ai_flags |= AI_PASSIVE;
  /* An address needs no thread. */
  if (host && (inet_aton(host, (struct in_addr *)&ignored) || inet_pton(AF_INET6, host, &ignored)))
    q->hints.ai_flags |= AI_NUMERICHOST;
  return ask(L, rt, q, ask_addresses, push_addresses);
}

/* names(host or nil, service or nil) -> names, service */
static int dns_names(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const char *host = optional_string(L, 1, NULL), *service = optional_string(L, 2, NULL);
  question *q = question_new(L, host, service);
  q->names = 1;
  return ask(L, rt, q, ask_addresses, push_names);
}

/* host(name or address) -> {name=, alias=, ip=} */
static int dns_host(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  question *q = question_new(L, check_string(L, 1), NULL);
  return ask(L, rt, q, ask_host, push_host);
}

static int dns_hostname(lua_State *L)
{
  char name[257];
  if (gethostname(name, sizeof name) < 0) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
  }
  name[sizeof name - 1] = 0;
  lua_pushstring(L, name);
  return 1;
}

void socket_open_dns(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"addresses", dns_addresses},
                                       {"names", dns_names},
                                       {"host", dns_host},
                                       {"hostname", dns_hostname},
                                       {NULL, NULL}};
  new_type(L, LOOKUP_TYPE);
  lua_pushcfunction(L, lookup_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  register_functions(L, rt, "", functions);
}
