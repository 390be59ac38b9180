/* runtime/watched.h - work of the script's outside tasks; and whoever has held the loop too long is named in the log. */
#ifndef LC_BINDING_RUNTIME_WATCHED_H
#define LC_BINDING_RUNTIME_WATCHED_H

#include <lua.h>
#include <stdint.h>

#include "lastcall.h"
#include "runtime/report.h"

typedef struct runtime runtime;

/* How long the script may hold the loop, and when it must be over. */
typedef struct limits {
  lc_time max_block;   /* the run's */
  lc_time least_block; /* of any server's */
  lc_time end_at;      /* when the tasks that are being ended must have ended */
  uint64_t end_of;     /* the one; 0: all that the process owns */
} limits;

/* A piece of work of the script's that was noticed. */
typedef struct blocker {
  uint64_t task;         /* its number; 0: a callback */
  const lc_conn *conn;   /* whose task it is, or NULL */
  const reporters *told; /* its server's, or NULL */
  lc_time max_block;     /* its server's; 0: the run's */
} blocker;

/* runtime_protect for what may call functions of the script's: the watchdog looks at it. */
void runtime_protect_script(runtime *rt, lua_CFunction function, void *argument);
void script_work_done(runtime *rt); /* tells the log if it took too long */
/* That one has been noticed: tells the log if it took longer than it may. */
void blocked_tell(runtime *rt, const blocker *by);

#endif
