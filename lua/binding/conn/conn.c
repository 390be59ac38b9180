/* conn/conn.c - connections as Lua objects: their birth and end, and what events do to their tasks.
 *
 * A box is a full userdata around a counted lc_conn, which stays valid as long
 * as the box does. It is anchored while a handler serves it or tasks belong to
 * it; others (connect, accept) live as long as the script holds them, and one
 * that is collected while open is closed in the background and reported. One whose
 * handler has not begun (`start = "data"`) is made when the script is to see it, and
 * again after it was collected: so it is anchored as soon as something is kept with it.
 *
 * User value: the server, or, when more is to be kept with it, a table with CONN_SERVER and so on.
 */
#include "binding.h"

const char CONN_TYPE[] = "lastcall.connection";
static const owner_type CONN_OWNER;
static const char BOXES_KEY = 0; /* weak: boxes that nobody anchors, by address */

conn_box *conn_check(lua_State *L, int index)
{
  conn_box *box = luaL_testudata(L, index, CONN_TYPE);
  if (!box)
    raise_error(L, "expected a connection as self: call its methods with ':', as in conn:read()");
  runtime_check(L, box->conn ? box->rt : NULL);
  return box;
}

/* By what lies in it, which is several times faster than to look its metatable up by name: no other object
 * of this size has that address in this place. */
static conn_box *to_box(lua_State *L)
{
  conn_box *box = lua_touserdata(L, 1);
  return box && lua_rawlen(L, 1) == sizeof *box && box->type == &CONN_OWNER ? box : NULL;
}

conn_box *conn_self(lua_State *L)
{
  conn_box *box = to_box(L);
  return box && box->conn && box->rt->loop ? box : conn_check(L, 1);
}

/* ------------------------------------------------------------------- boxes -- */

static void push_boxes(lua_State *L)
{
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &BOXES_KEY) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &BOXES_KEY);
}

conn_box *conn_box_new(lua_State *L, runtime *rt, lc_conn *conn, server_base *server)
{
  conn_box *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (conn_box){.type = &CONN_OWNER, .rt = rt, .of_server = server, .anchor = LUA_NOREF};
  lc_list_init(&box->own_tasks);
  lc_list_init(&box->waiting);
  if (server) {
    runtime_push_anchored(L, rt, server->anchor);
    lua_setiuservalue(L, -2, 1);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, CONN_TYPE);
  lua_setmetatable(L, -2);
  box->conn = lc_conn_ref(conn);
  lc_conn_set_user(conn, box);
  return box;
}

