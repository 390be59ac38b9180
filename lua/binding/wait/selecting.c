/* wait/selecting.c - tasks that wait for any of several descriptors, including those of
 * connections. */
#include "wait/selecting.h"

#include <lua.h>
#include <poll.h>
#include <string.h>

#include "base/list.h"
#include "conn/box.h"
#include "runtime/runtime.h"
#include "task/wait.h"

struct selects {
  lc_link waits;
};

void selects_open(lua_State *L, runtime *rt)
{
  rt->selects = runtime_part(L, sizeof *rt->selects);
  lc_list_init(&rt->selects->waits);
}

/* Lies on the stack of the waiting task. */
typedef struct descriptor_wait {
  lc_link in_waits;
  task *t;
  lc_select *select;
  unsigned count;
  conn_box *const *streams;
  unsigned stream_count;
  struct pollfd fds[];
} descriptor_wait;

static void wait_ready(void *user) { task_wake(((descriptor_wait *)user)->t, 0); }

static void wait_unwait(task *t)
{
  descriptor_wait *wait = t->wait_object;
  for (unsigned i = 0; i < wait->stream_count; i++) {
    conn_box *box = wait->streams[i];
    if (box->reader != t) continue;
    box->reader = NULL;
    lc_conn_wait(box->conn, LC_WAIT_NONE, LC_NEVER);
  }
  lc_select_end(wait->select);
  wait->select = NULL;
  lc_list_remove(&wait->in_waits);
}

static void attend(task *t, const descriptor_wait *wait)
{
  for (unsigned i = 0; i < wait->stream_count; i++) {
    conn_box *box = wait->streams[i];
    if (box->reader) continue; /* its reading task gets the event */
    box->reader = t;
    lc_conn_wait(box->conn, LC_WAIT_READ, LC_NEVER);
  }
}

int select_suspend(lua_State *L, task *t, const char *operation, const select_set *set,
                   lc_time deadline, lua_KContext kept, lua_KFunction again)
{
  int error = 0;
  size_t size = set->count * sizeof *set->fds;
  descriptor_wait *wait = lua_newuserdatauv(L, sizeof *wait + size, 0);
  t->woken = (int16_t)task_ended(t);
  if (t->woken && !(set->is_wordless && task_is_deaf(t))) return again(L, LUA_OK, kept);
  if (t->woken) deadline = lc_time_earlier(deadline, task_breath(t->rt));
  *wait = (descriptor_wait){
    .t = t, .count = set->count, .streams = set->streams, .stream_count = set->stream_count};
  memcpy(wait->fds, set->fds, size);
  wait->select = lc_select_begin(t->rt->loop, wait->fds, wait->count, wait_ready, wait, &error);
  if (!wait->select) {
    t->woken = (int16_t)error;
    return again(L, LUA_OK, kept);
  }
  lc_list_append(&t->rt->selects->waits, &wait->in_waits);
  if (deadline != LC_NEVER) task_alarm(t, deadline);
  attend(t, wait);
  t->at_rest = t->is_wordless = (unsigned)set->is_wordless & 1u;
  return task_suspend(L, t, operation, wait, wait_unwait, kept, again);
}

static int names(const descriptor_wait *wait, int fd)
{
  for (unsigned i = 0; i < wait->count; i++)
    if (wait->fds[i].fd == fd) return 1;
  return 0;
}

void select_wake(runtime *rt, int fd)
{
  lc_link *waits = &rt->selects->waits;
  for (lc_link *link = waits->next, *next; link != waits; link = next) {
    descriptor_wait *wait = LC_OWNER(link, descriptor_wait, in_waits);
    next = link->next;
    if (names(wait, fd)) task_wake(wait->t, LC_CLOSED);
  }
}

void select_look_again(runtime *rt)
{
  lc_link *waits = &rt->selects->waits;
  for (lc_link *link = waits->next, *next; link != waits; link = next) {
    descriptor_wait *wait = LC_OWNER(link, descriptor_wait, in_waits);
    next = link->next;
    if (wait->streams) task_wake(wait->t, LC_DRAINING);
  }
}
