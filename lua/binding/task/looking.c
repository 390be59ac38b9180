/* task/looking.c - descriptions of tasks: short ones of all, full ones of some. */
#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "runtime/runtime.h"
#include "script/register.h"
#include "task/functions.h"
#include "task/handle.h"
#include "task/task.h"
#include "task/traceback.h"
#include "task/wait.h"

/* [0, +1 or 0] */
static int push_place(lua_State *L, const task *t)
{
  lua_Debug frame;
  if (!task_script_frame(L, t, &frame)) return 0;
  lua_pushfstring(L, "%s:%d", frame.short_src, frame.currentline);
  return 1;
}

/* Sets a task's owner: a connection by its id, a server as its object; the process is not set. */
static void describe_owner(lua_State *L, const task *t)
{
  const lc_conn *conn = owner_conn(t->by);
  const server_base *server = owner_server(t->by);
  if (conn) {
    lua_pushinteger(L, (lua_Integer)lc_conn_id(conn));
    lua_setfield(L, -2, "connection");
  }
  if (!server || server->anchor == LUA_NOREF) return;
  runtime_push_anchored(L, t->rt, server->anchor);
  lua_setfield(L, -2, "server");
}

/* Pushes {id, status, waits_for, connection, server}. */
static void describe(lua_State *L, const task *t)
{
  lua_createtable(L, 0, 10);
  lua_pushinteger(L, (lua_Integer)t->id);
  lua_setfield(L, -2, "id");
  lua_pushstring(L, task_status_name(t));
  lua_setfield(L, -2, "status");
  lua_pushstring(L, t->waits_for);
  lua_setfield(L, -2, "waits_for");
  describe_owner(L, t);
}

/* tasks(after, most): at most `most` unfinished tasks of any owner whose numbers are above `after`,
 * the oldest first; as above, with `at_rest` and `place`, the line of the script. */
static int core_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  uint64_t after = (uint64_t)lua_tointeger(L, 1);
  lua_Integer most = lua_tointeger(L, 2), count = 0;
  lua_newtable(L);
  for (lc_link *link = rt->tasks->all.next; link != &rt->tasks->all && count < most;
       link = link->next) {
    const task *t = LC_OWNER(link, task, in_tasks);
    if (t->id <= after) continue;
    describe(L, t);
    lua_pushboolean(L, task_is_at_rest(t));
    lua_setfield(L, -2, "at_rest");
    if (push_place(L, t)) lua_setfield(L, -2, "place");
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static int is_among(lua_State *L, int set, const task *t)
{
  int is = lua_rawgeti(L, set, (lua_Integer)t->id) != LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

/* describe_tasks(set): the unfinished tasks among those with these numbers, the oldest first; as
 * above, with `age`, `waited`, `traceback`, and `ours`. */
static int core_describe_tasks(lua_State *L)
{
  enum { COROUTINES = 5 };
  runtime *rt = runtime_upvalue(L);
  lua_Integer count = 0;
  lua_newtable(L);
  for (lc_link *link = rt->tasks->all.next; link != &rt->tasks->all; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (!is_among(L, 1, t)) continue;
    describe(L, t);
    lua_pushnumber(L, lc_to_seconds(lc_loop_now(rt->loop) - t->began));
    lua_setfield(L, -2, "age");
    task_push_traceback(L, t, COROUTINES);
    lua_setfield(L, -2, "traceback");
    lua_pushboolean(L, (int)t->is_system);
    lua_setfield(L, -2, "ours");
    if (t->waits_for) {
      lua_pushnumber(L, lc_to_seconds(lc_loop_now(rt->loop) - t->waits_since));
      lua_setfield(L, -2, "waited");
    }
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

void task_open_looking(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {
    {"tasks", core_tasks}, {"describe_tasks", core_describe_tasks}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
