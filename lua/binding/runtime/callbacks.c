/* runtime/callbacks.c - calls into the script between turns, in the order in which they came up.
 *
 * Each has a number. What it is to call, with its arguments, lies in a Lua table
 * under that number; but for the moves of connections, which come twice with every
 * request where a server has on_state: they are kept in a ring of their own, and
 * called one after the other in one protected call.
 */
#include <stdlib.h>

#include "binding.h"

void runtime_callback(lua_State *L, runtime *rt, int count)
{
  lua_createtable(L, count + 1, 1);
  lua_insert(L, -(count + 2));
  for (int i = count + 1; i >= 1; i--) lua_rawseti(L, -(i + 1), i);
  lua_pushinteger(L, count);
  lua_setfield(L, -2, "n");
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->callbacks);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)++rt->last_callback);
  lua_pop(L, 1);
}

void runtime_hook(lua_State *L, runtime *rt, const char *name, int count)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->hooks);
  int is_set = lua_getfield(L, -1, name) == LUA_TFUNCTION;
  lua_remove(L, -2);
  if (!is_set) {
    lua_pop(L, count + 1);
    return;
  }
  lua_insert(L, -(count + 1));
  runtime_callback(L, rt, count);
}

/* ------------------------------------------------------------------- moves -- */

/* A connection's, that on_state is to be told of. */
struct told_move {
  server_box *server;
  lc_conn *conn; /* counted */
  const char *cause;
  uint64_t number;
  uint8_t from; /* lc_state; LC_STATES: none */
  uint8_t to;
  /* Its object is anchored meanwhile; else one is made for the call, unless the script has it. */
  uint8_t keeps_object;
};

static told_move *move_at(const runtime *rt, unsigned index)
{
  return &rt->moves[index & (rt->moves_room - 1)];
}

static int moves_grow(runtime *rt)
{
  unsigned room = rt->moves_room ? rt->moves_room * 2 : 64;
  told_move *moves = malloc(room * sizeof *moves);
  if (!moves) return 0;
  for (unsigned i = rt->first_move; i != rt->last_move; i++)
    moves[i & (room - 1)] = *move_at(rt, i);
  free(rt->moves);
  rt->moves = moves;
  rt->moves_room = room;
  return 1;
}

int callbacks_tell_move(server_box *server, lc_conn *conn, lc_state from, lc_state to,
                        const char *cause)
{
  runtime *rt = server->rt;
  conn_box *box = lc_conn_user(conn);
  int keeps_object = box && box->anchor != LUA_NOREF;
  if (keeps_object ? box->untold == UNTOLD_MOST : !server_is_to_start(server, conn)) return 0;
  if (rt->last_move - rt->first_move == rt->moves_room && !moves_grow(rt)) return 0;
  if (keeps_object) box->untold++;
  *move_at(rt, rt->last_move++) = (told_move){.server = server,
                                              .conn = lc_conn_ref(conn),
                                              .cause = cause,
                                              .number = ++rt->last_callback,
                                              .from = (uint8_t)from,
                                              .to = (uint8_t)to,
                                              .keeps_object = (uint8_t)keeps_object};
  return 1;
}

static void forget_move(const told_move *move)
{
  conn_box *box = lc_conn_user(move->conn);
  if (move->keeps_object) {
    box->untold--;
    conn_unanchor_when_over(box);
  }
  lc_conn_unref(move->conn);
}

static int is_move(const runtime *rt)
{
  return rt->first_move != rt->last_move &&
         move_at(rt, rt->first_move)->number == rt->next_callback;
}

/* ----------------------------------------------------------------- calling -- */

/* A message handler: what was raised, and where. */
static int with_traceback(lua_State *L)
{
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  luaL_traceback(L, L, NULL, 1);
  lua_rawseti(L, -2, 2);
  return 1;
}

/* What the handler made lies at the top; or, where there was no memory for it, a plain message. */
static void tell_failure(lua_State *L, const runtime *rt)
{
  int failure = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->hooks);
  if (lua_getfield(L, -1, "callback_failed") != LUA_TFUNCTION) return;
  if (lua_istable(L, failure)) {
    lua_rawgeti(L, failure, 1);
    lua_rawgeti(L, failure, 2);
  } else {
    lua_pushvalue(L, failure);
    lua_pushnil(L);
  }
  lua_pcall(L, 2, 0, 0); /* it reports its own failures */
}

