/* server/moves.c - passes the moves of connections to on_state.
 *
 * Each request causes two moves. So, on a server with on_state, moves do not go through the table
 * of callbacks: they lie in a ring, and one protected call makes the calls for many. They are
 * numbered with the other callbacks, and called in that order.
 */
#include "server/moves.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdlib.h>

#include "conn/staying.h"
#include "runtime/calling.h"
#include "runtime/interrupt.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "runtime/turn.h"
#include "runtime/watched.h"
#include "server/box.h"
#include "server/conns.h"

/* A move of a connection that waits for on_state. */
typedef struct move {
  server_box *server;
  lc_conn *conn; /* counted */
  const char *cause;
  uint64_t number;
  uint8_t from; /* lc_state; LC_STATES: none */
  uint8_t to;
  /* Its object is anchored meanwhile. If not, an object is made for the call, unless the script has
   * one. */
  uint8_t keeps_object;
} move;

typedef struct moves {
  unsigned first, last, room; /* room is a power of 2 */
  move ring[];
} moves;

enum { ROOM_AT_FIRST = 64 };

static move *move_at(moves *all, unsigned index) { return &all->ring[index & (all->room - 1)]; }

static int is_empty(const moves *all) { return !all || all->first == all->last; }

/* Makes a ring of twice the size, with the same moves. */
static int grow(runtime *rt)
{
  moves *old = rt->servers->moves;
  unsigned room = old ? old->room * 2 : ROOM_AT_FIRST;
  moves *all = malloc(sizeof *all + room * sizeof *all->ring);
  if (!all) return 0;
  *all = (moves){.room = room};
  if (old) {
    all->first = old->first;
    all->last = old->last;
    for (unsigned i = old->first; i != old->last; i++) *move_at(all, i) = *move_at(old, i);
  }
  free(old);
  rt->servers->moves = all;
  return 1;
}

int moves_tell(server_box *server, lc_conn *conn, lc_state from, lc_state to, const char *cause)
{
  runtime *rt = server->rt;
  moves *all = rt->servers->moves;
  conn_box *box = lc_conn_user(conn);
  int keeps_object = box && box->anchor != LUA_NOREF;
  if (keeps_object ? box->untold == UNTOLD_MOST : !server_is_to_start(server, conn)) return 0;
  if (!all || all->last - all->first == all->room) {
    if (!grow(rt)) return 0;
    all = rt->servers->moves;
  }
  if (keeps_object) box->untold++;
  uint64_t number = ++rt->calls.last;
  if (is_empty(all)) rt->calls.apart_next = number;
  *move_at(all, all->last++) = (move){.server = server,
                                      .conn = lc_conn_ref(conn),
                                      .cause = cause,
                                      .number = number,
                                      .from = (uint8_t)from,
                                      .to = (uint8_t)to,
                                      .keeps_object = (uint8_t)keeps_object};
  return 1;
}

static inline void take_first(runtime *rt, move *first)
{
  moves *all = rt->servers->moves;
  *first = *move_at(all, all->first++);
  rt->calls.apart_next = is_empty(all) ? 0 : move_at(all, all->first)->number;
}

static void forget(const move *told)
{
  conn_box *box = lc_conn_user(told->conn);
  if (told->keeps_object) {
    box->untold--;
    conn_unanchor_when_over(box);
  }
  lc_conn_unref(told->conn);
}

/* ---------------------------------------------------------------------- telling -- */

/* The values that tell_moves keeps on its stack. */
enum { THE_ANCHORS = 2, THE_STATES /* by lc_state; nil as the last */ };

static void prepare(lua_State *L, const runtime *rt)
{
  luaL_checkstack(L, LC_STATES + 12, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
  for (int state = 0; state < LC_STATES; state++) lua_pushstring(L, lc_state_name((lc_state)state));
  lua_pushnil(L);
}

static int find_or_make_object(lua_State *L)
{
  const move *told = lua_touserdata(L, 1);
  return server_push_conn(L, told->server, told->conn);
}

/* Pushes the connection's object; or nil, if it has been collected or there is no memory for
 * one. */
static void push_object(lua_State *L, const runtime *rt, const move *told)
{
  if (told->keeps_object) {
    conn_box *box = lc_conn_user(told->conn);
    box->is_seen = 1;
    lua_rawgeti(L, THE_ANCHORS, box->anchor);
    return;
  }
  lua_pushcfunction(L, find_or_make_object);
  lua_pushlightuserdata(L, (void *)(uintptr_t)told);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  callbacks_failed(L, rt);
  lua_pushnil(L);
}

static void tell_move(lua_State *L, const runtime *rt, const move *told)
{
  const server_box *server = told->server;
  if (server->on_state == LUA_NOREF) return;
  int count = server->tells < 4 ? server->tells : 4;
  lua_rawgeti(L, THE_ANCHORS, server->on_state);
  if (count > 0) push_object(L, rt, told);
  if (count > 0 && lua_isnil(L, -1)) {
    lua_pop(L, 2);
    return;
  }
  if (count > 1) lua_pushvalue(L, THE_STATES + told->from);
  if (count > 2) lua_pushvalue(L, THE_STATES + told->to);
  if (count > 3) lua_pushstring(L, told->cause);
  lua_call(L, count, 0);
}

/* The move whose call is made now. For the watchdog each is a piece of work of its own. */
typedef struct telling {
  runtime *rt;
  move told;
  int is_begun;
} telling;

static int begin_move(lua_State *L, telling *now)
{
  runtime *rt = now->rt;
  if (rt->calls.next != rt->calls.apart_next || rt->calls.next > rt->calls.due || rt->turn.is_over)
    return 0;
  take_first(rt, &now->told);
  now->is_begun = 1;
  rt->calls.next++;
  interrupt_enter(rt, L, LC_WORK_SCRIPT);
  return 1;
}

static void end_move(lua_State *L, telling *now)
{
  script_work_done(now->rt);
  turn_callback_done(L, now->rt, now->told.server->on_state);
  forget(&now->told);
  now->is_begun = 0;
}

/* Makes the calls for all moves up to the next callback of another kind, or to the first that
 * fails. */
static int tell_moves(lua_State *L)
{
  telling *now = lua_touserdata(L, 1);
  prepare(L, now->rt);
  while (begin_move(L, now)) {
    tell_move(L, now->rt, &now->told);
    end_move(L, now);
  }
  return 0;
}

static int call_moves(lua_State *L)
{
  telling now = {.rt = lua_touserdata(L, 1)};
  lua_settop(L, 0);
  lua_pushcfunction(L, callbacks_traceback);
  lua_pushcfunction(L, tell_moves);
  lua_pushlightuserdata(L, &now);
  int status = lua_pcall(L, 1, 0, 1);
  if (now.is_begun) end_move(L, &now); /* first, because the report may fail */
  if (status != LUA_OK) callbacks_failed(L, now.rt);
  return 0;
}

void servers_open(lua_State *L, runtime *rt)
{
  rt->servers = runtime_part(L, sizeof *rt->servers);
  lc_list_init(&rt->servers->by_hand);
  rt->calls.call_apart = call_moves;
}

void moves_free(runtime *rt)
{
  for (move told; !is_empty(rt->servers->moves); lc_conn_unref(told.conn)) take_first(rt, &told);
  free(rt->servers->moves);
  rt->servers->moves = NULL;
}
