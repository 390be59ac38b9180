/* server.c - servers as Lua objects: what the core tells them becomes tasks and callbacks.
 *
 * User value 1: the context, parent of its connections' contexts.
 */
#include <string.h>

#include "binding.h"

static const char SERVER_TYPE[] = "lastcall.server";

server_box *server_check(lua_State *L, int index)
{
  server_box *box = luaL_testudata(L, index, SERVER_TYPE);
  if (!box)
    luaL_error(L, "expected a server as self: call its methods with ':', as in server:shutdown()");
  return box;
}

static void wake_list(lc_link *tasks)
{
  while (!lc_list_is_empty(tasks)) task_wake(LC_OWNER(tasks->next, task, in_wait), 0);
}

void server_changed(server_box *box) { wake_list(&box->waiters); }

void server_log(lua_State *L, server_box *box, runtime *rt)
{
  if (!box || box->log == LUA_NOREF) {
    runtime_hook(L, rt, "log", 3);
    return;
  }
  runtime_push_anchored(L, rt, box->log);
  lua_insert(L, -4);
  runtime_callback(L, rt, 3);
}

/* ------------------------------------------------------------------ the events -- */

/* What a protected call needs to know. */
typedef struct move {
  server_box *box;
  lc_conn *conn;
  const char *from;
  const char *to;
  const char *cause;
} move;

static int queue_state(lua_State *L)
{
  move *m = lua_touserdata(L, 1);
  conn_box *conn = lc_conn_user(m->conn);
  lua_settop(L, 0);
  runtime_push_anchored(L, m->box->rt, m->box->on_state);
  if (!conn || !conn_push(L, conn)) return 0;
  lua_pushstring(L, m->from);
  lua_pushstring(L, m->to);
  lua_pushstring(L, m->cause);
  runtime_callback(L, m->box->rt, 4);
  return 0;
}

static void on_state(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user)
{
  server_box *box = user;
  if (to == LC_STATE_CLOSED && !lc_list_is_empty(&box->waiters)) server_changed(box);
  if (box->on_state == LUA_NOREF) return;
  move m = {box, conn, lc_state_name(from), lc_state_name(to), cause};
  runtime_protect(box->rt, queue_state, &m);
}

static int start_handler(lua_State *L)
{
  move *m = lua_touserdata(L, 1);
  server_box *box = m->box;
  lua_settop(L, 0);
  runtime_push_anchored(L, box->rt, box->handler);
  conn_box *conn = conn_box_new(L, box->rt, m->conn, box, box->ctx);
  conn->is_served = 1;
  conn_keep(L, conn);
  if (box->on_state != LUA_NOREF) {
    m->from = NULL;
    m->to = "new";
    m->cause = "accept";
    lua_pushcfunction(L, queue_state);
    lua_pushlightuserdata(L, m);
    lua_call(L, 1, 0);
  }
  lua_getiuservalue(L, 2, 2);
  task *t = task_start(L, box->rt, (owner){.kind = OWNER_CONN, .of.conn = conn}, conn->ctx, 2);
  t->is_handler = 1;
  return 0;
}

static void on_opened(lc_conn *conn, void *user)
{
  move m = {.box = user, .conn = conn};
  runtime_protect(m.box->rt, start_handler, &m);
  if (!lc_list_is_empty(&m.box->waiters)) server_changed(m.box);
  conn_box *box = lc_conn_user(conn);
  if (!box || !box->tasks) lc_conn_abort(conn, "no memory for a handler");
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)user;
  conn_on_ready(conn, what);
}

static void on_closed(lc_conn *conn, void *user)
{
  (void)user;
  conn_on_closed(conn);
}

static int dismiss_protected(lua_State *L)
{
  conn_on_draining(lua_touserdata(L, 1));
  return 0;
}

static void on_draining(lc_conn *conn, void *user)
{
  server_box *box = user;
  runtime_protect(box->rt, dismiss_protected, conn);
}

static void on_acceptable(lc_server *server, void *user)
{
  server_box *box = user;
  (void)server;
  wake_list(&box->acceptors);
}

static int start_goodbyes(lua_State *L)
{
  server_box *box = lua_touserdata(L, 1);
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));) {
    conn_box *of = lc_conn_user(conn);
    if (!of || lc_conn_state(conn) >= LC_STATE_CLOSING) continue;
    lua_settop(L, 0);
    runtime_push_anchored(L, box->rt, box->on_drain);
    if (conn_push(L, of))
      task_start(L, box->rt, (owner){.kind = OWNER_CONN, .of.conn = of}, of->ctx, 1);
  }
  return 0;
}

static void cancel_everything(lua_State *L, server_box *box)
{
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));) {
    conn_box *of = lc_conn_user(conn);
    if (of) conn_cancel(of);
    else lc_conn_finish(conn, "canceled");
  }
  context_end(L, box->ctx, LC_CANCELED, "drain timeout");
}

