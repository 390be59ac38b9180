/* task/outcome.h - hands over the outcome of a task: its results or its error. */
#ifndef LC_BINDING_TASK_OUTCOME_H
#define LC_BINDING_TASK_OUTCOME_H

#include <lua.h>

#include "base/list.h"
#include "task/task.h"

/* The script's object. User value 1: the results in a table, or {error, traceback}. */
typedef struct task_handle {
  task *task; /* NULL once finished */
  runtime *rt;
  lc_link waiters;
  int failed;
} task_handle;

/* Hands the outcome of a task that failed or has a handle to the waiting tasks, or an error to
 * on_error. */
int task_deliver(lua_State *L);

#endif
