/* task.c - coroutines with an owner and a context, resumed by the loop.
 *
 *   ready ----> running ----> waiting ----> ready ... ----> finished
 *     ^            |             |
 *     `-- yielded -'             `--- killed: its coroutine is closed, <close> variables run
 *
 * A task waits for exactly one thing; waking it, whatever by, first makes that
 * thing forget it (`unwait`), so no wake-up comes twice and none is left behind.
 * The body runs under lua_pcallk: a traceback can be taken where an error was
 * raised, and an error thrown into the coroutine by force is caught in it.
 */
#include <stdlib.h>

#include "binding.h"

#define TASK_TYPE "lastcall.task"

/* What the script holds. User value 1: the results in a table, or {error, traceback}. */
typedef struct task_handle {
  task *task; /* NULL once finished */
  runtime *rt;
  lc_link waiters;
  int failed;
} task_handle;

/* ------------------------------------------------------------------ owners -- */

void owner_hold(lua_State *L, owner by)
{
  if (by.kind == OWNER_CONN) conn_hold(L, by.of.conn);
  if (by.kind == OWNER_SERVER && by.of.server->server) lc_server_hold(by.of.server->server);
}

void owner_release(owner by)
{
  if (by.kind == OWNER_CONN) conn_release(by.of.conn);
  if (by.kind == OWNER_SERVER && by.of.server->server) lc_server_release(by.of.server->server);
}

owner owner_current(runtime *rt)
{
  return rt->current ? rt->current->owned_by : (owner){.kind = OWNER_PROCESS};
}

/* ------------------------------------------------------------------- waking -- */

static void task_due(lc_timer *timer, lc_time now)
{
  (void)now;
  task_wake(LC_OWNER(timer, task, timer), LC_TIMEOUT);
}

void task_alarm(task *t, lc_time at) { lc_timer_set(t->rt->loop, &t->timer, at); }

static void stop_waiting(task *t)
{
  void (*unwait)(task *) = t->unwait;
  t->unwait = NULL;
  t->waits_for = NULL;
  lc_list_remove(&t->in_wait);
  lc_timer_clear(t->rt->loop, &t->timer);
  if (unwait) unwait(t);
}

void task_wake(task *t, int code)
{
  if (!t->waits_for) return;
  t->woken = code;
  stop_waiting(t);
  lc_list_append(&t->rt->ready, &t->in_ready);
  if (!t->rt->running_turn) lc_loop_wake(t->rt->loop);
}

void tasks_wake(lc_link *waiting, int code)
{
  while (!lc_list_is_empty(waiting)) task_wake(LC_OWNER(waiting->next, task, in_wait), code);
}

int task_ended(const task *t)
{
  if (t->killing || t->canceled) return LC_CANCELED;
  return t->ctx->ended;
}

int task_suspend(lua_State *L, task *t, const char *waits_for, void *object,
                 void (*unwait)(task *t), lua_KContext kept, lua_KFunction again)
{
  t->waits_for = waits_for;
  t->wait_object = object;
  t->unwait = unwait;
  t->waits_since = lc_loop_now(t->rt->loop);
  t->woken = 0;
  return lua_yieldk(L, 0, kept, again);
}

int task_is_spent(task *t)
{
  if (t->killing) return 0; /* it cannot yield, and it has little left to do */
  return --t->operations <= 0 || t->bytes <= 0;
}

int task_yield(lua_State *L, task *t, lua_KContext kept, lua_KFunction again)
{
  lc_list_append(&t->rt->ready, &t->in_ready);
  return lua_yieldk(L, 0, kept, again);
}

void task_failed(task *t)
{
  if (++t->failures >= 2) t->operations = 0; /* its next operation lets the others run first */
}

/* ------------------------------------------------------------------- running -- */

task *task_running(lua_State *L, const runtime *rt)
{
  return rt->current && rt->current->co == L ? rt->current : NULL;
}

task *task_current(lua_State *L, runtime *rt, const char *what)
{
  task *t = rt->current;
  if (!t) {
    luaL_error(L,
               "%s waits, and only a task can wait: call it inside lastcall.run, lastcall.serve, "
               "a handler, or a function given to lastcall.go",
               what);
    return NULL;
  }
  if (t->co != L)
    luaL_error(L,
               "%s cannot wait inside a coroutine of the script's own: call it from the task "
               "itself, or give the work to lastcall.go",
               what);
  if (!t->killing && !lua_isyieldable(L))
    luaL_error(L,
               "%s cannot wait here: a C function that cannot be suspended (table.sort, "
               "string.gsub, ...) called this one",
               what);
  return t;
}

