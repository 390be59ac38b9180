/* task/task.h - tasks: coroutines that the loop resumes, who owns them, and what they wait for. */
#ifndef LC_BINDING_TASK_TASK_H
#define LC_BINDING_TASK_TASK_H

#include <limits.h>
#include <lua.h>
#include <sys/types.h>

#include "base/list.h"
#include "lastcall.h"
#include "task/owner.h"

#define TASK_OPERATIONS 128 /* in one resume, before the others get their turn */
#define TASK_BYTES (256 * 1024)
#define TASKS_PER_TURN 256
#define TASKS_POOLED 64
#define PREEMPTED_TURNS 4 /* the loop's own, for each time that a task had to be made to give way */
#define TASK_BREATH (LC_SECOND / 20) /* how often one may ask that takes no for no answer */

typedef struct runtime runtime;
typedef struct context context;
typedef struct task task;
typedef struct tasks tasks;
typedef struct scope scope;

/* A coroutine of the script's that was resumed, through lastcall.coroutine, by a task or by another
 * such coroutine of it. */
typedef struct nesting {
  lua_State *co;
  enum { LEVEL_OPEN, LEVEL_IN_C, LEVEL_FOREIGN } barrier; /* what a wait inside cannot get past */
  int is_marked;                                          /* in tasks.busy */
} nesting;

/* What only some tasks need, allocated when they do; it stays with a task in the pool. */
typedef struct task_extra {
  nesting *levels; /* the coroutines nested in it now, the innermost last */
  unsigned depth;
  unsigned room; /* for that many */
  scope *scopes; /* of ctx:call under way, the innermost first */
  int held;      /* anchor of a traceback: where it was when it had to be ended by force */
} task_extra;

#define TASK_MARK_BITS 24 /* Lua's stacks have a million values at most */

/* One for each connection that is served, most of them waiting: so it is kept small. */
struct task {
  lc_link in_queue; /* while it is ready, or waits in a list: one or the other */
  lc_link in_tasks; /* all unfinished ones; the pool */
  lc_link in_context;
  runtime *rt;
  lua_State *co;
  owner *by;    /* NULL: the process */
  context *ctx; /* NULL: its connection's own, which nobody has asked for so far */
  task_extra *extra;
  lc_timer timer;
  uint64_t id;
  lc_time began;

  /* While suspended: what it waits for, and how to stop waiting for it. */
  const char *waits_for; /* NULL when it does not */
  lua_KFunction again;   /* goes on with it */
  lua_KContext kept;
  void (*unwait)(task *t);
  void *wait_object;
  lc_time waits_since;

  int anchor;                     /* of the coroutine */
  int handle;                     /* anchor of the task object, when the script has one */
  unsigned mark : TASK_MARK_BITS; /* where its innermost stack ended when it was suspended */
  unsigned has_failed : 1;        /* an operation was refused for good */
  unsigned is_deaf : 1;    /* more than once: a handler that does not take no for an answer */
  unsigned has_begun : 1;  /* until then a function and its arguments lie on its stack */
  unsigned wants_turn : 1; /* waits to write */
  unsigned at_rest : 1;    /* waits for work: to be canceled here cuts nothing */
  unsigned
    is_wordless : 1; /* waits in what has no word for the end of a context: it may be ended here */
  unsigned is_kept : 1;    /* what it waits with, by more than its stack */
  unsigned has_slot : 1;   /* of its own for this wait, at `mark` */
  int16_t woken;           /* why it was resumed: 0, or a code */
  unsigned is_forced : 1;  /* an error was raised in it to end it */
  unsigned is_frozen : 1;  /* it is not resumed any more, only killed */
  unsigned lets_go : 1;    /* its yield is for the loop, not for whoever resumed its coroutine */
  unsigned is_main : 1;    /* its script takes its coroutine for the main one */
  unsigned is_exposed : 1; /* the script has seen its coroutine: it is in tasks.busy */
  unsigned is_handler : 1;
  unsigned is_goodbye : 1; /* on_drain: guards its connection */
  unsigned is_system : 1;  /* ours: neither counted nor canceled with the process's */
  unsigned noted : 2;      /* among the stragglers, by the last step that came to it */
  unsigned failed : 1;
  unsigned doomed : 1;   /* to be killed when it next lets go */
  unsigned killing : 1;  /* its <close> variables are running */
  unsigned canceled : 1; /* task:cancel: whatever its context says */
};

/* A walk over all unfinished tasks that may take several turns, while tasks begin and end; zero at first. */
typedef struct task_walk {
  lc_link link;
  lc_link *next; /* NULL when it is not under way */
} task_walk;

/* All tasks of a runtime. Only the loop resumes them, from its ready queue, one bounded share a turn; whatever makes a
 * task runnable (an event, a timer, a cancel, another task) puts it there. So no task ever runs inside another's call. */
struct tasks {
  lc_link ready;     /* to be resumed */
  lc_link all;       /* unfinished ones, the oldest first */
  lc_link walks;     /* over them, under way */
  task_walk to_kill; /* one of those */
  lc_link pool;      /* finished ones, with their coroutines */
  unsigned pooled;
  uint64_t last_id;

  /* The share of this turn, and of the task that runs. */
  int in_turn;         /* tasks are being resumed */
  int operations;      /* left to the one that runs, in this resume */
  ssize_t bytes;       /* likewise */
  int result_count;    /* on the stack of the one that has just finished */
  int ends_suspension; /* suspension_end is at work */
  int loop_is_wanted;  /* no more tasks in this turn */
  lc_link preempted;   /* those that gave way to it */
  unsigned rest;       /* turns before they go on */

  unsigned of_process; /* unfinished and owned by the process, those of ours left out */
  unsigned of_ours;
  lc_link process_waiters; /* for of_process to be 0 */
  unsigned scopes_aside;   /* of ctx:call, in generators that are suspended */
  int busy;                /* reference: a set of coroutines that the loop alone may resume */
};

void tasks_open(lua_State *L, runtime *rt);
task_extra *task_need_extra(task *t); /* NULL for lack of memory */
/* Pops a function and `count` arguments; the task runs them in `ctx`, NULL for the own one of the connection
 * that owns it, if that has not been made. Raises for lack of memory. [-(count+1), 0] */
task *task_start(lua_State *L, runtime *rt, owner *by, context *ctx, int count);
void task_recycle(task *t, int reusable);
/* What it goes by; pushes nothing. Makes its connection's own if need be, and may raise for lack of memory. */
context *task_context(lua_State *L, task *t);
void task_pool_free(runtime *rt);
owner *owner_current(const runtime *rt);

/* How many coroutines are nested in it. */
static inline unsigned task_depth(const task *t) { return t->extra ? t->extra->depth : 0; }
static inline scope *task_scopes(const task *t) { return t->extra ? t->extra->scopes : NULL; }

#endif
