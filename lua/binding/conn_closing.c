/* conn_closing.c - close, abort, shutdown, detach, and the settings of one connection. */
#include <string.h>

#include "binding.h"

/* --------------------------------------------------------------------- close -- */

static int push_verdict(lua_State *L, conn_box *box)
{
  lc_verdict verdict;
  lc_conn_verdict(box->conn, &verdict);
  if (!verdict.code || box->aborted) {
    lua_pushboolean(L, 1);
    return 1;
  }
  conn_failure(L, box, verdict.code, "close");
  lua_pushinteger(L, (lua_Integer)verdict.unacked);
  return 4;
}

static int push_pending(lua_State *L)
{
  lua_pushliteral(L, "pending");
  return 1;
}

static int close_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  conn_box *box = conn_check(L, 1);
  if (lc_conn_state(box->conn) == LC_STATE_CLOSED) return push_verdict(L, box);
  lc_verdict verdict; /* of the moment: the steps go on, nobody waits */
  lc_conn_verdict(box->conn, &verdict);
  conn_failure(L, box, box->rt->current->woken, "close");
  lua_pushinteger(L, (lua_Integer)verdict.unacked);
  return 4;
}

/* Whether the task has been told to end, by something else than the end of this very connection. */
static int must_not_wait(const task *t, const conn_box *box)
{
  if (t->killing || t->canceled || box->cut == LC_CANCELED) return 1;
  return t->ctx != box->ctx && t->ctx->ended && lc_conn_state(box->conn) < LC_STATE_CLOSING;
}

static int linger_argument(lua_State *L, const conn_box *box, int index, lc_time *linger)
{
  *linger = lc_conn_settings(box->conn)->linger;
  if (lua_isnoneornil(L, index)) return 1;
  if (lua_type(L, index) == LUA_TSTRING) {
    luaL_argcheck(L, !strcmp(lua_tostring(L, index), "background"), index,
                  "seconds, or \"background\"");
    *linger = LC_LINGER_BACKGROUND;
    return 1;
  }
  *linger = optional_seconds(L, index);
  return 1;
}

static int close_with(lua_State *L, conn_box *box, lc_time linger)
{
  task *t = task_running(L, box->rt);
  int over = lc_conn_state(box->conn) == LC_STATE_CLOSED;
  int waits = linger >= 0 && t && lua_isyieldable(L) && !must_not_wait(t, box);
  if (!over) {
    if (!linger) box->aborted = 1;
    lc_conn_close(box->conn, linger, "close");
    conn_end_context(box, "closed");
    over = lc_conn_state(box->conn) == LC_STATE_CLOSED;
  }
  if (over) return push_verdict(L, box);
  if (!waits) return push_pending(L);
  lc_list_append(&box->closers, &t->in_wait);
  return task_suspend(L, t, "close", box, NULL, 0, close_done);
}

static int conn_close(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_time linger;
  linger_argument(L, box, 2, &linger);
  lua_settop(L, 1);
  return close_with(L, box, linger);
}

/* As a to-be-closed variable: the second argument is an error or nil, not a linger. */
static int conn_close_variable(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lua_settop(L, 1);
  return close_with(L, box, lc_conn_settings(box->conn)->linger);
}

static int conn_abort(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  box->aborted = 1;
  lc_conn_abort(box->conn, "abort");
  conn_end_context(box, "closed");
  lua_pushboolean(L, 1);
  return 1;
}

/* --------------------------------------------------------------- handler's end -- */

/* A farewell may be a function of the script's; it runs as a callback would and may not wait. */
static void say_farewell(lua_State *L, conn_box *box)
{
  int top = lua_gettop(L);
  if (!box->server || box->server->farewell == LUA_NOREF || box->has_farewell) return;
  runtime_push_anchored(L, box->rt, box->server->farewell);
  if (lua_isfunction(L, -1)) {
    if (!conn_push(L, box)) lua_pushnil(L);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
      lua_pushnil(L);
      runtime_hook(L, box->rt, "on_error", 2);
      lua_settop(L, top);
      return;
    }
  }
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (text) lc_conn_set_farewell(box->conn, text, length);
  lua_settop(L, top);
}

void conn_dismiss(lua_State *L, conn_box *box, const char *cause)
{
  say_farewell(L, box);
  lc_conn_finish(box->conn, cause);
}

void conn_handler_ended(lua_State *L, conn_box *box)
{
  int by_ladder = box->cut || box->last_failure == LC_DRAINING;
  if (by_ladder) conn_dismiss(L, box, "drain");
  else lc_conn_finish(box->conn, "handler returned");
}

/* ------------------------------------------------------------------ half-close -- */

static int shut_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_running(L, box->rt);
  int result = t ? t->woken : 0;
  (void)status;
  if (t) t->woken = 0;
  if (!result) result = lc_conn_shutdown(box->conn, (int)kept);
  if (result == LC_AGAIN) {
    t = task_current(L, box->rt, "conn:shutdown");
    result = task_ended(t);
    if (!result) return conn_wait_flushed(L, t, box, "shutdown", kept, shut_more);
  }
  conn_end_write(box, t);
  if (result < 0) return conn_failure(L, box, result, "shutdown");
  lua_pushboolean(L, 1);
  return 1;
}

