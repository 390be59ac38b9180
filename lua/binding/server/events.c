/* server/events.c - turns events of the core into tasks, wake-ups and callbacks of the script. */
#include "server/events.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <string.h>

#include "conn/events.h"
#include "conn/keeping.h"
#include "conn/staying.h"
#include "conn/words.h"
#include "runtime/callbacks.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "server/box.h"
#include "server/by_hand.h"
#include "server/conns.h"
#include "server/http.h"
#include "server/late.h"
#include "server/methods.h"
#include "server/moves.h"
#include "server/steps.h"
#include "task/context.h"
#include "task/wait.h"
#include "task/walk.h"
#include "wait/selecting.h"

/* ---------------------------------------------------------------------- events -- */

/* The arguments of a protected call. */
typedef struct move {
  server_box *box;
  lc_conn *conn;
  lc_state from;
  lc_state to;
  const char *cause;
} move;

/* The slow way: the object must be made first, or nothing keeps it alive. */
static int queue_state(lua_State *L)
{
  move *m = lua_touserdata(L, 1);
  lua_settop(L, 0);
  runtime_push_anchored(L, m->box->rt, m->box->on_state);
  if (!server_push_conn(L, m->box, m->conn)) return 0;
  if (m->from == LC_STATES) lua_pushnil(L);
  else lua_pushstring(L, lc_state_name(m->from));
  lua_pushstring(L, lc_state_name(m->to));
  lua_pushstring(L, m->cause);
  runtime_callback(L, m->box->rt, 4);
  return 0;
}

static int is_told(const server_box *box, lc_state to)
{
  return box->on_state != LUA_NOREF && box->tells_into >> to & 1;
}

/* Apart, so that the usual way of a move needs no room for it. */
static __attribute__((noinline, cold)) void tell_slowly(server_box *box, lc_conn *conn,
                                                        lc_state from, lc_state to,
                                                        const char *cause)
{
  move m = {box, conn, from, to, cause};
  runtime_protect(box->rt, queue_state, &m);
}

static void on_state(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user)
{
  server_box *box = user;
  if (to >= LC_STATE_CLOSING && lc_server_is_leaving(box->server)) by_hand_changed(box);
  if (!is_told(box, to) || moves_tell(box, conn, from, to, cause)) return;
  tell_slowly(box, conn, from, to, cause);
}

void server_tell_new(lua_State *L, server_box *box, lc_conn *conn)
{
  if (!is_told(box, LC_STATE_NEW)) return;
  if (moves_tell(box, conn, LC_STATES, LC_STATE_NEW, "accept")) return;
  move m = {box, conn, LC_STATES, LC_STATE_NEW, "accept"};
  lua_pushcfunction(L, queue_state);
  lua_pushlightuserdata(L, &m);
  lua_call(L, 1, 0);
}

/* The box lies at the top. */
static void start_handler(lua_State *L, conn_box *conn)
{
  server_box *box = server_of(conn);
  conn->is_unstarted = 0; /* from now on the task keeps it anchored */
  if (!box->hides_conns) conn->is_seen = 1;
  runtime_push_anchored(L, box->rt, box->handler);
  lua_pushvalue(L, -2);
  if (box->gives_context) conn_push_context(L, conn);
  task *t =
    task_start(L, box->rt, &conn->as_owner, conn_own_context(conn), box->gives_context ? 2 : 1);
  t->is_handler = 1;
}

static int open_connection(lua_State *L)
{
  move *m = lua_touserdata(L, 1);
  conn_box *conn = conn_box_new(L, m->box->rt, m->conn, &m->box->as_base);
  conn->is_served = 1;
  conn_keep(L, conn);
  server_tell_new(L, m->box, m->conn);
  start_handler(L, conn);
  return 0;
}

/* If the start fails, the connection has no task and no way to get one. */
static void protect_start(move *m, lua_CFunction start)
{
  runtime_protect(m->box->rt, start, m);
  const conn_box *of = lc_conn_user(m->conn);
  if (!of || !of->tasks) lc_conn_abort(m->conn, "no memory for a handler");
}

