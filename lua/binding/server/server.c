/* server/server.c - servers as Lua objects: birth, the ladder, and a look at their connections.
 *
 * User value 1: the context, parent of its connections' contexts.
 */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "base/list.h"
#include "conn/describe.h"
#include "conn/starttls.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/options.h"
#include "script/raise.h"
#include "script/register.h"
#include "server/box.h"
#include "server/by_hand.h"
#include "server/conns.h"
#include "server/events.h"
#include "server/facts.h"
#include "server/http.h"
#include "server/late.h"
#include "server/methods.h"
#include "task/context.h"
#include "task/handle.h"
#include "watch/watch.h"

/* ------------------------------------------------------------------ as an owner -- */

static int push(lua_State *L, owner *by)
{
  if (by->anchor == LUA_NOREF) return 0;
  runtime_push_anchored(L, by->rt, by->anchor);
  return 1;
}

static void hold(lua_State *L, owner *by)
{
  (void)L;
  if (by->of_server->server) lc_server_hold(by->of_server->server);
}

static void release(owner *by)
{
  if (by->of_server->server) lc_server_release(by->of_server->server);
}

static owner *heir(owner *by) { return LC_OWNER(by, server_box, as_owner)->is_done ? NULL : by; }

static const owner_type SERVER_OWNER = {
  .push = push, .hold = hold, .release = release, .heir = heir};

/* --------------------------------------------------------------------- birth -- */