static void on_done(lua_State *L, server_box *box)
{
  box->is_done = 1;
  box->rt->live_servers--;
  context_end(L, box->ctx, LC_CANCELED, "server done");
  wake_list(&box->waiters);
  wake_list(&box->acceptors);
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
    if (box->on_drain != LUA_NOREF) {
      lua_pushcfunction(L, start_goodbyes);
      lua_pushlightuserdata(L, box);
      lua_call(L, 1, 0);
    }
  } else if (note->step == LC_STEP_CANCEL) {
    stragglers_note(L, box, "canceled");
    cancel_everything(L, box);
  } else if (note->step == LC_STEP_KILL) {
    stragglers_note(L, box, "killed");
    stragglers_kill(L, box);
  } else if (note->step == LC_STEP_DONE) {
    on_done(L, box);
  }
  if (box->on_step == LUA_NOREF || note->step == LC_STEP_SERVING) return 0;
  runtime_push_anchored(L, box->rt, box->on_step);
  lua_pushstring(L, lc_step_name(note->step));
  runtime_push_anchored(L, box->rt, box->anchor);
  runtime_callback(L, box->rt, 2);
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

static int log_notice(lua_State *L)
{
  notice_note *note = lua_touserdata(L, 1);
  const lc_notice *notice = note->notice;
  lua_settop(L, 0);
  lua_pushstring(L, strstr(notice->event, "resumed") ? "info" : "warning");
  lua_pushstring(L, notice->event);
  lua_createtable(L, 0, 3);
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
  server_log(L, note->box, note->box->rt);
  return 0;
}

static void on_notice(lc_server *server, const lc_notice *notice, void *user)
{
  (void)server;
  notice_note note = {user, notice};
  runtime_protect(note.box->rt, log_notice, &note);
}

static const lc_events EVENTS = {.opened = on_opened,
                                 .ready = on_ready,
                                 .state = on_state,
                                 .draining = on_draining,
                                 .closed = on_closed,
                                 .acceptable = on_acceptable,
                                 .step = on_step,
                                 .notice = on_notice};

/* --------------------------------------------------------------------- birth -- */

static int anchor_field(lua_State *L, runtime *rt, int index, const char *name)
{
  if (lua_getfield(L, index, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return LUA_NOREF;
  }
  return runtime_anchor(L, rt);
}

/* new_server(options): nothing listens yet. */
static int core_new_server(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lc_server_options options;
  lc_server_options_init(&options);
  option_settings(L, 1, &options.settings);
  option_drain(L, 1, &options.drain);
  options.max_connections = (uint32_t)option_integer(L, 1, "max_connections", 0);

  server_box *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (server_box){.rt = rt, .anchor = LUA_NOREF, .handler = LUA_NOREF, .is_done = 1};
  lc_list_init(&box->acceptors);
  lc_list_init(&box->waiters);
  luaL_setmetatable(L, SERVER_TYPE);
  runtime_push_anchored(L, rt, rt->process_anchor);
  box->ctx = context_new(L, rt, rt->process);
  context_hold_object(L, -1);
  lua_setiuservalue(L, 2, 1);
  lua_settop(L, 2);
  int error;
  box->server = lc_server_new(rt->loop, &options, &EVENTS, box, &error);
  if (!box->server) return luaL_error(L, "not enough memory for a server");
  lc_server_serve(box->server, 0);
  lua_pushvalue(L, 2);
  box->anchor = runtime_anchor(L, rt);
  box->on_error = anchor_field(L, rt, 1, "on_error");
  box->on_drain = anchor_field(L, rt, 1, "on_drain");
  box->farewell = anchor_field(L, rt, 1, "farewell");
  box->log = anchor_field(L, rt, 1, "log");
  box->on_state = box->on_step = LUA_NOREF;
  lua_newtable(L);
  box->stragglers = runtime_anchor(L, rt);
  box->is_done = 0;
  rt->live_servers++;
  return 1;
}

static int server_collect(lua_State *L)
{
  server_box *box = luaL_checkudata(L, 1, SERVER_TYPE);
  runtime *rt = box->rt;
  if (!rt->loop || !box->server) return 0;
  const int anchors[] = {box->handler, box->on_error, box->on_drain, box->farewell,
                         box->log,     box->on_state, box->on_step,  box->stragglers};
  for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) runtime_release(rt, anchors[i]);
  context_unhold(box->ctx);
  lc_server_free(box->server);
  box->server = NULL;
  return 0;
}

/* ------------------------------------------------------------------- listening -- */

typedef struct control_call {
  lua_State *L;
  int function;
  int failed;
} control_call;