/* A connection whose handler begins with the first byte stays in the core until then: it has no
 * coroutine, and an object only while the script uses it. Very many of them may never send a
 * byte. */
static void on_opened(lc_conn *conn, void *user)
{
  server_box *box = user;
  move m = {.box = box, .conn = conn};
  if (!box->starts_with_data) protect_start(&m, open_connection);
  else on_state(conn, LC_STATES, LC_STATE_NEW, "accept", box);
  tasks_wake(&box->waiters, 0);
}

static int start_late(lua_State *L)
{
  move *m = lua_touserdata(L, 1);
  if (lc_conn_user(m->conn)) {
    if (!server_push_conn(L, m->box, m->conn)) return 0;
  } else {
    server_make_conn(L, m->box, m->conn);
  }
  conn_keep_unstarted(L, -1); /* as its task would, which would have to find it first */
  start_handler(L, lc_conn_user(m->conn));
  return 0;
}

/* A connection that is busy has its object and a coroutine at hand: nothing has to be made. */
static int start_at_once(const server_box *box, lc_conn *conn)
{
  conn_box *of = lc_conn_user(conn);
  if (!of && box->hides_conns) of = conn_take_spare(box->rt, conn, &box->as_base);
  if (!of || of->anchor == LUA_NOREF || of->has_context || box->gives_context) return 0;
  task *t = task_start_anchored(box->rt, &of->as_owner, box->handler, of->anchor);
  if (!t) return 0;
  t->is_handler = 1;
  of->is_served = 1;
  of->is_unstarted = 0;
  if (!box->hides_conns) of->is_seen = 1;
  return 1;
}

/* For a connection whose handler begins with the first byte, or with a unit. The byte has come, or
 * will never come. A unit waits for the tasks of the one before it. */
static void on_first_byte(server_box *box, lc_conn *conn, int is_unit)
{
  move m = {.box = box, .conn = conn};
  conn_box *of = lc_conn_user(conn);
  if (is_unit && of && of->tasks) {
    of->unit_waits = 1;
    return;
  }
  int result = is_unit ? 0 : lc_conn_await(conn);
  if (result == LC_EOF || result == LC_TRUNCATED) lc_conn_finish(conn, "no data");
  else if (!result && !start_at_once(box, conn)) protect_start(&m, start_late);
  else if (result == -ENOMEM || result == -ENOBUFS) lc_conn_abort(conn, "no memory for a handler");
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  server_box *box = user;
  if (what & (LC_READABLE | LC_UNIT) && server_is_to_start(box, conn)) {
    on_first_byte(box, conn, what & LC_UNIT);
    what &= LC_FINISHED;
  }
  if (what && !conn_on_ready(conn, what) && what & LC_ENDED)
    conn_log_failure(box->rt, &box->as_base, conn);
}

static int note_undelivered(lua_State *L)
{
  const move *m = lua_touserdata(L, 1);
  stragglers_note_undelivered(L, &m->box->as_base, m->conn);
  return 0;
}

static void on_closed(lc_conn *conn, void *user)
{
  server_box *box = user;
  move m = {.box = box, .conn = conn};
  if (lc_conn_is_undelivered(conn)) runtime_protect(box->rt, note_undelivered, &m);
  late_note(box, conn);
  conn_on_closed(conn);
}

static int keep_object(lua_State *L)
{
  move *m = lua_touserdata(L, 1);
  if (server_push_conn(L, m->box, m->conn)) conn_keep_unstarted(L, -1);
  return 0;
}

/* Makes the object if the server has words for the connection. */
static void need_object(server_box *box, lc_conn *conn, int words)
{
  move m = {.box = box, .conn = conn};
  if (words != LUA_NOREF && server_is_to_start(box, conn))
    runtime_protect(box->rt, keep_object, &m);
}

static void on_departed(lc_server *server, void *user)
{
  server_box *box = user;
  (void)server;
  tasks_wake(&box->waiters, 0);
}

static void on_draining(lc_conn *conn, void *user)
{
  server_box *box = user;
  need_object(box, conn, box->farewell);
  conn_on_draining(conn);
}

