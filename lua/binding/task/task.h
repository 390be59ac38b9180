/* task/task.h - tasks: coroutines that the loop resumes, with their owners and waits. */
#ifndef LC_BINDING_TASK_TASK_H
#define LC_BINDING_TASK_TASK_H

#include <limits.h>
#include <lua.h>
#include <sys/types.h>

#include "base/list.h"
#include "lastcall.h"
#include "task/owner.h"

#define TASK_OPERATIONS 128 /* in one resume, before other tasks get their turn */
#define TASK_BYTES (256 * 1024)
#define TASKS_PER_TURN 256
#define TASKS_POOLED 64
#define PREEMPTED_TURNS 4 /* for the loop alone, each time that a task was forced to give way */
#define TASK_BREATH (LC_SECOND / 20) /* the pause of a task that ignores refusals */

typedef struct runtime runtime;
typedef struct context context;
typedef struct task task;
typedef struct tasks tasks;
typedef struct scope scope;

/* A coroutine of the script that a task, or another such coroutine of it, has resumed through
 * lastcall.coroutine. */
typedef struct nesting {
  lua_State *co;
  enum { LEVEL_OPEN, LEVEL_IN_C, LEVEL_FOREIGN } barrier; /* what a wait inside cannot pass */
  int is_marked;                                          /* in tasks.busy */
} nesting;

/* Fields that only some tasks need, allocated on demand. They stay with a task in the pool. */
typedef struct task_extra {
  nesting *levels; /* the coroutines nested in it now, the innermost last */
  unsigned depth;
  unsigned room; /* of levels */
  scope *scopes; /* of ctx:call under way, the innermost first */
  int held;      /* anchor of a traceback: where the task was when it was ended by force */
} task_extra;

#define TASK_MARK_BITS 24 /* Lua's stacks have a million values at most */

/* Kept small, because every served connection has one, and most of them wait. What each wait uses
 * comes first, in two lines of memory. */
struct task {
  lc_link in_queue; /* while it is ready, or waits in a list */
  runtime *rt;
  lua_State *co;
  owner *by;    /* NULL: the process */
  context *ctx; /* NULL: its connection's own, which has not been made yet */

  /* While suspended: what it waits for, and how to stop waiting for it. */
  const char *waits_for; /* NULL when it does not wait */
  lua_KFunction again;   /* goes on with the operation */
  lua_KContext kept;
  void (*unwait)(task *t);
  void *wait_object;
  lc_time waits_since;

  unsigned mark : TASK_MARK_BITS; /* where its innermost stack ended when it was suspended */
  unsigned has_failed : 1;        /* an operation was refused for good */
  unsigned is_deaf : 1;           /* more than once: the handler ignores refusals */
  unsigned has_begun : 1;         /* until then a function and its arguments lie on its stack */
  unsigned wants_turn : 1;        /* waits to write */
  unsigned at_rest : 1;           /* waits for work: a cancel here cuts nothing */
  unsigned is_wordless : 1; /* its wait has no result for a context's end: it may be ended here */
  unsigned is_kept : 1;     /* more than its stack keeps the objects of its wait */
  unsigned has_slot : 1;    /* a slot of its own for this wait, at `mark` */
  int16_t woken;            /* why it was resumed: 0, or a code */
  unsigned is_forced : 1;   /* an error was raised in it to end it */
  unsigned is_awaited : 1;  /* its owner counts it until it ends */
  unsigned is_frozen : 1;   /* it is never resumed again, only killed */
  unsigned lets_go : 1;     /* its yield is for the loop, not for the code that resumed it */
  unsigned is_main : 1;     /* its coroutine looks like the main one to its script */
  unsigned is_exposed : 1;  /* the script has seen its coroutine: it is in tasks.busy */
  unsigned is_handler : 1;
  unsigned rests : 1;      /* its coroutine is suspended in its body, before or after the task */
  unsigned is_goodbye : 1; /* it runs on_drain, and guards its connection */
  unsigned is_aside : 1;   /* no run's end concerns it: see process/aside.c */
  unsigned is_system : 1;  /* lastcall's own: neither counted nor canceled with the process's */
  unsigned noted : 2;      /* among the stragglers, by the last step that came to it */
  unsigned failed : 1;
  unsigned doomed : 1;   /* it is killed when it next lets go */
  unsigned killing : 1;  /* its <close> variables are running */
  unsigned canceled : 1; /* by task:cancel, whatever its context says */
  lc_timer timer;