/* The script's function sees the socket before bind; what it raises ends the listen. */
static int call_control(int fd, void *user)
{
  control_call *call = user;
  lua_State *L = call->L;
  lua_pushvalue(L, call->function);
  lua_pushinteger(L, fd);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return 0;
  call->failed = 1;
  return LC_CANCELED;
}

/* listen(numeric address or descriptor, options) -> true, or nil, code, message. */
static int server_listen(lua_State *L)
{
  server_box *box = server_check(L, 1);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  lc_listen_options options;
  lc_address address;
  option_listen(L, 3, &options);
  control_call call = {L, 4, 0};
  if (lua_getfield(L, 3, "control") == LUA_TFUNCTION) {
    options.control = call_control;
    options.user = &call;
  }
  int result;
  if (lua_isinteger(L, 2)) {
    result = lc_server_listen_fd(box->server, (int)lua_tointeger(L, 2), &options);
  } else {
    check_numeric(L, 2, &address);
    result = lc_server_listen(box->server, &address, &options);
    if ((result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL) &&
        address.of.any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&address.of.in6.sin6_addr)) {
      /* No IPv6 on this machine: every interface means every IPv4 one. */
      uint16_t port = address.of.in6.sin6_port;
      address = (lc_address){.length = sizeof address.of.in};
      address.of.in.sin_family = AF_INET;
      address.of.in.sin_port = port;
      result = lc_server_listen(box->server, &address, &options);
    }
  }
  if (call.failed) return lua_error(L);
  if (result < 0) {
    luaL_tolstring(L, 2, NULL);
    return push_failure(L, result, lua_tostring(L, -1), "listen");
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int server_unlisten(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_address address;
  if (lua_isnoneornil(L, 2)) {
    lua_pushinteger(L, lc_server_unlisten(box->server, NULL));
  } else {
    check_numeric(L, 2, &address);
    lua_pushinteger(L, lc_server_unlisten(box->server, &address));
  }
  return 1;
}

static int server_addresses(lua_State *L)
{
  server_box *box = server_check(L, 1);
  char text[LC_ADDRESS_TEXT_MAX];
  lc_address address;
  lua_newtable(L);
  for (unsigned i = 0; lc_server_address(box->server, i, &address) == 0; i++) {
    lua_pushstring(L, lc_address_format(&address, text, sizeof text));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int server_suspend(lua_State *L)
{
  lc_server_suspend(server_check(L, 1)->server);
  lua_pushboolean(L, 1);
  return 1;
}

static int server_resume(lua_State *L)
{
  lc_server_resume(server_check(L, 1)->server);
  lua_pushboolean(L, 1);
  return 1;
}

/* --------------------------------------------------------------------- serving -- */

static void replace_anchor(lua_State *L, runtime *rt, int *anchor, int index)
{
  runtime_release(rt, *anchor);
  *anchor = LUA_NOREF;
  if (lua_isnoneornil(L, index)) return;
  lua_pushvalue(L, index);
  *anchor = runtime_anchor(L, rt);
}

static int server_set_handler(lua_State *L)
{
  server_box *box = server_check(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  replace_anchor(L, box->rt, &box->handler, 2);
  lc_server_serve(box->server, 1);
  return 0;
}

static int server_on_state(lua_State *L)
{
  server_box *box = server_check(L, 1);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  replace_anchor(L, box->rt, &box->on_state, 2);
  return 0;
}

static int server_on_step(lua_State *L)
{
  server_box *box = server_check(L, 1);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  replace_anchor(L, box->rt, &box->on_step, 2);
  return 0;
}

static int accept_more(lua_State *L, int status, lua_KContext kept)
{
  server_box *box = server_check(L, 1);
  task *t = box->rt->current;
  lc_conn *conn;
  (void)status;
  int result = t->woken;
  t->woken = 0;
  if (!result) result = lc_server_accept(box->server, &conn);
  if (!result) {
    conn_box *made = conn_box_new(L, box->rt, conn, box, box->ctx);
    conn_keep_weakly(L, made);
    if (box->on_state != LUA_NOREF) {
      move m = {box, conn, NULL, "new", "accept"};
      lua_pushcfunction(L, queue_state);
      lua_pushlightuserdata(L, &m);
      lua_call(L, 1, 0);
    }
    return 1;
  }
  if (result == LC_AGAIN) {
    result = task_ended(t);
    if (!result) {
      lc_list_append(&box->acceptors, &t->in_wait);
      if (kept) task_alarm(t, (lc_time)kept);
      return task_suspend(L, t, "accept", box, NULL, kept, accept_more);
    }
  }
  task_failed(t);
  return push_failure(L, result, NULL, "accept");
}

static int server_accept(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_time seconds = optional_seconds(L, 2);
  if (box->handler != LUA_NOREF)
    return luaL_error(
      L, "server:accept: this server hands its connections to the handler given to serve");
  task *t = task_current(L, box->rt, "server:accept");
  lc_time at = lc_time_add(lc_loop_clock(box->rt->loop), seconds);
  lua_settop(L, 1);
  t->woken = 0;
  lua_KContext deadline = at == LC_NEVER ? 0 : (lua_KContext)at;
  if (task_is_spent(t)) return task_yield(L, t, deadline, accept_more);
  return accept_more(L, LUA_OK, deadline);
}

/* -------------------------------------------------------------------- waiting -- */

/* True after something has changed (or at once when done), else nil, code, message. */
static int changed(lua_State *L, int status, lua_KContext kept)
{
  server_box *box = server_check(L, 1);
  task *t = box->rt->current;
  (void)status;
  (void)kept;
  if (!t->woken || box->is_done) {
    lua_pushboolean(L, 1);
    return 1;
  }
  return push_failure(L, t->woken, NULL, "wait");
}

/* wait_change([seconds], [unended]): for serve and wait, which outlast their context. */
static int server_wait_change(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_time seconds = optional_seconds(L, 2);
  int outlasts = lua_toboolean(L, 3);
  task *t = task_current(L, box->rt, "waiting for a server");
  if (server_of(t->owned_by) == box)
    return luaL_error(
      L, "a task of a server cannot wait for that server's end: it would wait for itself");
  lua_settop(L, 1);
  t->woken = 0;
  if (box->is_done) return changed(L, LUA_OK, 0);
  if (task_ended(t) && (!outlasts || t->killing))
    return push_failure(L, task_ended(t), NULL, "wait");
  lc_list_append(&box->waiters, &t->in_wait);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(box->rt->loop), seconds));
  return task_suspend(L, t, "server:wait", box, NULL, 0, changed);
}

/* ------------------------------------------------------------------- the ladder -- */

static int server_shutdown(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lc_time seconds = optional_seconds(L, 2);
  const lc_drain_options *drain = &lc_server_options_get(box->server)->drain;
  if (seconds == LC_NEVER) seconds = drain->timeout;
  luaL_argcheck(L, seconds >= 0, 2, "seconds from now, not negative");
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

static int server_step(lua_State *L)
{
  lua_pushstring(L, lc_step_name(lc_server_step(server_check(L, 1)->server)));
  return 1;
}

static int server_go(lua_State *L)
{
  server_box *box = server_check(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  if (box->is_done) return luaL_error(L, "server:go: this server has ended");
  lua_remove(L, 1);
  return task_go(L, box->rt, (owner){.kind = OWNER_SERVER, .of.server = box}, box->ctx);
}

/* --------------------------------------------------------------------- looking -- */

static int state_argument(lua_State *L, int index)
{
  static const char *const names[] = {"new", "active", "idle", "closing", "closed", NULL};
  return lua_isnoneornil(L, index) ? LC_STATES : luaL_checkoption(L, index, NULL, names);
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
  lua_Integer id = luaL_checkinteger(L, 2);
  lc_conn *conn = lc_server_find(box->server, (uint64_t)id);
  conn_box *found = conn ? lc_conn_user(conn) : NULL;
  if (!found || !conn_push(L, found)) lua_pushnil(L);
  return 1;
}

/* all([state]) -> an array of connections: a walk that a script may interrupt or disturb. */
static int server_all(lua_State *L)
{
  server_box *box = server_check(L, 1);
  int state = state_argument(L, 2);
  lua_Integer count = 0;
  lua_newtable(L);
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));) {
    conn_box *of = lc_conn_user(conn);
    if (!of || (state != LC_STATES && (int)lc_conn_state(conn) != state)) continue;
    if (conn_push(L, of)) lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static int server_connections(lua_State *L)
{
  server_box *box = server_check(L, 1);
  lua_Integer count = 0;
  lua_newtable(L);
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));) {
    lua_createtable(L, 0, 10);
    conn_describe(L, conn);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

void server_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"listen_numeric", server_listen},
                                     {"unlisten_numeric", server_unlisten},
                                     {"addresses", server_addresses},
                                     {"suspend", server_suspend},
                                     {"resume", server_resume},
                                     {"set_handler", server_set_handler},
                                     {"on_state", server_on_state},
                                     {"on_step", server_on_step},
                                     {"accept", server_accept},
                                     {"wait_change", server_wait_change},
                                     {"shutdown", server_shutdown},
                                     {"close", server_close},
                                     {"step", server_step},
                                     {"go", server_go},
                                     {"count", server_count},
                                     {"get", server_get},
                                     {"all", server_all},
                                     {"connections", server_connections},
                                     {"facts", server_facts},
                                     {NULL, NULL}};
  lua_pushlightuserdata(L, rt);
  lua_pushcclosure(L, core_new_server, 1);
  lua_setfield(L, -2, "new_server");
  luaL_newmetatable(L, SERVER_TYPE);
  lua_newtable(L);
  register_functions(L, rt, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "server_methods");
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, server_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