static void on_heartbeat(lc_conn *conn, void *user)
{
  server_box *box = user;
  need_object(box, conn, box->beat);
  conn_on_heartbeat(conn, box->rt);
}

static void on_acceptable(lc_server *server, void *user)
{
  server_box *box = user;
  (void)server;
  tasks_wake(&box->acceptors, 0);
  /* No event of the listener's descriptor tells of these two. */
  if (!lc_server_is_listening(server) || lc_server_unclaimed(server)) select_look_again(box->rt);
  by_hand_changed(box);
}

void server_forget_functions(server_box *box)
{
  int *const anchors[] = {&box->handler, &box->told.on_error, &box->on_drain, &box->farewell,
                          &box->beat,    &box->told.log,      &box->on_state, &box->on_step};
  for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) {
    runtime_release(box->rt, *anchors[i]);
    *anchors[i] = LUA_NOREF;
  }
  http_services_forget(box);
}

static int forget_functions(lua_State *L)
{
  server_forget_functions(lua_touserdata(L, 1));
  return 0;
}

/* After the waiting calls, which may be calls of these functions. */
static void forget_functions_later(lua_State *L, const server_box *box)
{
  lua_pushcfunction(L, forget_functions);
  runtime_push_anchored(L, box->rt, box->anchor);
  runtime_callback(L, box->rt, 1);
}

static void on_done(lua_State *L, server_box *box)
{
  box->is_done = 1;
  task_walk_end(&box->walk);
  if (!box->is_by_hand) box->rt->servers->live--;
  context_end(L, box->ctx, LC_CANCELED, "server done");
  tasks_wake(&box->waiters, 0);
  tasks_wake(&box->end_waiters, 0);
  tasks_wake(&box->acceptors, 0);
}

typedef struct step_note {
  server_box *box;
  lc_step step;
} step_note;

static int take_step(lua_State *L)
{
  step_note *note = lua_touserdata(L, 1);
  server_box *box = note->box;
  if (note->step == LC_STEP_DRAIN) {
    context_drain(L, box->ctx);
  } else if (note->step == LC_STEP_DONE) {
    on_done(L, box);
  }
  by_hand_changed(box);
  if (box->on_step != LUA_NOREF && note->step != LC_STEP_SERVING) {
    runtime_push_anchored(L, box->rt, box->on_step);
    lua_pushstring(L, lc_step_name(note->step));
    runtime_push_anchored(L, box->rt, box->anchor);
    runtime_callback(L, box->rt, 2);
  }
  if (note->step == LC_STEP_DONE) forget_functions_later(L, box);
  return 0;
}

static void on_step(lc_server *server, lc_step step, void *user)
{
  server_box *box = user;
  (void)server;
  step_note note = {box, step};
  runtime_protect(box->rt, take_step, &note);
  if (step != LC_STEP_DONE) return;
  runtime_release(box->rt, box->anchor); /* from now on it lives as long as the script holds it */
  box->anchor = LUA_NOREF;
}

typedef struct notice_note {
  server_box *box;
  const lc_notice *notice;
} notice_note;

/* Sets the peer, and why it failed, in the table at the top. */
static void set_peer(lua_State *L, const lc_conn *conn)
{
  char text[LC_ADDRESS_TEXT_MAX];
  lua_pushstring(L, peer_text(conn, text, sizeof text));
  lua_setfield(L, -2, "peer");
  lua_pushstring(L, lc_conn_reason(conn));
  lua_setfield(L, -2, "reason");
}

