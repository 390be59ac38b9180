/* wait/lookup.h - a task's query to the system's resolver: the task waits, the loop goes on. */
#ifndef LC_BINDING_WAIT_LOOKUP_H
#define LC_BINDING_WAIT_LOOKUP_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;
typedef struct task task;

/* All zero, except `rt` and the question in `query`. It lies in a userdata on the stack of its
 * task. */
typedef struct lookup {
  lc_query query;
  runtime *rt;
  task *waiter; /* NULL while no task waits */
  int is_answered;
} lookup;

/* Starts the query; the task then waits in lookup_wait. Returns 0, or a code if no query was
 * started. */
int lookup_ask(lookup *look);
/* Suspends the task. `again` finds t->woken; any wake-up but the answer has canceled the query. */
int lookup_wait(lua_State *L, task *t, lookup *look, lua_KContext kept, lua_KFunction again);

#endif
