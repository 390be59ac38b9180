/* subprocess/subprocess.c - child processes as objects, and the tasks that wait for them.
 *
 * Each child has a keeper: a task in the context that the child belongs to. The keeper waits until
 * the child has ended, whatever becomes of its context: a cancel makes it stop the child. When it is
 * killed itself, the child is killed. So a child is reported, and ends, as tasks do.
 */
#include "subprocess/subprocess.h"

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <unistd.h>

#include "base/list.h"
#include "conn/box.h"
#include "runtime/descriptors.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"
#include "sys/sys.h"
#include "task/task.h"
#include "task/wait.h"

static const char TYPE[] = "lastcall.child";

typedef struct child_box {
  runtime *rt;
  lc_subprocess *core; /* NULL once it has ended */
  int pid;
  int outlives;          /* it goes on when nothing holds this object any more */
  int is_starting;       /* a task waits until its program runs */
  int error;             /* why it could not start, or 0 */
  lc_start_step failed;  /* and at which step */
  lc_subprocess_end end; /* when it has ended */
  lc_link waiters;
} child_box;

static child_box *check_box(lua_State *L)
{
  child_box *box = check_object(L, 1, TYPE);
  runtime_check(L, box->rt);
  return box;
}

/* --------------------------------------------------------------------- starting -- */

static void on_started(void *user, int error, lc_start_step step)
{
  child_box *box = user;
  box->is_starting = 0;
  box->error = error;
  box->failed = step;
  if (error) box->core = NULL;
  tasks_wake(&box->waiters, 0);
}

static void on_ended(void *user, const lc_subprocess_end *end)
{
  child_box *box = user;
  box->end = *end;
  lc_subprocess_free(box->core);
  box->core = NULL;
  tasks_wake(&box->waiters, 0);
}

static child_box *new_box(lua_State *L, runtime *rt)
{
  child_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (child_box){.rt = rt};
  lc_list_init(&box->waiters);
  luaL_setmetatable(L, TYPE);
  return box;
}