static int log_notice(lua_State *L)
{
  notice_note *note = lua_touserdata(L, 1);
  const lc_notice *notice = note->notice;
  lua_settop(L, 0);
  int is_news = notice->conn || strstr(notice->event, "resumed");
  lua_pushstring(L, is_news ? "info" : "warning");
  lua_pushstring(L, notice->event);
  lua_createtable(L, 0, 3);
  if (notice->conn) set_peer(L, notice->conn);
  lua_pushstring(L, notice->address);
  lua_setfield(L, -2, "address");
  if (notice->code) {
    lua_pushstring(L, lc_code_name(notice->code));
    lua_setfield(L, -2, "cause");
  }
  if (notice->retry) {
    lua_pushnumber(L, lc_to_seconds(notice->retry));
    lua_setfield(L, -2, "retry");
  }
  if (notice->limit) {
    const struct {
      const char *name;
      uint32_t value;
    } numbers[] = {
      {"limit", notice->limit}, {"connections", notice->connections}, {"queue", notice->queue}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
      lua_pushinteger(L, numbers[i].value);
      lua_setfield(L, -2, numbers[i].name);
    }
  }
  report_log(L, note->box->rt, &note->box->told);
  return 0;
}

static void on_notice(lc_server *server, const lc_notice *notice, void *user)
{
  (void)server;
  notice_note note = {user, notice};
  runtime_protect(note.box->rt, log_notice, &note);
}

const lc_events SERVER_EVENTS = {.opened = on_opened,
                                 .ready = on_ready,
                                 .state = on_state,
                                 .draining = on_draining,
                                 .heartbeat = on_heartbeat,
                                 .closed = on_closed,
                                 .departed = on_departed,
                                 .acceptable = on_acceptable,
                                 .step = on_step,
                                 .reached = server_on_reached,
                                 .reached_all = server_on_reached_all,
                                 .notice = on_notice};

/* ----------------------------------------------------------- script functions -- */

static void replace_anchor(lua_State *L, runtime *rt, int *anchor, int index)
{
  runtime_release(rt, *anchor);
  *anchor = LUA_NOREF;
  if (lua_isnoneornil(L, index)) return;
  lua_pushvalue(L, index);
  *anchor = runtime_anchor(L, rt);
}

/* How many parameters a function has: arguments that it does not take need not be made. */
static int parameters_of(lua_State *L, int index)
{
  lua_Debug shape;
  if (!lua_isfunction(L, index)) return 0;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">u", &shape);
  return shape.isvararg ? INT_MAX : shape.nparams;
}

/* server_hand_to(server, handler, [options of HTTP, whether it takes a context]): from now on the
 * handler gets the server's connections, or, with the options, their requests. */
static int server_hand_to(lua_State *L)
{
  server_box *box = server_check(L, 1);
  check_type(L, 2, LUA_TFUNCTION);
  if (!lua_isnoneornil(L, 3)) server_speak_http(L, box, 3);
  replace_anchor(L, box->rt, &box->handler, 2);
  box->gives_context = lua_isnoneornil(L, 4) ? parameters_of(L, 2) > 1 : lua_toboolean(L, 4);
  lc_server_serve(box->server, 1);
  return 0;
}

/* on_state([fn, [state]...]): without states, fn is called for every move. */
static int server_on_state(lua_State *L)
{
  static const char *const states[] = {
    [LC_STATE_NEW] = "new",         [LC_STATE_ACTIVE] = "active", [LC_STATE_IDLE] = "idle",
    [LC_STATE_CLOSING] = "closing", [LC_STATE_CLOSED] = "closed", [LC_STATES] = NULL};
  server_box *box = server_check(L, 1);
  unsigned into = 0;
  if (!lua_isnoneornil(L, 2)) check_type(L, 2, LUA_TFUNCTION);
  for (int i = 3; i <= lua_gettop(L); i++) into |= 1u << check_choice(L, i, NULL, states);
  replace_anchor(L, box->rt, &box->on_state, 2);
  box->tells = parameters_of(L, 2);
  box->tells_into = into ? into : UINT_MAX;
  return 0;
}

static int server_on_step(lua_State *L)
{
  server_box *box = server_check(L, 1);
  if (!lua_isnoneornil(L, 2)) check_type(L, 2, LUA_TFUNCTION);
  replace_anchor(L, box->rt, &box->on_step, 2);
  return 0;
}

void server_open_events(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"on_state", server_on_state}, {"on_step", server_on_step}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"server_hand_to", server_hand_to}, {NULL, NULL}};
  server_register(L, rt, methods, functions);
}
