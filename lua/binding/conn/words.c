/* conn/words.c - the words that a connection sends by itself: farewells and heartbeats. */
#include "conn/words.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

#include "conn/box.h"
#include "conn/keeping.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "runtime/watched.h"

/* Pushes the connection's own words, or else those of its server [0, +1]. Returns whether there are
 * any. */
static int push_words(lua_State *L, conn_box *box, int own, int otherwise)
{
  if (conn_push(L, box)) {
    conn_kept_value(L, -1, own);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1)) return 1;
    lua_pop(L, 1);
  }
  if (otherwise == LUA_NOREF) return 0;
  runtime_push_anchored(L, box->rt, otherwise);
  return 1;
}

const char *conn_words(lua_State *L, conn_box *box, int own, int otherwise, const char *where,
                       size_t *length)
{
  if (!conn_push(L, box))
    lua_pushnil(
      L); /* the string stays on the stack, for nothing else may keep what a function returned */
  int kept = lua_gettop(L);
  if (!push_words(L, box, own, otherwise)) return NULL;
  if (lua_type(L, -1) != LUA_TSTRING) {
    lua_pushvalue(L, kept);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
      lua_pushstring(L, where);
      lua_pushvalue(L, kept);
      lua_pushnil(L);
      report_error(L, box->rt, owner_reporters(&box->as_owner));
      return NULL;
    }
  }
  return lua_tolstring(L, -1, length);
}

/* ------------------------------------------------------------------- heartbeats -- */

static int beat(lua_State *L)
{
  conn_box *box = lc_conn_user(lua_touserdata(L, 1));
  if (!box) return 0;
  size_t length;
  int top = lua_gettop(L), otherwise = box->of_server ? box->of_server->beat : LUA_NOREF;
  const char *text = conn_words(L, box, CONN_BEAT, otherwise, "in the heartbeat function", &length);
  if (text) {
    struct iovec words = {(void *)(uintptr_t)text, length};
    lc_conn_post(box->conn, &words,
                 1); /* when the queue is full, the bytes in it serve as the question */
  }
  lua_settop(L, top);
  return 0;
}

void conn_on_heartbeat(lc_conn *conn, runtime *rt) { runtime_protect_script(rt, beat, conn); }
