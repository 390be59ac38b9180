/* conn/stragglers.c - lists the connections and tasks that were canceled or killed, with the line
 * of script that held them, and the connections whose last bytes are not known to have arrived.
 *
 * Each server has a table of stragglers, and so has the process. Its keys are connections and
 * tasks. So a connection that was canceled and later killed is listed once, with its last fate.
 *
 * There may be tens of thousands of stragglers, at a time when nothing may take long. So only the
 * first of each fate and kind are listed, and the others are counted. Lua takes 50 microseconds to
 * make the traceback of one coroutine, mostly to find the names of functions. So stragglers held at
 * the same place share one string, and the tracebacks of a fate show a bounded number of
 * coroutines.
 */
#include "conn/stragglers.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "base/list.h"
#include "conn/box.h"
#include "conn/describe.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "task/context.h"
#include "task/traceback.h"
#include "task/wait.h"

enum {
  LISTED = 100,      /* records of each fate and kind */
  COROUTINES = 1000, /* shown by the tracebacks of a fate */
};

static const char *const FATE_NAMES[] = {
  [STRAGGLER_CANCELED] = "canceled",
  [STRAGGLER_KILLED] = "killed",
  [STRAGGLER_UNDELIVERED] = "undelivered",
  [STRAGGLER_HELD] = "held",
};

/* The state of one pass that notes stragglers. */
typedef struct note {
  runtime *rt;
  server_base *box; /* NULL: the pass is for the table of the process */
  straggler_list *list;
  straggler_fate fate;
  int is_kill;
  int tracebacks; /* stack index of a table that maps a place to its traceback */
} note;

void stragglers_open(lua_State *L, runtime *rt, straggler_list *list)
{
  *list = NO_STRAGGLERS;
  int *const tables[] = {&list->table, &list->others, &list->tracebacks};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    lua_newtable(L);
    *tables[i] = runtime_anchor(L, rt);
  }
}

void stragglers_open_process(lua_State *L, runtime *rt)
{
  rt->stragglers = runtime_part(L, sizeof *rt->stragglers);
  *rt->stragglers = NO_STRAGGLERS;
}

void stragglers_release(runtime *rt, straggler_list *list)
{
  runtime_release(rt, list->table);
  runtime_release(rt, list->others);
  runtime_release(rt, list->tracebacks);
}

void stragglers_set_facts(lua_State *L, runtime *rt, const straggler_list *list)
{
  lua_pushinteger(L, list->canceled);
  lua_setfield(L, -2, "tasks_canceled");
  lua_pushinteger(L, list->killed);
  lua_setfield(L, -2, "tasks_left");
  lua_pushinteger(L, list->held);
  lua_setfield(L, -2, "work_left");
  lua_pushinteger(L, list->unlisted);
  lua_setfield(L, -2, "stragglers_unlisted");
  runtime_push_anchored(L, rt, list->table);
  lua_setfield(L, -2, "stragglers");
}

static lua_Integer key_of(uint64_t number, straggler_kind kind)
{
  return (lua_Integer)(number * STRAGGLER_KINDS + kind);
}

/* Decides whether the straggler is listed, so that its record must be made or made anew. If not, it
 * counts among the others. */
static int claim(lua_State *L, runtime *rt, straggler_list *list, lua_Integer key,
                 straggler_fate fate)
{
  runtime_push_anchored(L, rt, list->table);
  runtime_push_anchored(L, rt, list->others);
  int was_listed = lua_rawgeti(L, -2, key) != LUA_TNIL;
  int was_other = lua_rawgeti(L, -2, key) != LUA_TNIL;
  lua_pop(L, 2);
  unsigned *listed = &list->listed[fate][key % STRAGGLER_KINDS];
  int is_listed = was_listed || *listed < LISTED;
  if (is_listed) ++*listed;
  list->unlisted += !is_listed - was_other;
  if (is_listed) lua_pushnil(L);
  else lua_pushboolean(L, 1);
  lua_rawseti(L, -2, key);
  lua_pop(L, 2);
  return is_listed;
}

int stragglers_claim_work(lua_State *L, runtime *rt, uint64_t number)
{
  rt->stragglers->held++;
  return claim(L, rt, rt->stragglers, key_of(number, STRAGGLER_WORK), STRAGGLER_HELD);
}