  int anchor;       /* of the coroutine */
  int handle;       /* anchor of the task object, when the script has one */
  lc_link in_tasks; /* all unfinished ones; the pool */
  lc_link in_context;
  task_extra *extra;
  uint64_t id;
  uint64_t reply; /* the exchange for whose reply it writes, or has written last */
  lc_time began;
};

/* A walk over all unfinished tasks that may take several turns, while tasks begin and end; zero at
 * first. */
typedef struct task_walk {
  lc_link link;
  lc_link *next; /* NULL when it is not under way */
} task_walk;

/* All tasks of a runtime. Only the loop resumes them, from its ready queue, one bounded share a
 * turn. An event, a timer, a cancel or another task puts a task there. So no task ever runs inside
 * another's call. */
struct tasks {
  lc_link ready;     /* they are resumed next */
  lc_link all;       /* unfinished ones, the oldest first */
  lc_link walks;     /* over them, under way */
  task_walk to_kill; /* one of these walks */
  lc_link pool;      /* finished ones, with their coroutines */
  unsigned pooled;
  uint64_t last_id;

  /* The share of this turn, and of the task that runs. */
  int in_turn;         /* tasks are being resumed */
  int operations;      /* left to the running task, in this resume */
  ssize_t bytes;       /* likewise */
  int result_count;    /* on the stack of the task that has just finished */
  int ends_suspension; /* suspension_end is at work */
  int loop_is_wanted;  /* no more tasks in this turn */
  lc_link preempted;   /* tasks that gave way to the loop */
  unsigned rest;       /* turns until they go on */

  task *aside;         /* NULL, or the one that has stepped aside */
  unsigned of_process; /* unfinished and owned by the process, without lastcall's own */
  unsigned of_ours;
  lc_link process_waiters; /* for of_process to be 0 */
  unsigned scopes_aside;   /* of ctx:call, in generators that are suspended */
  int body;                /* reference: task_body, with the runtime as its upvalue */
  int mark;                /* reference: what lies in the slots of suspension.c */
  int busy;                /* reference: a set of coroutines that the loop alone may resume */
};

void tasks_open(lua_State *L, runtime *rt);
task_extra *task_need_extra(task *t); /* NULL for lack of memory */
/* Pops a function and `count` arguments. The task runs them in `ctx`; NULL means the own context of
 * the owning connection, if that has not been made. Raises for lack of memory. [-(count+1), 0] */
task *task_start(lua_State *L, runtime *rt, owner *by, context *ctx, int count);
/* Raises for lack of memory; then starting a task with `count` arguments, and `anchors` more, needs none. */
void task_provide(lua_State *L, runtime *rt, owner *by, context *ctx, int count, int anchors);
/* The same for a function and one argument that are anchored, of an owner whose object is anchored and that has no
 * context: cannot raise. NULL: nothing has begun, because no coroutine is there, or no memory. */
task *task_start_anchored(runtime *rt, owner *by, int function, int argument);
void task_recycle(task *t, int reusable);
/* The task's context; pushes nothing. Makes its connection's own if needed, and may raise for lack
 * of memory. */
context *task_context(lua_State *L, task *t);
void task_pool_free(runtime *rt);
owner *owner_current(const runtime *rt);

/* How many coroutines are nested in it. */
static inline unsigned task_depth(const task *t) { return t->extra ? t->extra->depth : 0; }
static inline scope *task_scopes(const task *t) { return t->extra ? t->extra->scopes : NULL; }

#endif
