/* wait/selecting.h - tasks that wait for any of several descriptors, connections of ours among them. */
#ifndef LC_BINDING_WAIT_SELECTING_H
#define LC_BINDING_WAIT_SELECTING_H

#include <lua.h>

#include "conn/box.h"

struct pollfd;

/* What a task waits for. `streams`, not NULL for a select: the connections among them, which the task reads
 * meanwhile, so that they count as idle when they are, and the ladder can tell it. They are the caller's for
 * as long as the wait lasts; `fds` are copied. */
typedef struct select_set {
  const struct pollfd *fds;
  unsigned count;
  conn_box *const *streams;
  unsigned stream_count;
  int is_wordless; /* it waits for work, in what has no word for the end */
} select_set;
void selects_open(lua_State *L, runtime *rt);
/* Suspends the task until one is ready; `again` finds t->woken. */
int select_suspend(lua_State *L, task *t, const char *operation, const select_set *set,
                   lc_time deadline, lua_KContext kept, lua_KFunction again);
/* Its script is about to close `fd`: who waits for it is woken. */
void select_wake(runtime *rt, int fd);
/* A server listens no more: who selects on it looks again. */
void select_listening_ended(runtime *rt);

#endif
