/* conn/keeping.c - keeps the object of a connection alive, finds it, and keeps values with it. */
#include "conn/keeping.h"

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/box.h"
#include "conn/methods.h"
#include "runtime/runtime.h"

void conn_open_keeping(lua_State *L, runtime *rt)
{
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  rt->conns->boxes = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void push_boxes(lua_State *L, const runtime *rt)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, rt->conns->boxes);
}

void conn_keep_value(lua_State *L, int index, int key)
{
  index = lua_absindex(L, index);
  if (lua_getiuservalue(L, index, 1) != LUA_TTABLE) {
    conn_box *box = lua_touserdata(L, index);
    box->keeps = 1;
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_rawseti(L, -2, CONN_SERVER);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, 1);
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, key);
  lua_pop(L, 1);
  conn_keep_unstarted(L, index);
}

int conn_kept_value(lua_State *L, int index, int key)
{
  int type = lua_getiuservalue(L, index, 1);
  if (type == LUA_TTABLE) {
    type = lua_rawgeti(L, -1, key);
    lua_remove(L, -2);
  } else if (key != CONN_SERVER) {
    lua_pop(L, 1);
    lua_pushnil(L);
    type = LUA_TNIL;
  }
  return type;
}

/* Enters the box into the weak table, where it is found until it is collected. */
void conn_remember(lua_State *L, conn_box *box, int index)
{
  index = lua_absindex(L, index);
  push_boxes(L, box->rt);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, box);
  lua_pop(L, 1);
  box->is_findable = 1;
}

void conn_keep(lua_State *L, conn_box *box)
{
  lua_pushvalue(L, -1);
  box->anchor = runtime_anchor(L, box->rt);
}

void conn_keep_unstarted(lua_State *L, int index)
{
  conn_box *box = lua_touserdata(L, index);
  if (!box->is_unstarted || box->anchor != LUA_NOREF) return;
  lua_pushvalue(L, index);
  conn_keep(L, box);
  lua_pop(L, 1);
}

void conn_bind(conn_box *box, lc_conn *conn)
{
  lc_list_init(&box->own_tasks);
  lc_list_init(&box->waiting);
  box->conn = lc_conn_ref(conn);
  lc_conn_set_user(conn, box);
}

void conn_unbind(conn_box *box)
{
  lc_conn *conn = box->conn;
  *box = (conn_box){
    .type = box->type, .rt = box->rt, .of_server = box->of_server, .anchor = box->anchor};
  lc_conn_set_user(conn, NULL);
  lc_conn_unref(conn);
}

int conn_push(lua_State *L, conn_box *box)
{
  box->is_seen = 1;
  if (box->anchor != LUA_NOREF) {
    runtime_push_anchored(L, box->rt, box->anchor);
    return 1;
  }
  if (!box->is_findable) return 0;
  push_boxes(L, box->rt);
  int found = lua_rawgetp(L, -1, box) == LUA_TUSERDATA;
  lua_remove(L, -2);
  if (!found) lua_pop(L, 1);
  return found;
}

void conn_unanchor(conn_box *box)
{
  runtime_release(box->rt, box->anchor);
  box->anchor = LUA_NOREF;
}

/* Whether the user value, a table at the top of the stack, has more in it than the server. */
static int keeps_more(lua_State *L)
{
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_tointeger(L, -2) == CONN_SERVER) continue;
    lua_pop(L, 2);
    return 1;
  }
  return 0;
}

/* A parked connection needs no anchored object. While the script holds the object it is found;
 * later it is made again. Values kept with the object could not be made again, so they keep it
 * anchored. */
static int unanchor_parked(lua_State *L)
{
  conn_box *box = lua_touserdata(L, 1);
  conn_push(L, box);
  int is_table = lua_getiuservalue(L, -1, 1) == LUA_TTABLE;
  if (is_table && keeps_more(L)) return 0;
  if (is_table) {
    lua_rawgeti(L, -1, CONN_SERVER);
    lua_setiuservalue(L, -3, 1);
    box->keeps = 0;
  }
  lua_pop(L, 1);
  conn_remember(L, box, -1);
  conn_unanchor(box);
  return 0;
}

/* Once the object has been remembered, and while it keeps nothing, there is no more to do than
 * this. */
void conn_let_go(conn_box *box)
{
  if (box->is_findable && !box->keeps) conn_unanchor(box);
  else runtime_protect(box->rt, unanchor_parked, box);
}

void conn_park(conn_box *box)
{
  box->is_unstarted = 1;
  box->last_failure = 0;
}