static int anchor_field(lua_State *L, runtime *rt, int index, const char *name)
{
  if (lua_getfield(L, index, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return LUA_NOREF;
  }
  return runtime_anchor(L, rt);
}

/* [0, +1] */
static server_box *push_box(lua_State *L, runtime *rt)
{
  server_box *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (server_box){.type = &SERVER_OWNER,
                      .rt = rt,
                      .of_server = &box->as_base,
                      .anchor = LUA_NOREF,
                      .handler = LUA_NOREF,
                      .told = {.log = LUA_NOREF, .on_error = LUA_NOREF},
                      .on_state = LUA_NOREF,
                      .on_step = LUA_NOREF,
                      .on_drain = LUA_NOREF,
                      .transport = LUA_NOREF,
                      .farewell = LUA_NOREF,
                      .beat = LUA_NOREF,
                      .stragglers = &box->list,
                      .list = NO_STRAGGLERS,
                      .is_done = 1};
  lc_list_init(&box->own_tasks);
  lc_list_init(&box->acceptors);
  lc_list_init(&box->waiters);
  lc_list_init(&box->end_waiters);
  luaL_setmetatable(L, SERVER_TYPE);
  return box;
}

/* The box lies at `index`. */
static void make_context(lua_State *L, server_box *box, int index)
{
  runtime_push_anchored(L, box->rt, box->rt->contexts->process_anchor);
  context *ctx = context_new(L, box->rt, box->rt->contexts->process);
  context_hold_object(L, -1);
  ctx->drained = ctx;
  box->ctx = ctx;
  box->has_context = 1;
  lua_setiuservalue(L, index, 1);
  lua_pop(L, 1);
}

static void take_options(lua_State *L, server_box *box, int index, const lc_server_options *options)
{
  runtime *rt = box->rt;
  box->told.on_error = anchor_field(L, rt, index, "on_error");
  box->on_drain = anchor_field(L, rt, index, "on_drain");
  box->farewell = anchor_field(L, rt, index, "farewell");
  if (lua_getfield(L, index, "heartbeat") == LUA_TTABLE)
    box->beat = anchor_field(L, rt, lua_gettop(L), "send");
  lua_pop(L, 1);
  box->told.log = anchor_field(L, rt, index, "log");
  box->idle_timeout = options->settings.idle_timeout;
  box->max_block = option_time(L, index, "max_block", 0);
  if (option_is(L, index, "on_eof", "cancel")) box->at_eof = EOF_CANCELS;
  else if (option_is(L, index, "on_eof", "finish")) box->at_eof = EOF_FINISHES;
  box->starts_with_data = option_is(L, index, "start", "data") || options->protocol;
}

/* new_server(options): makes a server that does not listen yet. Calls that may raise come first, so
 * that the loop never has a half-made server. */
static int core_new_server(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_type(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lc_server_options options;
  lc_server_options_init(&options);
  options.closes_idle = options.closes_at_cancel =
    0; /* the binding tells tasks, and cancels them */
  option_settings(L, 1, &options.settings);
  option_drain(L, 1, &options.drain);
  options.late = option_boolean(L, 1, "late", options.late);
  options.max_handshakes = (uint32_t)option_integer(L, 1, "max_handshakes", options.max_handshakes);
  options.max_connections = (uint32_t)option_integer(L, 1, "max_connections", 0);
  lua_getfield(L, 1, "protocol"); /* a light userdata: no option for users yet */
  options.protocol = lua_touserdata(L, -1);
  options.transport = option_transport(L, 1);
  lua_settop(L, 1);

  server_box *box = push_box(L, rt);
  make_context(L, box, 2);
  take_options(L, box, 1, &options);
  box->transport = anchor_field(L, rt, 1, "transport");
  stragglers_open(L, rt, &box->list);
  lua_pushvalue(L, 2);
  box->anchor = runtime_anchor(L, rt);
  int error;
  box->server = lc_server_new(rt->loop, &options, &SERVER_EVENTS, box, &error);
  if (!box->server) {
    runtime_release(rt, box->anchor);
    return luaL_error(L, "not enough memory for a server");
  }
  lc_server_serve(box->server, 0);
  if (box->max_block) watchdog_bound(rt, box->max_block);
  box->is_done = 0;
  rt->servers->live++;
  return 1;
}

static int server_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  server_box *box = check_object(L, 1, SERVER_TYPE);
  runtime *rt = box->rt;
  if (!rt->loop) return 0;
  by_hand_remove(box);
  server_forget_functions(box);
  stragglers_release(rt, &box->list);
  if (box->ctx) context_unhold(box->ctx);
  box->ctx = NULL;
  lc_server_free(box->server);
  box->server = NULL;
  runtime_release(rt, box->transport);
  http_services_free(box);
  late_free(box);
  return 0;
}

/* ------------------------------------------------------------------- the ladder -- */

static int server_shutdown(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_time seconds = optional_seconds(L, 2);
  const lc_drain_options *drain = &lc_server_options_get(box->server)->drain;
  if (seconds == LC_NEVER) seconds = drain->timeout;
  check_that(L, seconds >= 0, 2, "seconds from now, not negative");
  lc_server_shutdown(box->server, lc_time_add(lc_loop_clock(box->rt->loop), seconds));
  lua_pushboolean(L, 1);
  return 1;
}

static int server_close(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_server_shutdown(box->server, lc_loop_clock(box->rt->loop));
  lc_server_advance(box->server, LC_STEP_KILL);
  lua_pushboolean(L, 1);
  return 1;
}

/* server_set_drain(server, {drain =}): changes the ladder's times, until it begins. */
static int server_set_drain(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_server_options defaults;
  check_type(L, 2, LUA_TTABLE);
  lc_server_options_init(&defaults);
  option_drain(L, 2, &defaults.drain);
  lc_server_set_drain(box->server, &defaults.drain);
  return 0;
}

static int server_step(lua_State *L)
{
  lua_pushstring(L, lc_step_name(lc_server_step(server_check(L, 1)->server)));
  return 1;
}

/* server_is_leaving(server): whether its shutdown has begun. */
static int server_is_leaving(lua_State *L)
{
  lua_pushboolean(L, lc_server_is_leaving(server_check(L, 1)->server));
  return 1;
}

static int server_go(lua_State *L)
{
  server_box *box = server_check(L, 1);
  check_type(L, 2, LUA_TFUNCTION);
  if (box->is_done) raise_error(L, "server:go: this server has ended");
  lua_remove(L, 1);
  return task_go(L, box->rt, &box->as_owner, box->ctx, 0, lua_gettop(L) - 1);
}

/* --------------------------------------------------------------------- looking -- */

static int state_argument(lua_State *L, int index)
{
  if (lua_isnoneornil(L, index)) return LC_STATES;
  size_t length;
  const char *name = luaL_tolstring(L, index, &length);
  for (int state = LC_STATE_NEW; state < LC_STATES; state++)
    if (!strcmp(name, lc_state_name((lc_state)state)) && strlen(name) == length) return state;
  raise_error(L, "server: a connection is never '%s', but new, active, idle, closing or closed",
              name);
}

static int server_count(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lua_pushinteger(L, lc_server_count(box->server, (lc_state)state_argument(L, 2)));
  return 1;
}

static int server_get(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lua_Integer id = check_integer(L, 2);
  lc_conn *conn = lc_server_find(box->server, (uint64_t)id);
  if (!conn || !server_push_conn(L, box, conn)) lua_pushnil(L);
  return 1;
}

/* server_list(server, [state]) -> an array of connections; a script may change the server during
 * the walk. */
static int server_list(lua_State *L)
{
  server_box *box = server_check(L, 1);
  int state = state_argument(L, 2);
  lua_Integer count = 0;
  lua_newtable(L);
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));) {
    if (state != LC_STATES && (int)lc_conn_state(conn) != state) continue;
    if (server_push_conn(L, box, conn)) lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static void describe(lua_State *L, const lc_conn *conn, lua_Integer number)
{
  lua_createtable(L, 0, 10);
  conn_describe(L, conn);
  lua_rawseti(L, -2, number);
}

static int server_connections(lua_State *L)
{
  const server_box *box = server_check(L, 1);
  lua_Integer count = 0;
  lua_newtable(L);
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));)
    describe(L, conn, ++count);
  return 1;
}

