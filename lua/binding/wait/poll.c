/* wait/poll.c - tasks that wait for a descriptor that lastcall does not own.
 *
 * All tasks that wait for a descriptor share one record. It wants everything that they want, and
 * goes with the last of them.
 */
#include "wait/poll.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "base/list.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "task/task.h"
#include "task/wait.h"

enum { FD_MOST = 1 << 24 }; /* beyond any limit on open files */

typedef struct poll poll;

struct polls {
  poll **of; /* by descriptor: the records */
  int room;
};

struct poll {
  lc_poll *core;
  runtime *rt;
  int fd;
  lc_link tasks;
};

/* A task's wait. It lies on the task's stack, so that it goes with the task. */
typedef struct want {
  poll *in;
  unsigned what; /* LC_READABLE, LC_WRITABLE */
  unsigned seen;
} want;

static void poll_free(poll *p)
{
  p->rt->polls->of[p->fd] = NULL;
  lc_poll_free(p->core);
  free(p);
}

void polls_free(runtime *rt)
{
  for (int fd = 0; fd < rt->polls->room; fd++)
    if (rt->polls->of[fd]) poll_free(rt->polls->of[fd]);
  free(rt->polls->of);
  rt->polls->of = NULL;
  rt->polls->room = 0;
}

/* A task has come or gone: updates what the record wants. */
static int poll_update(poll *p)
{
  unsigned what = 0;
  for (lc_link *link = p->tasks.next; link != &p->tasks; link = link->next)
    what |= ((want *)LC_OWNER(link, task, in_queue)->wait_object)->what;
  if (what) return lc_poll_want(p->core, what);
  poll_free(p);
  return 0;
}

static void poll_ready(void *user, unsigned what)
{
  poll *p = user;
  for (lc_link *link = p->tasks.next, *next; link != &p->tasks; link = next) {
    task *t = LC_OWNER(link, task, in_queue);
    want *w = t->wait_object;
    next = link->next;
    w->seen = what & w->what;
    if (!w->seen) continue;
    t->unwait = NULL; /* the record stays until all waits have been checked */
    task_wake(t, 0);
  }
  if (poll_update(p) < 0) tasks_wake(&p->tasks, 0);
}

static void leave(task *t)
{
  const want *w = t->wait_object;
  /* The task's link is out of the list. After a failure the others wait until their deadlines. */
  poll_update(w->in);
}

static int polls_grow(runtime *rt, int fd)
{
  int capacity = fd + fd / 2 + 64;
  poll **larger = realloc(rt->polls->of, (size_t)capacity * sizeof(poll *));
  if (!larger) return -ENOMEM;
  for (int i = rt->polls->room; i < capacity; i++) larger[i] = NULL;
  rt->polls->of = larger;
  rt->polls->room = capacity;
  return 0;
}

static int poll_for(runtime *rt, int fd, poll **found)
{
  if (fd < rt->polls->room && rt->polls->of[fd]) {
    *found = rt->polls->of[fd];
    return 0;
  }
  if (fd >= rt->polls->room && polls_grow(rt, fd) < 0) return -ENOMEM;
  poll *p = calloc(1, sizeof *p);
  if (!p) return -ENOMEM;
  p->core = lc_poll_new(rt->loop, fd, poll_ready, p);
  if (!p->core) {
    free(p);
    return -ENOMEM;
  }
  p->rt = rt;
  p->fd = fd;
  lc_list_init(&p->tasks);
  *found = rt->polls->of[fd] = p;
  return 0;
}

static int push_ready(lua_State *L, unsigned what)
{
  static const char *const names[] = {"", "r", "w", "rw"};
  lua_pushstring(L, names[(what & LC_READABLE ? 1 : 0) | (what & LC_WRITABLE ? 2 : 0)]);
  return 1;
}

static int poll_done(lua_State *L, int status, lua_KContext kept)
{
  const want *w = (const want *)kept;
  (void)status;
  if (w->seen) return push_ready(L, w->seen);
  task *t = runtime_upvalue(L)->current;
  int ended = task_ended(t);
  if (ended) task_failed(t);
  return push_failure(L, ended ? ended : t->woken ? t->woken : LC_CLOSED, NULL, "poll");
}

static int poll_failed(lua_State *L, int result) { return push_failure(L, result, NULL, "poll"); }

/* poll_fd(fd, "r" | "w" | "rw", seconds) -> what it is ready for, as one of these; or nil, code,
 * message. */
static int core_poll_fd(lua_State *L)
{
  static const char *const names[] = {"r", "w", "rw", NULL};
  static const unsigned wants[] = {LC_READABLE, LC_WRITABLE, LC_READABLE | LC_WRITABLE};
  runtime *rt = runtime_upvalue(L);
  lua_Integer fd = check_integer(L, 1);
  unsigned what = wants[check_choice(L, 2, "r", names)];
  lc_time seconds = optional_seconds(L, 3);
  task *t = task_current(L, rt, "poll");
  if (fd < 0 || fd > FD_MOST) return poll_failed(L, -EBADF);
  want *w = lua_newuserdatauv(L, sizeof *w, 0);
  *w = (want){NULL, what, 0};
  t->woken = LC_CANCELED;
  if (task_ended(t))
    return task_is_spent(t) ? task_yield(L, t, (lua_KContext)w, poll_done)
                            : poll_done(L, LUA_OK, (lua_KContext)w);
  int result = poll_for(rt, (int)fd, &w->in);
  if (result < 0) return poll_failed(L, result);
  t->wait_object = w;
  lc_list_append(&w->in->tasks, &t->in_queue);
  result = poll_update(w->in);
  if (result >= 0) {
    if (seconds != LC_NEVER) task_alarm(t, lc_time_add(lc_loop_clock(rt->loop), seconds));
    t->at_rest = 1;
    return task_suspend(L, t, "poll", w, leave, (lua_KContext)w, poll_done);
  }
  lc_list_remove(&t->in_queue);
  poll_update(w->in); /* the other tasks go on waiting */
  if (result != -EPERM) return poll_failed(L, result);
  w->seen = what; /* a regular file: always ready */
  return task_is_spent(t) ? task_yield(L, t, (lua_KContext)w, poll_done)
                          : poll_done(L, LUA_OK, (lua_KContext)w);
}

void polls_open(lua_State *L, runtime *rt) { rt->polls = runtime_part(L, sizeof *rt->polls); }

void poll_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"poll_fd", core_poll_fd}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