static int conn_shutdown(lua_State *L)
{
  static const char *const names[] = {"write", "read", "both", NULL};
  static const int how[] = {SHUT_WR, SHUT_RD, SHUT_RDWR};
  conn_box *box = conn_check(L, 1);
  int choice = how[luaL_checkoption(L, 2, NULL, names)];
  lua_settop(L, 1);
  task *t = task_running(L, box->rt);
  if (t) t->woken = 0;
  return shut_more(L, LUA_OK, choice);
}

/* ---------------------------------------------------------------------- detach -- */

static int ticket_done(lua_State *L)
{
  conn_box **held = luaL_checkudata(L, 1, "lastcall.ticket");
  if (*held && (*held)->conn && (*held)->rt->loop) lc_conn_release_detached((*held)->conn);
  *held = NULL;
  return 0;
}

static int detach_more(lua_State *L, int status, lua_KContext kept)
{
  conn_box *box = conn_check(L, 1);
  task *t = task_running(L, box->rt);
  int result = t ? t->woken : 0, fd = -1;
  (void)status;
  if (t) t->woken = 0;
  if (!result) result = lc_conn_detach(box->conn, &fd);
  if (result == LC_AGAIN) {
    t = task_current(L, box->rt, "conn:detach");
    result = task_ended(t);
    if (!result) return conn_wait_flushed(L, t, box, "detach", kept, detach_more);
  }
  conn_end_write(box, t);
  if (result < 0) return conn_failure(L, box, result, "detach");
  lc_slice rest;
  lua_pushinteger(L, fd);
  lc_conn_buffered(box->conn, &rest);
  lua_pushlstring(L, rest.data, rest.length);
  lc_conn_take(box->conn, rest.length);
  conn_box **held = lua_newuserdatauv(L, sizeof *held, 1);
  *held = box;
  luaL_setmetatable(L, "lastcall.ticket");
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return 3;
}

static int conn_detach(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lua_settop(L, 1);
  task *t = task_running(L, box->rt);
  if (t) t->woken = 0;
  return detach_more(L, LUA_OK, 0);
}

/* -------------------------------------------------------------------- settings -- */

static int apply(lua_State *L, conn_box *box, const lc_settings *settings, const char *operation)
{
  if (lc_conn_error(box->conn)) return conn_failure(L, box, lc_conn_error(box->conn), operation);
  int result = lc_conn_set_settings(box->conn, settings);
  if (result < 0) return conn_failure(L, box, result, operation);
  lua_pushboolean(L, 1);
  return 1;
}

static int conn_set_read_timeout(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  settings.read_timeout = optional_seconds(L, 2);
  return apply(L, box, &settings, "set_read_timeout");
}

static int conn_set_write_timeout(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  settings.write_timeout = optional_seconds(L, 2);
  return apply(L, box, &settings, "set_write_timeout");
}

static int conn_set_deadline(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_conn_set_deadline(box->conn, optional_seconds(L, 2));
  lua_pushboolean(L, 1);
  return 1;
}

static int conn_set_linger(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  luaL_checkany(L, 2);
  linger_argument(L, box, 2, &settings.linger);
  return apply(L, box, &settings, "set_linger");
}

static int conn_set_keepalive(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  if (!lua_isboolean(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  if (lua_isboolean(L, 2) && lua_toboolean(L, 2))
    return luaL_argerror(L, 2, "false, or a table {idle=, interval=, count=}");
  lua_settop(L, 2);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 2);
  lua_setfield(L, 3, "keepalive");
  option_keepalive(L, 3, &settings.keepalive);
  settings.user_timeout = lc_keepalive_user_timeout(&settings.keepalive);
  return apply(L, box, &settings, "set_keepalive");
}

static int conn_set_nodelay(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_settings settings = *lc_conn_settings(box->conn);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  settings.nodelay = lua_toboolean(L, 2);
  return apply(L, box, &settings, "set_nodelay");
}

static int conn_set_farewell(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  size_t length;
  const char *text = luaL_optlstring(L, 2, "", &length);
  if (lc_conn_set_farewell(box->conn, text, length) < 0)
    return luaL_error(L, "not enough memory for the farewell");
  box->has_farewell = 1;
  lua_pushboolean(L, 1);
  return 1;
}

void conn_open_closing(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"close", conn_close},
                                     {"abort", conn_abort},
                                     {"shutdown", conn_shutdown},
                                     {"detach", conn_detach},
                                     {"set_read_timeout", conn_set_read_timeout},
                                     {"set_write_timeout", conn_set_write_timeout},
                                     {"set_deadline", conn_set_deadline},
                                     {"set_linger", conn_set_linger},
                                     {"set_keepalive", conn_set_keepalive},
                                     {"set_nodelay", conn_set_nodelay},
                                     {"set_farewell", conn_set_farewell},
                                     {NULL, NULL}};
  register_functions(L, rt, methods);
  luaL_newmetatable(L, "lastcall.ticket");
  lua_newtable(L);
  lua_pushcfunction(L, ticket_done);
  lua_setfield(L, -2, "done");
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, ticket_done);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, ticket_done);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, conn_close_variable);
  lua_setfield(L, -3, "__close"); /* of the metatable below the methods */
}