void stragglers_add_work(lua_State *L, runtime *rt, uint64_t number)
{
  runtime_push_anchored(L, rt, rt->stragglers->table);
  lua_insert(L, -2);
  lua_rawseti(L, -2, key_of(number, STRAGGLER_WORK));
  lua_pop(L, 1);
}

/* Begins a pass, and pushes the table of tracebacks [0, +1]. */
static note begin(lua_State *L, runtime *rt, server_base *box, straggler_fate fate)
{
  straggler_list *list = box ? box->stragglers : rt->stragglers;
  luaL_checkstack(L, 16, NULL);
  runtime_push_anchored(L, rt, list->tracebacks);
  return (note){.rt = rt,
                .box = box,
                .list = list,
                .fate = fate,
                .is_kill = fate == STRAGGLER_KILLED,
                .tracebacks = lua_gettop(L)};
}

/* Pushes a string that is the same for coroutines at the same place only; nil when the stack is too
 * deep [0, +1]. */
static void push_place(lua_State *L, lua_State *co)
{
  enum { DEEP = 32 };
  struct {
    const void *code;
    int first_line, line;
  } frames[DEEP];
  lua_Debug frame;
  int level = 0;
  memset(frames, 0, sizeof frames); /* the padding is part of the string */
  for (; lua_getstack(co, level, &frame); level++) {
    if (level == DEEP) {
      lua_pushnil(L);
      return;
    }
    lua_getinfo(co, "Sl", &frame);
    frames[level].code = frame.source;
    frames[level].first_line = frame.linedefined;
    frames[level].line = frame.currentline;
    if (frame.currentline > 0) continue;
    lua_getinfo(L, "f", &frame); /* the address tells C functions apart */
    frames[level].code = lua_topointer(L, -1);
    lua_pop(L, 1);
  }
  lua_pushlstring(L, (const char *)frames, (size_t)level * sizeof *frames);
}

/* Pushes the traceback, with as many coroutines as the list has room for [0, +1]. */
static void push_bounded(lua_State *L, const note *n, task *t)
{
  enum { LEAST = 2 };
  unsigned *told = &n->list->told[n->fate], depth = task_depth(t) + 1;
  unsigned most = *told + LEAST < COROUTINES ? COROUTINES - *told : LEAST;
  *told += depth < most ? depth : most;
  task_push_traceback(L, t, most);
}

/* Pushes the traceback of the task, shared with others at the same place [0, +1]. */
static void push_traceback(lua_State *L, const note *n, task *t)
{
  int is_plain = t->has_begun && !task_depth(t) && !(t->extra && t->extra->held != LUA_NOREF);
  if (is_plain) push_place(L, t->co);
  else lua_pushnil(L);
  if (lua_isnil(L, -1)) {
    push_bounded(L, n, t);
  } else {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, n->tracebacks) == LUA_TNIL) {
      lua_pop(L, 1);
      push_bounded(L, n, t);
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, n->tracebacks);
    }
  }
  lua_remove(L, -2);
}

/* A connection whose task obeyed the cancel may wait for its peer until the kill. No task holds it
 * then, so its record keeps the traceback from the cancel: it is copied from the record at `older`
 * to the new one at the top. */
static void keep_traceback(lua_State *L, int older)
{
  static const char *const names[] = {"traceback", "waits_for", "waited"};
  int is_held = lua_getfield(L, -1, names[0]) != LUA_TNIL;
  lua_pop(L, 1);
  if (is_held || !lua_istable(L, older)) return;
  for (int i = 0; i < 3; i++) {
    lua_getfield(L, older, names[i]);
    lua_setfield(L, -2, names[i]);
  }
}

/* Adds the record at the top of the stack to the list [-1, 0]. */
static void add(lua_State *L, const note *n, lua_Integer key)
{
  lua_pushstring(L, FATE_NAMES[n->fate]);
  lua_setfield(L, -2, "fate");
  runtime_push_anchored(L, n->rt, n->list->table);
  lua_rawgeti(L, -1, key);
  lua_pushvalue(L, -3);
  keep_traceback(L, lua_gettop(L) - 1);
  lua_rawseti(L, -3, key);
  lua_pop(L, 3);
}

static void add_traceback(lua_State *L, const note *n, task *t)
{
  if (!t) return;
  push_traceback(L, n, t);
  lua_setfield(L, -2, "traceback");
  lua_pushstring(L, t->waits_for);
  lua_setfield(L, -2, "waits_for");
  if (!t->waits_for) return;
  lua_pushnumber(L, lc_to_seconds(lc_loop_now(t->rt->loop) - t->waits_since));
  lua_setfield(L, -2, "waited");
}