enum { OLDEST_MOST = 100 };

typedef struct oldest {
  lc_state state;
  int has_no_task; /* only connections without a task */
  unsigned all, count, most;
  const lc_conn *found[OLDEST_MOST];
} oldest;

/* The server's `most` oldest connections in a state, the oldest first, and how many there are in
 * all. */
static void find_oldest(oldest *of, const lc_server *server)
{
  const lc_conn **found = of->found;
  unsigned left = lc_server_count(server, of->state);
  for (lc_conn *conn = NULL; left && (conn = lc_server_next(server, conn));) {
    if (lc_conn_state(conn) != of->state) continue;
    left--;
    const conn_box *box = lc_conn_user(conn);
    if (of->has_no_task && box && box->tasks) continue;
    of->all++;
    uint64_t id = lc_conn_id(conn);
    if (of->count == of->most && id > lc_conn_id(found[of->most - 1])) continue;
    unsigned at = of->count < of->most ? of->count++ : of->most - 1;
    for (; at && lc_conn_id(found[at - 1]) > id; at--) found[at] = found[at - 1];
    found[at] = conn;
  }
}

/* server_oldest(server, state, most, [without tasks]): `most` entries of connections() in that
 * state, the oldest first; and how many there are. */
static int server_oldest(lua_State *L)
{
  const server_box *box = server_check(L, 1);
  lua_Integer most = check_integer(L, 3);
  check_that(L, most >= 1 && most <= OLDEST_MOST, 3, "from 1 to 100");
  lua_settop(L, 4);
  oldest of = {.state = (lc_state)state_argument(L, 2),
               .has_no_task = lua_toboolean(L, 4),
               .most = (unsigned)most};
  find_oldest(&of, box->server);
  lua_createtable(L, (int)of.count, 0);
  for (unsigned i = 0; i < of.count; i++) describe(L, of.found[i], (lua_Integer)i + 1);
  lua_pushinteger(L, of.all);
  return 2;
}

void server_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"shutdown", server_shutdown},
                                     {"close", server_close},
                                     {"step", server_step},
                                     {"go", server_go},
                                     {"count", server_count},
                                     {"get", server_get},
                                     {"connections", server_connections},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {
    {"new_server", core_new_server},          {"server_set_drain", server_set_drain},
    {"server_is_leaving", server_is_leaving}, {"server_list", server_list},
    {"server_facts", server_facts},           {"server_moved", server_moved},
    {"server_oldest", server_oldest},         {NULL, NULL}};
  lua_newtable(L);
  server_register(L, rt, methods, functions);
  server_open_events(L, rt);
  server_open_http(L, rt);
  server_open_listening(L, rt);
  server_open_waiting(L, rt);
  new_type(L, SERVER_TYPE);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, server_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_setfield(L, -2, "server_methods");
}