static int call_next(lua_State *L)
{
  runtime *rt = lua_touserdata(L, 1);
  lua_Integer number = (lua_Integer)rt->next_callback++;
  lua_settop(L, 0);
  lua_pushcfunction(L, with_traceback);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->callbacks);
  if (lua_rawgeti(L, 2, number) != LUA_TTABLE) return 0;
  lua_pushnil(L);
  lua_rawseti(L, 2, number);
  lua_getfield(L, 3, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, count + 2, NULL);
  for (int i = 1; i <= count + 1; i++) lua_rawgeti(L, 3, i);
  if (lua_pcall(L, count, 0, 1) != LUA_OK) tell_failure(L, rt);
  return 0;
}

/* What tell_moves has on its stack all the time. */
enum { THE_ANCHORS = 2, THE_STATES /* by lc_state; nil as the last */ };

static void prepare_moves(lua_State *L, const runtime *rt)
{
  luaL_checkstack(L, LC_STATES + 12, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
  for (int state = 0; state < LC_STATES; state++) lua_pushstring(L, lc_state_name((lc_state)state));
  lua_pushnil(L);
}

static int find_or_make_object(lua_State *L)
{
  const told_move *move = lua_touserdata(L, 1);
  return server_push_conn(L, move->server, move->conn);
}

/* The connection's object; or nil, when it has been collected or there is no memory for one. */
static void push_object(lua_State *L, const runtime *rt, const told_move *move)
{
  if (move->keeps_object) {
    const conn_box *box = lc_conn_user(move->conn);
    lua_rawgeti(L, THE_ANCHORS, box->anchor);
    return;
  }
  lua_pushcfunction(L, find_or_make_object);
  lua_pushlightuserdata(L, (void *)(uintptr_t)move);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  tell_failure(L, rt);
  lua_pushnil(L);
}

static void tell_move(lua_State *L, const runtime *rt, const told_move *move)
{
  const server_box *server = move->server;
  if (server->on_state == LUA_NOREF) return;
  int top = lua_gettop(L), count = server->tells < 4 ? server->tells : 4;
  lua_rawgeti(L, THE_ANCHORS, server->on_state);
  if (count > 0) push_object(L, rt, move);
  if (count > 0 && lua_isnil(L, -1)) {
    lua_settop(L, top);
    return;
  }
  if (count > 1) lua_pushvalue(L, THE_STATES + move->from);
  if (count > 2) lua_pushvalue(L, THE_STATES + move->to);
  if (count > 3) lua_pushstring(L, move->cause);
  lua_call(L, count, 0);
}

/* The move that is told now; each is a piece of work of its own for the watchdog. */
typedef struct telling {
  runtime *rt;
  told_move move;
  int is_begun;
} telling;

static int begin_move(lua_State *L, telling *now)
{
  runtime *rt = now->rt;
  if (!is_move(rt) || rt->next_callback > rt->callbacks_due || rt->turn_over) return 0;
  now->move = *move_at(rt, rt->first_move++);
  now->is_begun = 1;
  rt->next_callback++;
  interrupt_enter(rt, L, LC_WORK_SCRIPT);
  return 1;
}

static void end_move(telling *now)
{
  interrupt_work_done(now->rt, NULL);
  (void)turn_is_over(now->rt);
  forget_move(&now->move);
  now->is_begun = 0;
}

/* All moves up to the next callback of another kind, or to the first that fails. */
static int tell_moves(lua_State *L)
{
  telling *now = lua_touserdata(L, 1);
  prepare_moves(L, now->rt);
  while (begin_move(L, now)) {
    tell_move(L, now->rt, &now->move);
    end_move(now);
  }
  return 0;
}

static int call_moves(lua_State *L)
{
  telling now = {.rt = lua_touserdata(L, 1)};
  lua_settop(L, 0);
  lua_pushcfunction(L, with_traceback);
  lua_pushcfunction(L, tell_moves);
  lua_pushlightuserdata(L, &now);
  int status = lua_pcall(L, 1, 0, 1);
  if (now.is_begun) end_move(&now); /* first: to tell may fail */
  if (status != LUA_OK) tell_failure(L, now.rt);
  return 0;
}

/* Those that are there when it begins: one that causes another does not keep the loop. Nor does one that cannot even
 * begin for lack of memory: the next turn tries again. */
void callbacks_run(runtime *rt)
{
  uint64_t last = 0;
  rt->callbacks_due = rt->last_callback;
  while (rt->next_callback <= rt->callbacks_due && rt->next_callback != last) {
    last = rt->next_callback;
    runtime_protect_script(rt, is_move(rt) ? call_moves : call_next, rt);
    if (turn_is_over(rt)) break;
  }
}

int callbacks_wait(const runtime *rt) { return rt->next_callback <= rt->last_callback; }

void callbacks_free(runtime *rt)
{
  while (rt->first_move != rt->last_move) lc_conn_unref(move_at(rt, rt->first_move++)->conn);
  free(rt->moves);
  rt->moves = NULL;
  rt->first_move = rt->last_move = rt->moves_room = 0;
}