static int describe_error(lua_State *L)
{
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  luaL_traceback(L, L, NULL, 1);
  lua_rawseti(L, -2, 2);
  return 1;
}

/* Stack: message handler, results. */
static int body_done(lua_State *L, int status, lua_KContext kept)
{
  task *t = (task *)kept;
  t->failed = status != LUA_OK && status != LUA_YIELD;
  return lua_gettop(L) - 1;
}

/* Called with a function and its arguments. */
static int body(lua_State *L)
{
  runtime *rt = runtime_get(L);
  lua_KContext kept = (lua_KContext)rt->current;
  lua_pushcfunction(L, describe_error);
  lua_insert(L, 1);
  return body_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, kept, body_done), kept);
}

static task *task_take(lua_State *L, runtime *rt)
{
  task *t = rt->pool;
  if (t) {
    rt->pool = t->next_pooled;
    rt->pooled--;
    return t;
  }
  t = calloc(1, sizeof *t);
  if (!t || lc_timer_open(rt->loop, &t->timer, task_due) < 0) {
    free(t);
    luaL_error(L, "not enough memory for a task");
    return NULL;
  }
  t->rt = rt;
  t->handle = t->anchor = LUA_NOREF;
  lc_list_init(&t->in_ready);
  lc_list_init(&t->in_tasks);
  lc_list_init(&t->in_context);
  lc_list_init(&t->in_wait);
  t->co = lua_newthread(L);
  t->anchor = runtime_anchor(L, rt);
  return t;
}

task *task_start(lua_State *L, runtime *rt, owner by, context *ctx, int count)
{
  task *t = task_take(L, rt);
  lua_State *co = t->co;
  luaL_checkstack(co, count + 3, NULL);
  context_hold(L, ctx);
  owner_hold(L, by);
  t->owned_by = by;
  t->ctx = ctx;
  t->id = ++rt->last_task_id;
  t->began = lc_loop_now(rt->loop);
  t->is_handler = t->is_system = t->doomed = t->killing = t->canceled = t->failed = 0;
  t->failures = 0;
  lua_pushcfunction(co, body);
  lua_xmove(L, co, count + 1);
  t->arguments = (unsigned)count + 1;
  lc_list_append(&ctx->tasks, &t->in_context);
  lc_list_append(&rt->tasks, &t->in_tasks);
  lc_list_append(&rt->ready, &t->in_ready);
  if (by.kind == OWNER_PROCESS) rt->process_tasks++;
  if (!rt->running_turn) lc_loop_wake(rt->loop);
  return t;
}

/* ------------------------------------------------------------------- finishing -- */

server_box *server_of(owner by)
{
  if (by.kind == OWNER_SERVER) return by.of.server;
  return by.kind == OWNER_CONN ? by.of.conn->server : NULL;
}

/* The error table lies at the top of L; pops it. */
static void report_error(lua_State *L, task *t)
{
  server_box *server = server_of(t->owned_by);
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  lua_remove(L, -3);
  if (t->owned_by.kind != OWNER_CONN || !conn_push(L, t->owned_by.of.conn)) lua_pushnil(L);
  if (!server || server->on_error == LUA_NOREF) {
    runtime_hook(L, t->rt, "on_error", 3);
    return;
  }
  runtime_push_anchored(L, t->rt, server->on_error);
  lua_insert(L, -4);
  runtime_callback(L, t->rt, 3);
}

static int deliver(lua_State *L)
{
  task *t = lua_touserdata(L, 1);
  int count = t->result_count, waited = 0;
  luaL_checkstack(L, count + 8, NULL);
  lua_xmove(t->co, L, count);
  if (t->failed) lua_settop(L, 2);
  if (t->handle != LUA_NOREF) {
    runtime_push_anchored(L, t->rt, t->handle);
    task_handle *handle = lua_touserdata(L, -1);
    waited = !lc_list_is_empty(&handle->waiters);
    handle->failed = t->failed;
    if (t->failed) {
      lua_pushvalue(L, 2);
    } else {
      lua_createtable(L, count, 1);
      for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i + 1);
        lua_rawseti(L, -2, i);
      }
      lua_pushinteger(L, count);
      lua_setfield(L, -2, "n");
    }
    lua_setiuservalue(L, -2, 1);
    handle->task = NULL;
    tasks_wake(&handle->waiters, 0);
    lua_pop(L, 1);
  }
  if (t->failed && !waited) {
    lua_settop(L, 2);
    report_error(L, t);
  }
  return 0;
}