static void add_conn(lua_State *L, const note *n, lc_conn *conn, task *holder)
{
  const conn_box *of = lc_conn_user(conn);
  if (of && !holder) holder = of->reader ? of->reader : of->writer;
  if (!holder && lc_conn_state(conn) == LC_STATE_CLOSED) return;
  lua_Integer key = key_of(lc_conn_id(conn), STRAGGLER_CONNECTION);
  if (!claim(L, n->rt, n->list, key, n->fate)) return;
  lua_createtable(L, 0, 12);
  conn_describe(L, conn);
  add_traceback(L, n, holder);
  add(L, n, key);
}

/* Whether the step cuts the task: whether it cancels or ends the task in the middle of work. */
static int is_cut(const note *n, const task *t)
{
  if (n->is_kill) return !task_may_be_ended(t);
  return !task_ended(t) && !task_is_at_rest(t);
}

static void add_task(lua_State *L, const note *n, task *t)
{
  if (n->is_kill) n->list->killed++;
  else n->list->canceled++;
  lua_Integer key = key_of(t->id, STRAGGLER_TASK);
  if (!claim(L, n->rt, n->list, key, n->fate)) return;
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, (lua_Integer)t->id);
  lua_setfield(L, -2, "task");
  lua_pushnumber(L, lc_to_seconds(lc_loop_now(t->rt->loop) - t->began));
  lua_setfield(L, -2, "age");
  add_traceback(L, n, t);
  add(L, n, key);
}

/* The step cancel leaves alone the tasks of contexts that it does not end. */
static void add_task_if_cut(lua_State *L, const note *n, task *t, const context *ends)
{
  if (!is_cut(n, t)) return;
  if (n->is_kill || !t->ctx || context_is_below(t->ctx, ends)) add_task(L, n, t);
}

/* ------------------------------------------------------- a connection's tasks -- */

typedef struct found_tasks {
  const conn_box *box;
  task **tasks;
  unsigned count;
} found_tasks;

static void find_task(task *t, void *user)
{
  found_tasks *found = user;
  if (t->by == &found->box->as_owner) found->tasks[found->count++] = t;
}

/* Pushes a block of memory with the tasks that belong to the connection [0, +1]. The walk over
 * contexts comes first, because noting a straggler may collect contexts. The walk does not find
 * tasks whose context has another owner. */
static found_tasks find_tasks(lua_State *L, conn_box *box)
{
  found_tasks found = {box, lua_newuserdatauv(L, box->tasks * sizeof *found.tasks, 0), 0};
  conn_each_task(box, find_task, &found);
  return found;
}

/* Returns the task that holds the connection: the handler, or else the oldest task. */
static task *holder_among(const found_tasks *found)
{
  task *holder = NULL;
  for (unsigned i = 0; i < found->count; i++) {
    task *t = found->tasks[i];
    if (!holder || t->is_handler > holder->is_handler ||
        (t->is_handler == holder->is_handler && t->id < holder->id))
      holder = t;
  }
  return holder;
}

/* The mark that a step sets in a task, so that it notes the task once. 0 means that no step has
 * noted it. */
static unsigned noted_by(straggler_fate fate) { return fate == STRAGGLER_KILLED ? 2u : 1u; }

static task *note_tasks(lua_State *L, const note *n, conn_box *of)
{
  found_tasks found = find_tasks(L, of);
  task *holder = holder_among(&found);
  for (unsigned i = 0; i < found.count; i++) {
    found.tasks[i]->noted = noted_by(n->fate) & 3u;
    if (found.tasks[i] != holder) add_task_if_cut(L, n, found.tasks[i], n->box->ctx);
  }
  return holder;
}

static void count(const note *n, lc_conn *conn)
{
  if (n->is_kill) lc_server_count_killed(n->box->server, conn);
  else lc_server_count_canceled(n->box->server, conn);
}