const char *const *subprocess_strings(lua_State *L, int index)
{
  if (!lua_istable(L, index)) {
    lua_pushnil(L);
    return NULL;
  }
  lua_Unsigned count = lua_rawlen(L, index);
  const char **list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  for (lua_Unsigned i = 0; i < count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    list[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[count] = NULL;
  return list;
}

static int integer_at(lua_State *L, int index, lua_Integer place)
{
  lua_rawgeti(L, index, place);
  int value = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return value;
}

/* From a list: number in the child, descriptor here, whether it is kept (1 or 0), and so on. */
static const lc_child_fd *fd_list(lua_State *L, int index, size_t *count)
{
  *count = lua_rawlen(L, index) / 3;
  lc_child_fd *list = lua_newuserdatauv(L, (*count + 1) * sizeof *list, 0);
  for (size_t i = 0; i < *count; i++) {
    lua_Integer at = (lua_Integer)(3 * i);
    list[i] = (lc_child_fd){integer_at(L, index, at + 1), integer_at(L, index, at + 2),
                            integer_at(L, index, at + 3)};
  }
  return list;
}

static int start_failed(lua_State *L, int code, lc_start_step step)
{
  static const char *const steps[] = {"process", "group", "descriptors", "directory", "program"};
  push_failure(L, code, NULL, steps[step]);
  lua_pop(L, 1);
  lua_pushstring(L, steps[step]);
  lua_pushstring(L, lc_code_text(code));
  lua_pushstring(L, lc_code_errno(code));
  return 5;
}

/* The wait ends with the start: whatever becomes of the task meanwhile, its caller learns of the child. Stack: the child,
 * the line. */
static int start_going(lua_State *L, int status, lua_KContext kept)
{
  child_box *box = check_box(L);
  task *t = box->rt->current;
  (void)status;
  (void)kept;
  if (box->is_starting) {
    lc_list_append(&box->waiters, &t->in_queue);
    t->is_kept = 1;
    return task_suspend(L, t, "process", box, NULL, 0, start_going);
  }
  if (box->error) return start_failed(L, box->error, box->failed);
  lua_settop(L, 2);
  lua_pushboolean(L, 1);
  lua_insert(L, 2);
  return 2;
}

enum { ARGV = 2, ENV, CWD, FDS, GROUP, APART, STANDS };

/* Leaves the error and the step in the box where none starts. `waits`: a task waits until the program runs; otherwise the
 * thread does. */
static void start(lua_State *L, child_box *box, int waits)
{
  static const lc_subprocess_events events = {on_started, on_ended};
  lc_loop *loop = box->rt->loop;
  lc_subprocess_options options = {.argv = subprocess_strings(L, ARGV),
                                   .env = subprocess_strings(L, ENV),
                                   .cwd = lua_tostring(L, CWD),
                                   .leads_group = lua_toboolean(L, GROUP),
                                   .descriptor_limit = descriptors_before()};
  options.fds = fd_list(L, FDS, &options.fd_count);
  if (waits)
    box->core = lc_subprocess_begin(loop, &options, &events, box, &box->error, &box->failed);
  else box->core = lc_subprocess_start(loop, &options, on_ended, box, &box->error, &box->failed);
  if (!box->core) return;
  box->pid = lc_subprocess_pid(box->core);
  box->is_starting = waits;
}

/* child:start(argv, env or nil, cwd or nil, descriptors, leads a group, is not of the caller's context, stands) -> true, the
 * line of the script; or nil, code, step, text, errno. `stands`: no other task runs until the program does. The Lua
 * modules have checked the arguments. */
static int child_start(lua_State *L)
{
  child_box *box = check_box(L);
  runtime *rt = box->rt;
  lua_settop(L, STANDS);
  if (rt->current && !lua_toboolean(L, APART) && task_ended(rt->current))
    return start_failed(L, task_ended(rt->current), LC_START_PROCESS);
  start(L, box, !lua_toboolean(L, STANDS) && task_that_can_wait(L, rt));
  lua_settop(L, 1);
  if (!push_script_place(L, L, 1)) lua_pushnil(L);
  return start_going(L, LUA_OK, 0);
}

/* subprocess_new() -> an object for a child that has not been started. */
static int core_new(lua_State *L)
{
  new_box(L, runtime_upvalue(L));
  return 1;
}

/* subprocess_take(pid) -> an object for a child of this process that runs already. */
static int core_take(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  int pid = (int)check_integer(L, 1), error = 0;
  child_box *box = new_box(L, rt);
  box->core = lc_subprocess_take(rt->loop, pid, on_ended, box, &error);
  if (!box->core) return push_failure(L, error, NULL, "process");
  box->pid = pid;
  return 1;
}

static int push_pair(lua_State *L, int result, const int fds[2])
{
  if (result < 0) return push_failure(L, result, NULL, "process");
  lua_pushinteger(L, fds[0]);
  lua_pushinteger(L, fds[1]);
  return 2;
}

/* pipe_pair() -> to read from, to write to */
static int core_pipe_pair(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  int fds[2];
  return push_pair(L, sys->pipe(sys, fds), fds);
}

static int core_socket_pair(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  int fds[2];
  return push_pair(L, sys->socketpair(sys, fds), fds);
}

/* conn_fd(connection) -> its descriptor; nothing for a closed one, and for anything else. */
static int core_conn_fd(lua_State *L)
{
  const conn_box *box = conn_of_object(L);
  int fd = box && box->conn ? lc_conn_fd(box->conn) : -1;
  if (fd < 0) return 0;
  lua_pushinteger(L, fd);
  return 1;
}

/* is_open(descriptor) */
static int core_is_open(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  lc_descriptor_facts facts;
  lua_pushboolean(L, sys->descriptor_facts(sys, (int)check_integer(L, 1), &facts) >= 0);
  return 1;
}

/* environment() -> a list of "NAME=value" */
static int core_environment(lua_State *L)
{
  lua_Integer count = 0;
  lua_newtable(L);
  for (char **one = environ; one && *one; one++) {
    lua_pushstring(L, *one);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static int core_close_fd(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  sys->close(sys, (int)check_integer(L, 1));
  return 0;
}

/* subprocess_reap(seconds): blocks until the children that were killed are gone. */
static int core_reap(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  lua_pushinteger(L, lc_subprocess_reap(rt->loop, lc_seconds(check_number(L, 1))));
  return 1;
}

/* subprocess_reap_stranger() -> the number of a process whose status was taken; false when there is none; nil when a
 * child of ours comes first */
static int core_reap_stranger(lua_State *L)
{
  int pid = lc_subprocess_reap_stranger(runtime_upvalue(L)->loop);
  if (pid < 0) return 0;
  if (pid) lua_pushinteger(L, pid);
  else lua_pushboolean(L, 0);
  return 1;
}

/* --------------------------------------------------------------------- waiting -- */

static int push_end(lua_State *L, const child_box *box)
{
  static const char *const kinds[] = {"exit", "signal", "unknown"};
  lua_pushstring(L, kinds[box->end.kind]);
  if (box->end.kind == LC_END_UNKNOWN) return 1;
  lua_pushinteger(L, box->end.status);
  return 2;
}

static int wait_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  child_box *box = check_box(L);
  if (!box->core) return push_end(L, box);
  task *t = box->rt->current;
  task_failed(t);
  return push_failure(L, task_ended(t) ? task_ended(t) : t->woken, NULL, "process:wait");
}

/* child:wait(seconds) -> "exit" or "signal", and its number; "unknown"; or nil, code, message */
static int child_wait(lua_State *L)
{
  child_box *box = check_box(L);
  lc_time seconds = optional_seconds(L, 2);
  if (!box->core) return push_end(L, box);
  task *t = task_current(L, box->rt, "process:wait");
  t->woken = LC_CANCELED;
  if (task_ended(t))
    return task_is_spent(t) ? task_yield(L, t, 0, wait_done) : wait_done(L, LUA_OK, 0);
  lc_list_append(&box->waiters, &t->in_queue);
  if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(t->rt->loop), seconds));
  t->is_kept = 1;
  return task_suspend(L, t, "process:wait", box, NULL, 0, wait_done);
}

enum { NAME = 2, GRACE, PLACE };

static int keep_on(lua_State *L, int status, lua_KContext kept)
{
  child_box *box = check_box(L);
  task *t = box->rt->current;
  (void)status;
  (void)kept;
  if (!box->core) return 0;
  if (task_ended(t)) lc_subprocess_stop(box->core, lc_seconds(lua_tonumber(L, GRACE)));
  lc_list_append(&box->waiters, &t->in_queue);
  return task_suspend(L, t, lua_tostring(L, NAME), box, NULL, 0, keep_on);
}

/* Reports show the keeper where the script has started the child. */
static void note_place(lua_State *L, runtime *rt, task *t)
{
  task_extra *extra = lua_isstring(L, PLACE) ? task_need_extra(t) : NULL;
  if (!extra || extra->held != LUA_NOREF) return;
  lua_pushfstring(L, "started\n\t%s:", lua_tostring(L, PLACE));
  extra->held = runtime_anchor(L, rt);
}

/* child:keep(name, grace, place): what the keeper does. */
static int child_keep(lua_State *L)
{
  child_box *box = check_box(L);
  check_string(L, NAME);
  check_number(L, GRACE);
  lua_settop(L, PLACE);
  note_place(L, box->rt, task_current(L, box->rt, "process"));
  return keep_on(L, LUA_OK, 0);
}

/* ------------------------------------------------------------------------ methods -- */

static int child_signal(lua_State *L)
{
  child_box *box = check_box(L);
  int signal = (int)check_integer(L, 2), result = -ESRCH;
  if (box->core) result = lc_subprocess_signal(box->core, signal);
  if (result < 0) return push_failure(L, result, NULL, "process:kill");
  lua_pushboolean(L, 1);
  return 1;
}

static int child_stop(lua_State *L)
{
  child_box *box = check_box(L);
  if (box->core) lc_subprocess_stop(box->core, lc_seconds(check_number(L, 2)));
  return 0;
}

static int child_leave_alone(lua_State *L)
{
  child_box *box = check_box(L);
  box->outlives = 1;
  if (box->core) lc_subprocess_leave_alone(box->core);
  return 0;
}

static int child_pid(lua_State *L)
{
  lua_pushinteger(L, check_box(L)->pid);
  return 1;
}

static int child_is_running(lua_State *L)
{
  lua_pushboolean(L, check_box(L)->core != NULL);
  return 1;
}

/* The keeper is killed, or it has been and the object is collected: nothing waits for the child any
 * more. */
static int child_close(lua_State *L)
{
  child_box *box = check_object(L, 1, TYPE);
  if (!box->core || !box->rt->loop) return 0;
  lc_subprocess_signal(box->core, SIGKILL);
  return 0;
}

static int child_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  child_box *box = check_object(L, 1, TYPE);
  if (!box->outlives) child_close(L);
  if (box->core && box->rt->loop) lc_subprocess_free(box->core);
  box->core = NULL;
  return 0;
}

void subprocess_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"subprocess_new", core_new},
                                       {"subprocess_take", core_take},
                                       {"subprocess_reap", core_reap},
                                       {"pipe_pair", core_pipe_pair},
                                       {"socket_pair", core_socket_pair},
                                       {"close_fd", core_close_fd},
                                       {"conn_fd", core_conn_fd},
                                       {"environment", core_environment},
                                       {"is_open", core_is_open},
                                       {"subprocess_reap_stranger", core_reap_stranger},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"start", child_start},
                                     {"wait", child_wait},
                                     {"keep", child_keep},
                                     {"signal", child_signal},
                                     {"stop", child_stop},
                                     {"leave_alone", child_leave_alone},
                                     {"pid", child_pid},
                                     {"is_running", child_is_running},
                                     {NULL, NULL}};
  register_functions(L, rt, "", functions);
  new_type(L, TYPE);
  lua_newtable(L);
  register_functions(L, rt, "process:", methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, child_close);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, child_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
