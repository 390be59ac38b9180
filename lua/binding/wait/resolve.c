/* wait/resolve.c - names to addresses: a task waits, the loop goes on. */
#include <string.h>

#include "binding.h"

typedef struct lookup {
  lc_query query;
  task *waiter; /* NULL when it has given up */
  runtime *rt;
  int has_port;
} lookup;

/* A list of addresses "host:port", or of hosts alone. */
static int push_found(lua_State *L, const lookup *look)
{
  const lc_query *query = &look->query;
  char text[LC_ADDRESS_TEXT_MAX];
  uint16_t port;
  if (query->result <= 0)
    return push_failure(L, query->result ? query->result : LC_HOST_NOT_FOUND, query->host,
                        "resolve");
  lua_createtable(L, query->result, 0);
  for (int i = 0; i < query->result; i++) {
    if (look->has_port) lc_address_format(&query->found[i], text, sizeof text);
    else lc_address_parts(&query->found[i], text, &port);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static void lookup_answered(lc_query *query)
{
  lookup *look = LC_OWNER(query, lookup, query);
  if (look->waiter) task_wake(look->waiter, 0);
}

static void lookup_unwait(task *t)
{
  lookup *look = t->wait_object;
  look->waiter = NULL;
  lc_resolve_cancel(look->rt->loop, &look->query);
}

/* Stack: host, port, seconds, the lookup. */
static int resolve_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  lookup *look = lua_touserdata(L, 4);
  task *t = look->rt->current;
  if (t->woken) return push_failure(L, t->woken, look->query.host, "resolve");
  return push_found(L, look);
}

/* resolve(host, port or nil, seconds or nil) -> list of addresses, of hosts without a port; or nil, code, message. */
static int core_resolve(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const char *host = check_word(L, 1);
  lua_Integer port = optional_integer(L, 2, 0);
  lc_time seconds = optional_seconds(L, 3);
  check_that(L, strlen(host) <= LC_HOST_MAX, 1, "longer than any host name");
  lua_settop(L, 3);
  lookup *look = lua_newuserdatauv(L, sizeof *look, 0);
  memset(look, 0, sizeof *look);
  strcpy(look->query.host, host);
  look->query.port = (uint16_t)port;
  look->has_port = !lua_isnil(L, 2);
  look->rt = rt;
  if (!rt->current) { /* outside a task there is nobody to hold up */
    lc_resolve_blocking(rt->loop, &look->query);
    return push_found(L, look);
  }
  task *t = task_current(L, rt, "resolving a name");
  if (task_ended(t)) return push_failure(L, task_ended(t), host, "resolve");
  look->query.answered = lookup_answered;
  look->waiter = t;
  int result = lc_resolve(rt->loop, &look->query);
  if (result < 0) return push_failure(L, result, host, "resolve");
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  return task_suspend(L, t, "resolve", look, lookup_unwait, 0, resolve_done);
}

void resolve_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"resolve", core_resolve}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