void stragglers_note(lua_State *L, server_base *box, lc_conn *conn, straggler_fate fate)
{
  int top = lua_gettop(L);
  note n = begin(L, box->rt, box, fate);
  conn_box *of = lc_conn_user(conn);
  task *holder = of && of->tasks ? note_tasks(L, &n, of) : NULL;
  lc_state state = lc_conn_state(conn);
  /* Before the kill, a closing connection waits for its peer alone, and the peer still has time. */
  int is_over = state == LC_STATE_CLOSED || (state == LC_STATE_CLOSING && !n.is_kill);
  if (holder || !is_over) {
    add_conn(L, &n, conn, holder);
    count(&n, conn);
  }
  lua_settop(L, top);
}

void stragglers_note_conn(lua_State *L, conn_box *box)
{
  int top = lua_gettop(L);
  note n = begin(L, box->rt, box->of_server, STRAGGLER_CANCELED);
  found_tasks found = find_tasks(L, box);
  for (unsigned i = 0; i < found.count; i++)
    if (is_cut(&n, found.tasks[i])) add_task(L, &n, found.tasks[i]);
  lua_settop(L, top);
}

/* ------------------------------------------------------------- all other tasks -- */

/* Pushes the record of the connection, or nil [0, +1]. Returns whether it is listed with the fate
 * of this pass. */
static int push_record(lua_State *L, const note *n, const lc_conn *conn)
{
  runtime_push_anchored(L, n->rt, n->list->table);
  if (lua_rawgeti(L, -1, key_of(lc_conn_id(conn), STRAGGLER_CONNECTION)) != LUA_TTABLE) return 0;
  lua_getfield(L, -1, "fate");
  int is_same = !strcmp(lua_tostring(L, -1), FATE_NAMES[n->fate]);
  lua_pop(L, 1);
  return is_same;
}

/* If the task holds its connection, lists the two in one record. Returns whether it holds it. */
static int add_holder(lua_State *L, const note *n, task *t)
{
  lc_conn *conn = owner_conn(t->by);
  const conn_box *of = conn ? lc_conn_user(conn) : NULL;
  if (!of || (!t->is_handler && of->tasks > 1)) return 0;
  if (push_record(L, n, conn)) add_traceback(L, n, t);
  else add_conn(L, n, conn, t);
  count(n, conn);
  return 1;
}

void stragglers_note_rest(lua_State *L, server_base *box, task *t, straggler_fate fate)
{
  int top = lua_gettop(L);
  if (t->noted == noted_by(fate)) return;
  note n = begin(L, box->rt, box, fate);
  if (!add_holder(L, &n, t)) add_task_if_cut(L, &n, t, box->ctx);
  lua_settop(L, top);
}

void stragglers_note_process(lua_State *L, runtime *rt, straggler_fate fate)
{
  int top = lua_gettop(L);
  note n = begin(L, rt, NULL, fate);
  for (lc_link *link = rt->tasks->all.next; link != &rt->tasks->all; link = link->next) {
    task *t = LC_OWNER(link, task, in_tasks);
    if (!t->by && !t->is_system) add_task_if_cut(L, &n, t, rt->contexts->process);
  }
  lua_settop(L, top);
}

/* ------------------------------------------------------------ undelivered bytes -- */

/* Whether the connection was noted before, as canceled or killed. */
static int is_noted(lua_State *L, runtime *rt, const straggler_list *list, lua_Integer key)
{
  runtime_push_anchored(L, rt, list->table);
  runtime_push_anchored(L, rt, list->others);
  lua_rawgeti(L, -2, key);
  lua_rawgeti(L, -2, key);
  int noted = !lua_isnil(L, -2) || !lua_isnil(L, -1);
  lua_pop(L, 4);
  return noted;
}

void stragglers_note_undelivered(lua_State *L, server_base *box, const lc_conn *conn)
{
  lc_verdict verdict;
  straggler_list *list = box->stragglers;
  lua_Integer key = key_of(lc_conn_id(conn), STRAGGLER_CONNECTION);
  if (is_noted(L, box->rt, list, key) || lc_conn_verdict(conn, &verdict)) return;
  if (!claim(L, box->rt, list, key, STRAGGLER_UNDELIVERED)) return;
  runtime_push_anchored(L, box->rt, list->table);
  lua_createtable(L, 0, 12);
  conn_describe(L, conn);
  lua_pushstring(L, FATE_NAMES[STRAGGLER_UNDELIVERED]);
  lua_setfield(L, -2, "fate");
  lua_pushstring(L, lc_code_name(verdict.code));
  lua_setfield(L, -2, "cause");
  lua_rawseti(L, -2, key);
  lua_pop(L, 1);
}