static void task_free(task *t)
{
  lc_timer_close(t->rt->loop, &t->timer);
  free(t);
}

void task_pool_free(runtime *rt)
{
  for (task *t = rt->pool, *next; t; t = next) {
    next = t->next_pooled;
    task_free(t);
  }
  rt->pool = NULL;
  while (!lc_list_is_empty(&rt->tasks)) {
    task *t = LC_OWNER(rt->tasks.next, task, in_tasks);
    lc_list_remove(&t->in_tasks);
    lc_list_remove(&t->in_context);
    lc_list_remove(&t->in_wait);
    task_free(t);
  }
}

static int end_handler(lua_State *L)
{
  task *t = lua_touserdata(L, 1);
  conn_handler_ended(L, t->owned_by.of.conn);
  return 0;
}

/* It has returned, failed, or been killed. */
static void task_finish(task *t, int reusable)
{
  runtime *rt = t->rt;
  runtime_protect(rt, deliver, t);
  lc_list_remove(&t->in_ready);
  lc_list_remove(&t->in_tasks);
  lc_list_remove(&t->in_context);
  if (t->is_system) rt->system_tasks--;
  else if (t->owned_by.kind == OWNER_PROCESS && !--rt->process_tasks)
    tasks_wake(&rt->process_waiters, 0);
  if (t->is_handler) runtime_protect(rt, end_handler, t);
  context_unhold(t->ctx);
  owner_release(t->owned_by);
  runtime_release(rt, t->handle);
  t->handle = LUA_NOREF;
  lua_settop(t->co, 0);
  if (reusable && rt->pooled < TASKS_POOLED) {
    t->next_pooled = rt->pool;
    rt->pool = t;
    rt->pooled++;
    return;
  }
  runtime_release(rt, t->anchor);
  task_free(t);
}

static void task_resume(runtime *rt, task *t)
{
  int count = 0, arguments = (int)t->arguments;
  t->arguments = 0;
  t->operations = TASK_OPERATIONS;
  t->bytes = TASK_BYTES;
  rt->current = t;
  int status = lua_resume(t->co, rt->L, arguments, &count);
  rt->current = NULL;
  lc_loop_flush(rt->loop);
  if (status == LUA_YIELD) {
    lua_pop(t->co, count);
    if (t->doomed) task_kill(rt->L, t);
    else if (!t->waits_for && lc_list_is_empty(&t->in_ready))
      lc_list_append(&rt->ready, &t->in_ready); /* the script called coroutine.yield: be polite */
    return;
  }
  t->result_count = count;
  if (status != LUA_OK) { /* only for lack of memory: the body catches the rest */
    t->failed = 1;
    t->result_count = 1;
    lua_createtable(t->co, 1, 0);
    lua_insert(t->co, -2);
    lua_rawseti(t->co, -2, 1);
  }
  task_finish(t, status == LUA_OK);
}

int task_run_ready(runtime *rt)
{
  rt->running_turn = 1;
  for (int i = 0; i < TASKS_PER_TURN && !lc_list_is_empty(&rt->ready); i++) {
    task *t = LC_OWNER(rt->ready.next, task, in_ready);
    lc_list_remove(&t->in_ready);
    task_resume(rt, t);
  }
  rt->running_turn = 0;
  return !lc_list_is_empty(&rt->ready);
}

static int close_coroutine(lua_State *co, lua_State *from)
{
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, from);
#else
  (void)from;
  return lua_resetthread(co);
#endif
}

