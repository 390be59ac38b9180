/* runtime/runtime.h - one runtime for each Lua state: a loop, its tasks, and what they wait for.
 *
 * Tasks are coroutines. Only the loop resumes them, from its ready queue, one
 * bounded share a turn; whatever makes a task runnable (an event, a timer, a
 * cancel, another task) puts it there, so no task ever runs inside another's call.
 *
 * Lua's registry holds one anchor table with everything that must stay alive by
 * our own doing: coroutines of unfinished tasks, connections being served,
 * servers that are not done. An anchor is an integer key (luaL_ref).
 */
#ifndef LC_BINDING_RUNTIME_H
#define LC_BINDING_RUNTIME_H

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "lastcall.h"
#include "runtime/callbacks.h"
#include "runtime/interrupt.h"

typedef struct runtime runtime;
typedef struct task task;
typedef struct context context;
typedef struct conn_box conn_box;
typedef struct server_box server_box;
typedef struct moves moves;
typedef struct straggler_list straggler_list;
typedef struct allocator allocator;

struct runtime {
  lua_State *L; /* who turns the loop, or loaded the library; resumes come from it */
  const struct lc_sys *sys;
  lc_loop *loop;
  lc_server *outbound;
  lc_shutdown *shutdown; /* while run is under way or a shutdown was asked for */
  unsigned live_servers; /* not done */
  int running;           /* inside core.run */
  int debug;             /* note where connections are opened */
  int mode_before;       /* the collector's, before the run */
  int is_generational;   /* the collector is, by our own choice */
  int is_resting;        /* the collector, until the run is over */
  int is_collecting;     /* in the midst of a cycle that was begun while nothing else was to do */
  size_t collect_at;     /* so many bytes in use make the next one worth while */
  allocator *allocator;  /* the state's, during a run */
  int has_raised;        /* the limit of descriptors */
  int is_deaf;           /* to SIGPIPE, during a run */
  unsigned acts;         /* of TERM and INT, those that end process 1 before a run: bits */
  atomic_uint unsaid;  /* messages of the watchdog's thread for which there was no room on stderr */
  int reads_large;     /* the last read_some got a large piece: the next may */
  const char *trouble; /* the last error that nobody could be told of */

  /* What runs. */
  task *current;
  lua_State *volatile innermost; /* the coroutine that runs the script, as far as we are told */
  int running_turn;              /* inside the ready queue's share */
  interrupt interrupt;
  lc_time max_block;   /* the run's */
  lc_time least_block; /* of any server's */

  /* Tasks. */
  lc_link ready;          /* to be resumed */
  lc_link tasks;          /* all unfinished ones, the oldest first */
  lc_link *next_to_kill;  /* in a walk over them */
  unsigned process_tasks; /* unfinished and owned by the process, those of ours left out */
  unsigned system_tasks;
  uint64_t last_task_id;
  straggler_list *stragglers; /* the process's, in this run */
  lc_link works;              /* guards of lastcall.work that are held */
  lc_link lost_works;         /* collected while held, and not yet told of */
  uint64_t last_work;
  lc_link pool; /* finished ones, with their coroutines */
  unsigned pooled;
  int operations;     /* left to the task that runs, in this resume */
  lc_time turn_until; /* so long may callbacks, and then tasks, take in this turn */
  lc_time looked_at;  /* when the clock was last read for that */
  int until_look;     /* operations, before it is read again */
  int turn_over;
  ssize_t bytes;
  int result_count;      /* on the stack of the task that has just finished */
  int ends_suspension;   /* suspension_end is at work */
  int wanted;            /* the loop is: no more tasks in this turn */
  lc_link preempted;     /* tasks that gave way to it */
  unsigned rest;         /* turns before they go on */
  lc_time limit;         /* when the tasks that are being ended must have ended */
  uint64_t limited;      /* the one; 0: all that the process owns */
  unsigned scopes_aside; /* of ctx:call, in generators that are suspended */

  /* What they wait for. */
  lc_link descriptor_waits; /* for descriptors that are not connections */
  lc_link process_waiters;  /* for process_tasks to be 0 */
  struct poll **polls;      /* by descriptor, those that tasks wait for */
  int poll_capacity;

  /* Contexts. */
  context *process;    /* the context of process-owned tasks */
  context *background; /* never ends */
  int process_anchor;
  int background_anchor;
  lc_link ending; /* those on their way out, while context_end runs */

  /* References into Lua's registry. */
  int anchors; /* the anchor table */
  callbacks calls;
  moves *moves; /* of connections, to be told; NULL while there were none */
  int busy;     /* a set: coroutines that the loop alone may resume */

  struct leak *leaks; /* connections collected while open, not yet told to the log */
};

void runtime_check(lua_State *L, const runtime *rt); /* raises when its loop is gone */
/* Room for what a file keeps for each state, zeroed: it lasts as long as the state. */
void *runtime_part(lua_State *L, size_t size);
runtime *runtime_get(lua_State *L);            /* of this Lua state; NULL before it is made */
void runtime_keep(lua_State *L);               /* the one at the top is the state's [-1, 0] */
runtime *runtime_upvalue(lua_State *L);        /* for functions registered with it as upvalue 1 */
int runtime_anchor(lua_State *L, runtime *rt); /* pops a value, returns its anchor [-1, 0] */
void runtime_release(runtime *rt, int anchor);
void runtime_push_anchored(lua_State *L, runtime *rt, int anchor); /* [0, +1] */
/* runtime/turn_budget.c: the time that callbacks, or tasks, may take in a turn begins. */
void turn_share_begin(runtime *rt);
/* Counts an operation: whether that time is over, and the rest is for the next one. */
int turn_is_over(runtime *rt);
/* Calls `function` with `argument` protected: callbacks of the core must not be left by an error. */
void runtime_protect(runtime *rt, lua_CFunction function, void *argument);
void runtime_protect_on(lua_State *L, runtime *rt, lua_CFunction function, void *argument);
/* runtime/collector.c, runtime/rest.c */
void collector_begin(lua_State *L, runtime *rt);
void collector_end(lua_State *L, runtime *rt);
/* Whether a step of it would be of use now; collector_step makes one, if the loop would sleep. */
int collector_has_work(lua_State *L, runtime *rt);
void collector_step(runtime *rt);
void collector_find_no_time(runtime *rt); /* else */
/* At each step of a shutdown, and before tasks run: when everything has been canceled, and the deadline is near, it has
 * no more to do. */
void collector_rest(runtime *rt);
void collector_rest_end(lua_State *L, runtime *rt); /* the run is over */
/* runtime/allocator.c */
void allocator_begin(lua_State *L, runtime *rt);
void allocator_end(lua_State *L, runtime *rt);
/* Room for the STRING_PLACE bytes of a string that is to be; NULL where there is none. */
char *allocator_place(runtime *rt);
/* Makes a string of its first bytes without copying them. [0, +1] */
void allocator_push_place(lua_State *L, runtime *rt, size_t length);
#define STRING_PLACE ((size_t)64 * 1024)
#define STRING_PLACE_WORTH ((size_t)16 * 1024) /* below, to copy is cheaper */

#endif
