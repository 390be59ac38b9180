/* stragglers.c - who was canceled or killed, and the line of script that held it.
 *
 * A server's table of stragglers is keyed by connection or task, so that one
 * that was canceled and later killed is listed once, with its last fate.
 */
#include "binding.h"

/* One whose task obeyed the cancel, and which then waited for its peer until the kill, is still told
 * with the line that held it before. Between the new record, at the top, and the one at `older`. */
static void keep_traceback(lua_State *L, int older)
{
  static const char *const names[] = {"traceback", "waits_for"};
  int is_held = lua_getfield(L, -1, names[0]) != LUA_TNIL;
  lua_pop(L, 1);
  if (is_held || !lua_istable(L, older)) return;
  for (int i = 0; i < 2; i++) {
    lua_getfield(L, older, names[i]);
    lua_setfield(L, -2, names[i]);
  }
}

static void add(lua_State *L, server_box *box, const char *key, const char *fate)
{
  lua_pushstring(L, fate);
  lua_setfield(L, -2, "fate");
  runtime_push_anchored(L, box->rt, box->stragglers);
  lua_getfield(L, -1, key);
  lua_pushvalue(L, -3);
  keep_traceback(L, lua_gettop(L) - 1);
  lua_setfield(L, -3, key);
  lua_pop(L, 3);
}

static void add_traceback(lua_State *L, task *t)
{
  if (!t) return;
  task_push_traceback(L, t);
  lua_setfield(L, -2, "traceback");
  lua_pushstring(L, t->waits_for);
  lua_setfield(L, -2, "waits_for");
}

static void add_conn(lua_State *L, server_box *box, lc_conn *conn, task *holder, const char *fate)
{
  const conn_box *of = lc_conn_user(conn);
  if (of && !holder) holder = of->reader ? of->reader : of->writer;
  if (!holder && lc_conn_state(conn) == LC_STATE_CLOSED) return;
  lua_createtable(L, 0, 12);
  conn_describe(L, conn);
  add_traceback(L, holder);
  const char *key = lua_pushfstring(L, "connection %I", (lua_Integer)lc_conn_id(conn));
  lua_insert(L, -2);
  add(L, box, key, fate);
  lua_pop(L, 1);
}

static void add_task(lua_State *L, server_box *box, task *t, const char *fate)
{
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, (lua_Integer)t->id);
  lua_setfield(L, -2, "task");
  lua_pushnumber(L, lc_to_seconds(lc_loop_now(t->rt->loop) - t->began));
  lua_setfield(L, -2, "age");
  add_traceback(L, t);
  const char *key = lua_pushfstring(L, "task %I", (lua_Integer)t->id);
  lua_insert(L, -2);
  add(L, box, key, fate);
  lua_pop(L, 1);
}

static task *holder_of(lua_State *L, int holders, const conn_box *of)
{
  lua_rawgetp(L, holders, of);
  task *holder = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return holder;
}

/* One walk over the tasks finds who holds which connection: the handler, else the oldest task. They go
 * into the table at `holders`, by the connection's box. */
static void find_holders(lua_State *L, server_box *box, int holders, const char *fate)
{
  runtime *rt = box->rt;
  for (lc_link *link = rt->tasks.next; link != &rt->tasks; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (server_of(task_owner(t)) != box) continue;
    if (t->owned_by == OWNER_SERVER) {
      add_task(L, box, t, fate);
      continue;
    }
    task *other = holder_of(L, holders, t->of.conn);
    if (!other || (t->is_handler && !other->is_handler)) {
      lua_pushlightuserdata(L, t);
      lua_rawsetp(L, holders, t->of.conn);
    } else {
      other = t;
    }
    if (other) add_task(L, box, other, fate);
  }
}

void stragglers_note(lua_State *L, server_box *box, const char *fate)
{
  int is_kill = fate[0] == 'k';
  lua_newtable(L);
  int holders = lua_gettop(L);
  find_holders(L, box, holders, fate);
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));) {
    const conn_box *of = lc_conn_user(conn);
    task *holder = of ? holder_of(L, holders, of) : NULL;
    int lingers = lc_conn_state(conn) >= LC_STATE_CLOSING && !holder;
    if (lingers && !is_kill) continue; /* nobody holds it but its peer, and it has time left */
    add_conn(L, box, conn, holder, fate);
    if (is_kill) lc_server_count_killed(box->server, conn);
    else lc_server_count_canceled(box->server, conn);
  }
  lua_pop(L, 1);
}

static task *first_task(const server_box *box)
{
  runtime *rt = box->rt;
  for (lc_link *link = rt->tasks.next; link != &rt->tasks; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (server_of(task_owner(t)) == box && t != rt->current) return t;
  }
  return NULL;
}

/* Resets every connection, so that no peer takes the end of a handler for the end of a reply, and
 * ends every task that belongs to the server or to one of them, those that a dying one starts too. */
void stragglers_kill(lua_State *L, server_box *box)
{
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));)
    lc_conn_abort(conn, "killed");
  for (task *t; (t = first_task(box));) task_kill(L, t);
}