void task_kill(lua_State *L, task *t)
{
  runtime *rt = t->rt;
  if (t == rt->current) { /* a running coroutine cannot be closed */
    t->doomed = 1;
    return;
  }
  t->woken = LC_CANCELED;
  if (t->waits_for) stop_waiting(t);
  lc_list_remove(&t->in_ready);
  task *before = rt->current;
  t->killing = 1;
  rt->current = t;
  int status = LUA_OK;
  if (!t->arguments) status = close_coroutine(t->co, L);
  else lua_settop(t->co, 0); /* it never began */
  rt->current = before;
  lc_loop_flush(rt->loop);
  t->failed = status != LUA_OK; /* an error in a __close */
  t->result_count = 0;
  if (t->failed) {
    lua_createtable(t->co, 1, 0);
    lua_insert(t->co, -2);
    lua_rawseti(t->co, -2, 1);
    t->result_count = 1;
  }
  task_finish(t, 0);
}

void task_push_traceback(lua_State *L, task *t)
{
  if (t->arguments) lua_pushliteral(L, "not begun yet");
  else luaL_traceback(L, t->co, NULL, 0);
}

/* ----------------------------------------------------------------- functions -- */

static int push_handle(lua_State *L, runtime *rt, task *t)
{
  task_handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
  *handle = (task_handle){.task = t, .rt = rt};
  lc_list_init(&handle->waiters);
  luaL_setmetatable(L, TASK_TYPE);
  lua_pushvalue(L, -1);
  t->handle = runtime_anchor(L, rt);
  return 1;
}

int task_go(lua_State *L, runtime *rt, owner by, context *ctx)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  return push_handle(L, rt, task_start(L, rt, by, ctx, lua_gettop(L) - 1));
}

static int core_go(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  return task_go(L, rt, owner_current(rt), rt->current ? rt->current->ctx : rt->process);
}

static int core_spawn(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  return task_go(L, rt, (owner){.kind = OWNER_PROCESS}, rt->process);
}

/* For the modules: a process-owned task that is neither counted nor canceled with the others. */
static int core_system_task(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  context *ctx = context_check(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  context_hold_object(L, 1);
  task *t = task_start(L, rt, (owner){.kind = OWNER_PROCESS}, ctx, lua_gettop(L) - 2);
  context_unhold(ctx);
  t->is_system = 1;
  rt->process_tasks--;
  rt->system_tasks++;
  return push_handle(L, rt, t);
}

static int sleep_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  task *t = runtime_upvalue(L)->current;
  if (t->woken == LC_TIMEOUT && !task_ended(t)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  int code = task_ended(t) ? task_ended(t) : t->woken;
  task_failed(t);
  return push_failure(L, code, NULL, "sleep");
}

static int core_sleep(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_Number seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds == seconds, 1, "not a number (NaN) is no time");
  task *t = task_current(L, rt, "sleep");
  t->woken = LC_TIMEOUT;
  if (task_ended(t)) {
    if (t->killing || !task_is_spent(t)) return sleep_done(L, LUA_OK, 0);
    return task_yield(L, t, 0, sleep_done);
  }
  lc_time at = lc_time_add(lc_loop_clock(rt->loop), lc_seconds(seconds < 0 ? 0 : seconds));
  task_alarm(t, at);
  return task_suspend(L, t, "sleep", NULL, NULL, 0, sleep_done);
}

static int core_now(lua_State *L)
{
  lua_pushnumber(L, lc_to_seconds(lc_loop_clock(runtime_upvalue(L)->loop)));
  return 1;
}

/* ------------------------------------------------------------------- methods -- */

static task_handle *handle_check(lua_State *L) { return luaL_checkudata(L, 1, TASK_TYPE); }

static int push_results(lua_State *L, const task_handle *handle)
{
  lua_getiuservalue(L, 1, 1);
  if (lua_type(L, -1) != LUA_TTABLE) return push_failure(L, LC_CANCELED, NULL, "task");
  if (handle->failed) {
    lua_pushnil(L);
    lua_rawgeti(L, -2, 1);
    lua_rawgeti(L, -3, 2);
    return 3;
  }
  lua_getfield(L, -1, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, count, NULL);
  for (int i = 1; i <= count; i++) lua_rawgeti(L, -i, i);
  return count;
}

static int wait_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  task_handle *handle = handle_check(L);
  if (!handle->task) return push_results(L, handle);
  task *t = handle->rt->current;
  task_failed(t);
  return push_failure(L, task_ended(t) ? task_ended(t) : t->woken, NULL, "wait");
}

