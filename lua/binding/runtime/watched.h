/* runtime/watched.h - the script's work outside tasks; logs the work that has held the loop too
 * long. */
#ifndef LC_BINDING_RUNTIME_WATCHED_H
#define LC_BINDING_RUNTIME_WATCHED_H

#include <lua.h>
#include <stdint.h>

#include "lastcall.h"
#include "runtime/report.h"

typedef struct runtime runtime;

/* How long the script may hold the loop, and when its work must be over. */
typedef struct limits {
  lc_time max_block;   /* the run's */
  lc_time least_block; /* of any server's */
  lc_time end_at;      /* when the tasks that must end have to be over */
  uint64_t end_of;     /* the task that must end; 0: all tasks of the process */
} limits;

/* A piece of the script's work that was noticed. */
typedef struct blocker {
  uint64_t task;         /* its number; 0: a callback */
  const lc_conn *conn;   /* whose task it is, or NULL */
  const reporters *told; /* its server's, or NULL */
  lc_time max_block;     /* its server's; 0: the run's */
} blocker;

/* runtime_protect for calls of the script's functions: the watchdog watches them. */
void runtime_protect_script(runtime *rt, lua_CFunction function, void *argument);
void script_work_done(runtime *rt); /* logs it if it took too long */
/* Logs the work noticed if it took longer than allowed. */
void blocked_tell(runtime *rt, const blocker *by);

#endif