void conn_keep_value(lua_State *L, int index, int key)
{
  index = lua_absindex(L, index);
  if (lua_getiuservalue(L, index, 1) != LUA_TTABLE) {
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

/* Findable without an anchor, until it is collected. */
static void remember(lua_State *L, conn_box *box, int index)
{
  index = lua_absindex(L, index);
  push_boxes(L);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, box);
  lua_pop(L, 1);
  box->is_findable = 1;
}

void conn_keep_weakly(lua_State *L, conn_box *box)
{
  remember(L, box, -1);
  if (box->rt->debug && !box->is_unstarted) conn_note_place(L);
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

int conn_push(lua_State *L, conn_box *box)
{
  if (box->anchor != LUA_NOREF) {
    runtime_push_anchored(L, box->rt, box->anchor);
    return 1;
  }
  if (!box->is_findable) return 0;
  push_boxes(L);
  int found = lua_rawgetp(L, -1, box) == LUA_TUSERDATA;
  lua_remove(L, -2);
  if (!found) lua_pop(L, 1);
  return found;
}

void conn_unanchor_when_over(conn_box *box)
{
  if (box->tasks || box->untold || box->is_detached || box->anchor == LUA_NOREF) return;
  if (lc_conn_state(box->conn) != LC_STATE_CLOSED && box->is_served) return;
  runtime_release(box->rt, box->anchor);
  box->anchor = LUA_NOREF;
}

/* ---------------------------------------------------------------- its context -- */

void conn_make_context(lua_State *L, int index, context *parent)
{
  conn_box *box = lua_touserdata(L, index);
  index = lua_absindex(L, index);
  context *ctx = context_new(L, box->rt, parent);
  lua_replace(L, -2);
  lua_pushvalue(L, -1);
  conn_keep_value(L, index, CONN_CONTEXT);
  context_adopt(L, ctx, &box->as_owner);
}

void conn_push_context(lua_State *L, conn_box *box)
{
  if (!box->has_context && !box->of_server) {
    lua_pushnil(L);
    return;
  }
  if (!conn_push(L, box)) raise_error(L, "lastcall: the context of a connection that is gone");
  if (box->has_context) {
    conn_kept_value(L, -1, CONN_CONTEXT);
  } else {
    conn_kept_value(L, -1, CONN_SERVER);
    lua_getiuservalue(L, -1, 1);
    lua_remove(L, -2);
    conn_make_context(L, -2, lua_touserdata(L, -1));
  }
  lua_remove(L, -2);
}

void conn_each_task(conn_box *box, void (*visit)(task *t, void *user), void *user)
{
  if (box->has_context) context_each_task(box->ctx, visit, user);
  for (lc_link *link = box->own_tasks.next; link != &box->own_tasks; link = link->next)
    visit(LC_OWNER(link, task, in_context), user);
}

context *conn_own_context(const conn_box *box) { return box->has_context ? box->ctx : NULL; }

/* Without one, those that would go by it are told. */
static void end_own_context(conn_box *box, const char *cause)
{
  if (box->has_context) {
    context_end(box->rt->L, box->ctx, LC_CANCELED, cause);
  } else if (!box->ended) {
    box->ended = LC_CANCELED;
    box->end_cause = cause;
    for (lc_link *link = box->own_tasks.next; link != &box->own_tasks; link = link->next)
      task_wake(LC_OWNER(link, task, in_context), LC_CANCELED);
  }
}

static void hold(lua_State *L, owner *by)
{
  conn_box *box = LC_OWNER(by, conn_box, as_owner);
  if (!box->tasks && box->anchor == LUA_NOREF && conn_push(L, box)) {
    conn_keep(L, box);
    lua_pop(L, 1);
  }
  box->tasks++;
  lc_conn_hold(box->conn);
}

static void release(owner *by)
{
  conn_box *box = LC_OWNER(by, conn_box, as_owner);
  box->tasks--;
  if (!box->tasks) end_own_context(box, "finished");
  lc_conn_release(box->conn);
  conn_unanchor_when_over(box);
}

static int push(lua_State *L, owner *by) { return conn_push(L, LC_OWNER(by, conn_box, as_owner)); }

static void push_context(lua_State *L, owner *by)
{
  conn_push_context(L, LC_OWNER(by, conn_box, as_owner));
}

static owner *heir(owner *by)
{
  const conn_box *box = LC_OWNER(by, conn_box, as_owner);
  if (box->tasks || lc_conn_state(box->conn) != LC_STATE_CLOSED) return by;
  return box->of_server ? box->of_server->type->heir(&box->of_server->as_owner) : NULL;
}

static const owner_type CONN_OWNER = {.push = push,
                                      .hold = hold,
                                      .release = release,
                                      .heir = heir,
                                      .push_context = push_context,
                                      .finished = conn_finished};

int conn_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  conn_box *box = to_box(L);
  lc_conn *conn = box ? box->conn : NULL;
  if (!conn) return 0;
  int is_open = box->rt->loop && !box->is_unstarted && lc_conn_state(conn) < LC_STATE_CLOSING;
  if (is_open && !box->is_socket) conn_leaked(L, box);
  if (lc_conn_user(conn) == box)
    lc_conn_set_user(conn, NULL); /* else another has been made since */
  if (box->has_context && box->rt->loop) {
    conn_kept_value(L, 1, CONN_CONTEXT);
    context_leave_conn(L, -1);
  }
  if (is_open) lc_conn_close(conn, LC_LINGER_BACKGROUND, box->is_socket ? "collected" : "leaked");
  box->conn = NULL;
  lc_conn_unref(conn);
  return 0;
}

/* ------------------------------------------------------------------ failures -- */

int conn_failure(lua_State *L, conn_box *box, int code, const char *operation)
{
  char text[LC_ADDRESS_TEXT_MAX];
  task *t = task_running(L, box->rt);
  if (t && code != LC_FULL) task_failed(t);
  return push_failure(L, code, peer_text(box->conn, text, sizeof text), operation);
}

static int failed_fairly(lua_State *L, int status, lua_KContext count)
{
  (void)L;
  (void)status;
  return (int)count;
}

int conn_fail_fairly(lua_State *L, conn_box *box, int code, const char *operation)
{
  task *t = task_running(L, box->rt);
  int count = conn_failure(L, box, code, operation);
  if (t && code != LC_FULL && task_is_spent(t)) return task_yield(L, t, count, failed_fairly);
  return count;
}

/* -------------------------------------------------------------------- events -- */

/* Its context ends with it. The tasks that wait on the connection itself come first: their next
 * attempt tells them why more exactly than `canceled` would. */
void conn_end_context(conn_box *box, const char *cause)
{
  if (lc_conn_error(box->conn) && !box->connecting) {
    if (box->reader) task_wake(box->reader, 0);
    if (box->writer) task_wake(box->writer, 0);
    conn_wake_writers(box, 0);
  }
  end_own_context(box, cause);
}

typedef struct failure {
  runtime *rt;
  const server_base *server;
  lc_conn *conn;
} failure;

static int log_failure(lua_State *L)
{
  const failure *f = lua_touserdata(L, 1);
  char text[LC_ADDRESS_TEXT_MAX];
  lua_settop(L, 0);
  lua_pushstring(L, lc_conn_was_at_rest(f->conn) ? "info" : "warning");
  lua_pushliteral(L, "connection failed");
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)lc_conn_id(f->conn));
  lua_setfield(L, -2, "id");
  lua_pushstring(L, peer_text(f->conn, text, sizeof text));
  lua_setfield(L, -2, "peer");
  lua_pushstring(L, lc_code_name(lc_conn_error(f->conn)));
  lua_setfield(L, -2, "cause");
  report_log(L, f->rt, f->server ? &f->server->told : NULL);
  return 0;
}

