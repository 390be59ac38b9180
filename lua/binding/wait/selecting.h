/* wait/selecting.h - tasks that wait for any of several descriptors, including those of
 * connections. */
#ifndef LC_BINDING_WAIT_SELECTING_H
#define LC_BINDING_WAIT_SELECTING_H

#include <lua.h>

#include "conn/box.h"

struct pollfd;

/* The descriptors that a task waits for. `streams` (not NULL for a select) are the connections
 * among them. The task counts as their reader, so that they can be idle, and the ladder can end the
 * wait. The caller keeps them as long as the wait lasts; `fds` are copied. */
typedef struct select_set {
  const struct pollfd *fds;
  unsigned count;
  conn_box *const *streams;
  unsigned stream_count;
  int is_wordless; /* it waits for work, in a call that has no result for the end */
} select_set;
void selects_open(lua_State *L, runtime *rt);
/* Suspends the task until one is ready; `again` finds t->woken. */
int select_suspend(lua_State *L, task *t, const char *operation, const select_set *set,
                   lc_time deadline, lua_KContext kept, lua_KFunction again);
/* The script is about to close `fd`: wakes the tasks that wait for it. */
void select_wake(runtime *rt, int fd);
/* Something has changed that no event of a descriptor tells of: LuaSocket's selects look again. */
void select_look_again(runtime *rt);

#endif