static int task_wait(lua_State *L)
{
  task_handle *handle = handle_check(L);
  lc_time seconds = optional_seconds(L, 2);
  if (!handle->task) return push_results(L, handle);
  task *t = task_current(L, handle->rt, "task:wait");
  if (handle->task == t) return luaL_error(L, "task:wait: a task cannot wait for itself");
  if (task_ended(t)) return push_failure(L, task_ended(t), NULL, "wait");
  lc_list_append(&handle->waiters, &t->in_wait);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(t->rt->loop), seconds));
  return task_suspend(L, t, "task:wait", handle, NULL, 0, wait_done);
}

static int task_cancel(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task && !handle->task->canceled) {
    handle->task->canceled = 1;
    task_wake(handle->task, LC_CANCELED);
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* For the ladder: `<close>` variables run, nothing else does. */
static int task_kill_method(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task) task_kill(L, handle->task);
  return 0;
}

static int process_waited(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  lua_pushboolean(L, !runtime_upvalue(L)->process_tasks);
  return 1;
}

/* wait_process_tasks(seconds): true when none of the process's tasks is left. */
static int core_wait_process_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lc_time seconds = optional_seconds(L, 1);
  task *t = task_current(L, rt, "wait_process_tasks");
  if (!rt->process_tasks) return process_waited(L, LUA_OK, 0);
  lc_list_append(&rt->process_waiters, &t->in_wait);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
  return task_suspend(L, t, "shutdown", NULL, NULL, 0, process_waited);
}

static const char *status_of(const task *t)
{
  if (t == t->rt->current) return "running";
  return t->waits_for ? "waiting" : "ready";
}

static int task_status(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task) {
    lua_pushstring(L, status_of(handle->task));
    if (!handle->task->waits_for) return 1;
    lua_pushstring(L, handle->task->waits_for);
    return 2;
  }
  lua_pushstring(L, handle->failed ? "failed" : "finished");
  return 1;
}

static int task_traceback(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task) {
    task_push_traceback(L, handle->task);
    return 1;
  }
  if (!handle->failed) return 0;
  lua_getiuservalue(L, 1, 1);
  lua_rawgeti(L, -1, 2);
  return 1;
}

static int task_collect(lua_State *L)
{
  task_handle *handle = handle_check(L);
  if (handle->task) handle->task->handle = LUA_NOREF;
  return 0;
}

/* The unfinished tasks of the process, as an array of {id, waits_for, traceback}. */
static int core_process_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_newtable(L);
  lua_Integer count = 0;
  for (lc_link *link = rt->tasks.next; link != &rt->tasks; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (t->owned_by.kind != OWNER_PROCESS || t->is_system) continue;
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, (lua_Integer)t->id);
    lua_setfield(L, -2, "id");
    lua_pushnumber(L, lc_to_seconds(lc_loop_now(rt->loop) - t->began));
    lua_setfield(L, -2, "age");
    lua_pushstring(L, t->waits_for);
    lua_setfield(L, -2, "waits_for");
    task_push_traceback(L, t);
    lua_setfield(L, -2, "traceback");
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static task *first_process_task(runtime *rt, int with_ours)
{
  for (lc_link *link = rt->tasks.next; link != &rt->tasks; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (t->owned_by.kind != OWNER_PROCESS || t == rt->current) continue;
    if (with_ours || !t->is_system) return t;
  }
  return NULL;
}

/* Ends every unfinished task of the process by force, with true also the modules' own; how many. */
static int core_kill_process_tasks(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int with_ours = lua_toboolean(L, 1);
  lua_Integer count = 0;
  for (task *t; (t = first_process_task(rt, with_ours)); count++) task_kill(L, t);
  lua_pushinteger(L, count);
  return 1;
}

void task_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"wait", task_wait},
                                     {"cancel", task_cancel},
                                     {"status", task_status},
                                     {"traceback", task_traceback},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"go", core_go},
                                       {"spawn", core_spawn},
                                       {"system_task", core_system_task},
                                       {"kill_task", task_kill_method},
                                       {"sleep", core_sleep},
                                       {"now", core_now},
                                       {"process_tasks", core_process_tasks},
                                       {"wait_process_tasks", core_wait_process_tasks},
                                       {"kill_process_tasks", core_kill_process_tasks},
                                       {NULL, NULL}};
  register_functions(L, rt, functions);
  luaL_newmetatable(L, TASK_TYPE);
  lua_newtable(L);
  register_functions(L, rt, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, task_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