void conn_log_failure(runtime *rt, const server_base *server, lc_conn *conn)
{
  failure f = {rt, server, conn};
  if (lc_conn_error(conn) != LC_CLOSED) runtime_protect(rt, log_failure, &f);
}

static int note_tasks(lua_State *L)
{
  stragglers_note_conn(L, lua_touserdata(L, 1));
  return 0;
}

static void on_ended(conn_box *box)
{
  if (box->tasks && lc_conn_is_dismissed(box->conn)) runtime_protect(box->rt, note_tasks, box);
  int error = lc_conn_error(box->conn);
  if (box->connecting && box->writer) task_wake(box->writer, 0);
  if (error != LC_CLOSED && !box->logged && !box->connecting) {
    box->logged = 1;
    conn_log_failure(box->rt, box->of_server, box->conn);
  }
  conn_end_context(box, lc_code_name(error));
}

/* Whoever acts on an event keeps the box on the stack meanwhile: what is done about it may collect
 * garbage, and the script may hold it no longer. NULL when it is gone, or about to be. */
static conn_box *pin(lc_conn *conn)
{
  conn_box *box = lc_conn_user(conn);
  if (!box || !lua_checkstack(box->rt->L, LUA_MINSTACK)) return NULL;
  return conn_push(box->rt->L, box) ? box : NULL;
}

static void unpin(conn_box *box) { lua_pop(box->rt->L, 1); }

static void wake_those_who_wait(conn_box *box, unsigned what)
{
  if (what & LC_CONNECTED) box->connected = 1;
  if (box->reader) {
    if (what & LC_READABLE) task_wake(box->reader, 0);
    else if (what & LC_READ_TIMEOUT) task_wake(box->reader, LC_TIMEOUT);
  }
  if (box->writer) {
    if (what & (LC_WRITABLE | LC_CONNECTED)) task_wake(box->writer, 0);
    else if (what & LC_WRITE_TIMEOUT) task_wake(box->writer, LC_TIMEOUT);
  }
}

/* To wake a task allocates nothing, so most events need no pin. */
int conn_on_ready(lc_conn *conn, unsigned what)
{
  conn_box *box = lc_conn_user(conn);
  if (box && box->anchor != LUA_NOREF && !(what & (LC_ENDED | LC_FINISHED))) {
    wake_those_who_wait(box, what);
    return 1;
  }
  box = pin(conn);
  if (!box) return 0;
  wake_those_who_wait(box, what);
  if (what & LC_FINISHED) conn_on_finished(box);
  if (what & LC_ENDED) on_ended(box);
  unpin(box);
  return 1;
}

void conn_on_closed(lc_conn *conn)
{
  conn_box *box = pin(conn);
  if (!box) return;
  conn_end_context(box, "closed");
  tasks_wake(&box->waiting, 0);
  conn_unanchor_when_over(box);
  unpin(box);
}

static int dismiss_protected(lua_State *L)
{
  conn_box *box = pin(lua_touserdata(L, 1));
  if (!box) return 0;
  conn_dismiss(L, box, "drain");
  unpin(box);
  return 0;
}

/* Only its last words may be a script's. */
void conn_on_draining(lc_conn *conn)
{
  conn_box *box = lc_conn_user(conn);
  if (box) box->cut = LC_DRAINING;
  if (box && box->reader) task_wake(box->reader, LC_DRAINING);
  else if (box && !box->tasks && conn_has_farewell(box))
    runtime_protect_script(box->rt, dismiss_protected, conn);
  else if (!box || !box->tasks) lc_conn_dismiss(conn, "drain");
}

/* The ladder has reached cancel: whoever waits on it is told, whatever context the task goes by. */
void conn_cancel(lc_conn *conn)
{
  conn_box *box = pin(conn);
  if (!box) return;
  box->cut = LC_CANCELED;
  conn_end_context(box, "drain timeout");
  if (box->reader) task_wake(box->reader, LC_CANCELED);
  if (box->writer) task_wake(box->writer, LC_CANCELED);
  tasks_wake(&box->waiting, LC_CANCELED);
  unpin(box);
}
