/* wait/resolve.c - names to addresses: a task waits, the loop goes on. */
#include "wait/resolve.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "task/task.h"
#include "task/wait.h"
#include "wait/lookup.h"

typedef struct resolving {
  lookup look;
  int has_port;
} resolving;

/* A list of addresses "host:port", or of hosts alone. */
static int push_found(lua_State *L, const resolving *of)
{
  const lc_query *query = &of->look.query;
  char text[LC_ADDRESS_TEXT_MAX];
  uint16_t port;
  if (query->result <= 0)
    return push_failure(L, query->result ? query->result : LC_HOST_NOT_FOUND, query->host,
                        "resolve");
  lua_createtable(L, query->result, 0);
  for (int i = 0; i < query->result; i++) {
    if (of->has_port) lc_address_format(&query->found[i], text, sizeof text);
    else lc_address_parts(&query->found[i], text, &port);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* Stack: host, port, seconds, the question. */
static int resolve_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  resolving *of = lua_touserdata(L, 4);
  int code = of->look.rt->current->woken;
  if (code) return push_failure(L, code, of->look.query.host, "resolve");
  return push_found(L, of);
}

/* resolve(host, port or nil, seconds or nil) -> list of addresses, of hosts without a port; or nil,
 * code, message. */
static int core_resolve(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  const char *host = check_word(L, 1);
  lua_Integer port = optional_integer(L, 2, 0);
  lc_time seconds = optional_seconds(L, 3);
  check_that(L, strlen(host) <= LC_HOST_MAX, 1, "longer than any host name");
  lua_settop(L, 3);
  resolving *of = lua_newuserdatauv(L, sizeof *of, 0);
  memset(of, 0, sizeof *of);
  strcpy(of->look.query.host, host);
  of->look.query.port = (uint16_t)port;
  of->look.rt = rt;
  of->has_port = !lua_isnil(L, 2);
  if (!rt->current) { /* outside a task a block delays no other task */
    lc_resolve_blocking(rt->loop, &of->look.query);
    return push_found(L, of);
  }
  task *t = task_current(L, rt, "resolving a name");
  if (task_ended(t)) return push_failure(L, task_ended(t), host, "resolve");
  int result = lookup_ask(&of->look);
  if (result < 0) return push_failure(L, result, host, "resolve");
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  return lookup_wait(L, t, &of->look, 0, resolve_done);
}

void resolve_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"resolve", core_resolve}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
