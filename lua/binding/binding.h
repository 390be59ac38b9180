/* binding.h - what the files of the Lua binding share.
 *
 * One runtime for each Lua state: a loop, its tasks, and what they wait for.
 * Tasks are coroutines. Only the loop resumes them, from its ready queue, one
 * bounded share a turn; whatever makes a task runnable (an event, a timer, a
 * cancel, another task) puts it there, so no task ever runs inside another's call.
 *
 * Lua's registry holds one anchor table with everything that must stay alive by
 * our own doing: coroutines of unfinished tasks, connections being served,
 * servers that are not done. An anchor is an integer key (luaL_ref).
 */
#ifndef LC_BINDING_H
#define LC_BINDING_H

#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>

#include "lastcall.h"
#include "list.h"

#define TASK_OPERATIONS 128 /* in one resume, before the others get their turn */
#define TASK_BYTES (256 * 1024)
#define TASKS_PER_TURN 256
#define TASKS_POOLED 64
#define PREEMPTED_TURNS 4 /* the loop's own, for each time that a task had to be made to give way */

typedef struct runtime runtime;
typedef struct task task;
typedef struct context context;
typedef struct scope scope;
typedef struct conn_box conn_box;
typedef struct server_box server_box;

/* What it takes to interrupt a script; see interrupt.c. */
typedef struct interrupt {
  lua_State *volatile armed; /* has our hook; NULL: none */
  lua_Hook hook;             /* that it had before */
  int mask;
  int count;
  lua_CFunction pcall; /* Lua's own */
  lua_CFunction xpcall;
  lua_Alloc allocate; /* the state's, while ours is in its place; else NULL */
  void *allocate_user;
  unsigned raised; /* errors, in this piece of work */
  const lua_State *raised_in;
  lc_work work; /* what it was, while Lua collects garbage for us; else LC_WORK_NONE */
  int catcher;  /* how deep the function lies that catches the last one */
  lc_time grace_until;
  int noticed; /* this work has held the loop too long */
  lc_time held;
  const task *holder;
  atomic_int has_trace;
  char trace[2048];
  char source[LUA_IDSIZE]; /* where it was stuck */
  int line;                /* 0: not known */
} interrupt;

/* ---------------------------------------------------------------- runtime -- */

struct runtime {
  lua_State *L; /* who turns the loop, or loaded the library; resumes come from it */
  lc_loop *loop;
  lc_server *outbound;
  lc_shutdown *shutdown; /* while run is under way or a shutdown was asked for */
  context *process;      /* the context of process-owned tasks */
  task *current;
  lua_State *volatile innermost; /* the coroutine that runs the script, as far as we are told */
  interrupt interrupt;
  lc_time limit;       /* when the tasks that are being ended must have ended */
  uint64_t limited;    /* the one; 0: all that the process owns */
  lc_time max_block;   /* the run's */
  lc_time least_block; /* of any server's */
  const struct lc_sys *sys;
  int wanted;        /* the loop is: no more tasks in this turn */
  lc_link preempted; /* tasks that gave way to it */
  unsigned rest;     /* turns before they go on */
  lc_link ready;     /* tasks to be resumed */
  lc_link tasks;     /* all unfinished ones */
  task *pool;        /* finished ones, with their coroutines */
  unsigned pooled;
  unsigned process_tasks; /* unfinished and owned by the process, those of ours left out */
  unsigned system_tasks;
  int running_turn;      /* inside the ready queue's share */
  unsigned live_servers; /* not done */
  uint64_t last_task_id;
  lc_link ending;           /* contexts on their way out, while context_end runs */
  lc_link descriptor_waits; /* of tasks, for descriptors that are not connections */
  lc_link process_waiters;  /* tasks that wait for process_tasks to be 0 */
  int running;              /* inside core.run */
  const char *trouble;      /* the last error that nobody could be told of */
  int anchors;              /* registry reference of the anchor table */
  int callbacks;            /* registry reference of the queue of callbacks */
  int busy; /* registry reference of a set: coroutines that the loop alone may resume */
  int process_anchor;
  context *background; /* never ends */
  int background_anchor;
  int hooks; /* registry reference of the table of Lua functions below, set by the modules */
  unsigned callback_first, callback_last;
  struct poll **polls; /* by descriptor, those that tasks wait for */
  int poll_capacity;
  unsigned scopes_aside; /* of ctx:call, in generators that are suspended */
  struct leak *leaks;    /* connections collected while open, not yet told to the log */
  int debug;             /* note where connections are opened */
};

void runtime_check(lua_State *L, const runtime *rt); /* raises when its loop is gone */
runtime *runtime_get(lua_State *L);                  /* creates it on first use */
runtime *runtime_upvalue(lua_State *L);        /* for functions registered with it as upvalue 1 */
int runtime_anchor(lua_State *L, runtime *rt); /* pops a value, returns its anchor [-1, 0] */
void runtime_release(runtime *rt, int anchor);
void runtime_push_anchored(lua_State *L, runtime *rt, int anchor); /* [0, +1] */
/* Queues a call: pops a function and `count` arguments; run between turns, errors go to on_error. */
void runtime_callback(lua_State *L, runtime *rt, int count); /* [-(count+1), 0] */
/* Queues a call to one of the modules' functions ("log", "on_error", "on_step") if it is set;
 * pops `count` arguments. */
void runtime_hook(lua_State *L, runtime *rt, const char *name, int count); /* [-count, 0] */
/* Calls `function` with `argument` protected: callbacks of the core must not be left by an error. */
void runtime_protect(runtime *rt, lua_CFunction function, void *argument);
/* The same for what may call functions of the script's: the watchdog looks at it. */
void runtime_protect_script(runtime *rt, lua_CFunction function, void *argument);
void runtime_protect_on(lua_State *L, runtime *rt, lua_CFunction function, void *argument);

/* ---------------------------------------------------------------- contexts -- */

struct context {
  runtime *rt;
  context *parent; /* kept alive by the first user value; NULL when it has ended or is a root */
  lc_link in_parent;
  lc_link children;
  lc_link tasks;             /* that go by this context */
  int ended;                 /* 0, LC_CANCELED or LC_TIMEOUT */
  const char *cause;         /* when it is not a Lua value (second user value) */
  lc_time deadline;          /* the earliest of its own and its parents'; LC_NEVER */
  lc_timer timer;            /* opened when the deadline is its own */
  unsigned drains : 1;       /* ends when draining begins */
  unsigned is_draining : 1;  /* set where a drain begins: at a server's, or the process's */
  unsigned has_value : 1;    /* made by with_value */
  unsigned functions;        /* registered with on_done */
  lua_Integer last_function; /* numbers them */
  unsigned holds;            /* tasks that go by it, and its functions */
  int anchor;                /* while it is held: LUA_NOREF otherwise */
  conn_box *box;             /* whose own context this is, kept by its second user value */
};

void context_hold(lua_State *L, context *ctx); /* one more hold: it has one, or a connection's */
void context_hold_object(lua_State *L, int index);
void context_unhold(context *ctx);
int context_push(lua_State *L, context *ctx); /* [0, +1], or 0 and nothing */

context *context_new(lua_State *L, runtime *rt,
                     context *parent); /* [0, +1]; parent at the top or NULL */
context *context_check(lua_State *L, int index);
/* Ends it and everything below. `cause` is static; a Lua value in the second user value comes before it. */
void context_end(lua_State *L, context *ctx, int code, const char *cause);
void context_drain(lua_State *L, context *root); /* draining begins here */
int context_is_draining(const context *ctx);
context *context_push_current(lua_State *L, runtime *rt); /* what the caller goes by [0, +1] */
void context_open_tasks(lua_State *L, runtime *rt);       /* methods into the table at the top */
/* A generator of the task is left, or gone on with: its calls of ctx:call bound nobody meanwhile. */
void scopes_leave(lua_State *L, task *t, lua_State *co);
void scopes_enter(lua_State *L, task *t, lua_State *co);
void scopes_forget(task *t);                  /* it has finished */
void context_open(lua_State *L, runtime *rt); /* module functions into the table at the top */

/* ------------------------------------------------------------------- tasks -- */

typedef enum owner_kind { OWNER_PROCESS, OWNER_SERVER, OWNER_CONN, OWNER_KINDS } owner_kind;

typedef struct owner {
  owner_kind kind;
  union {
    server_box *server;
    conn_box *conn;
  } of;
} owner;

/* A coroutine of the script's that was resumed, through lastcall.coroutine, by a task or by another
 * such coroutine of it. */
typedef struct nesting {
  lua_State *co;
  enum { LEVEL_OPEN, LEVEL_IN_C, LEVEL_FOREIGN } barrier; /* what a wait inside cannot get past */
  int is_marked;                                          /* in runtime.busy */
} nesting;

struct task {
  lc_link in_ready;
  lc_link in_tasks;
  lc_link in_context;
  lc_link in_wait; /* of whatever list it waits in */
  runtime *rt;
  lua_State *co;
  int anchor;      /* of the coroutine */
  nesting *levels; /* the coroutines nested in it now, the innermost last */
  unsigned depth;
  unsigned room; /* for that many */
  int handle;    /* anchor of the task object, when the script has one */
  owner owned_by;
  context *ctx;
  scope *scopes; /* of ctx:call under way, the innermost first */
  uint64_t id;
  lc_time began;

  /* While suspended: what it waits for, and how to stop waiting for it. */
  const char *waits_for; /* NULL when it does not */
  lua_KFunction again;   /* goes on with it */
  lua_KContext kept;
  void (*unwait)(task *t);
  void *wait_object;
  lc_time waits_since;
  int woken; /* why it was resumed: 0, or a code */
  lc_timer timer;

  int operations; /* left in this resume */
  ssize_t bytes;
  unsigned failures;      /* terminal ones, for handlers that do not take no for an answer */
  unsigned arguments;     /* of the first resume, the function among them; 0 once it has begun */
  int result_count;       /* on its stack, when it has finished */
  int held;               /* anchor of a traceback: where it was when it had to be ended by force */
  unsigned is_forced : 1; /* an error was raised in it to end it */
  unsigned is_frozen : 1; /* it is not resumed any more, only killed */
  unsigned lets_go : 1;   /* its yield is for the loop, not for whoever resumed its coroutine */
  unsigned is_exposed : 1; /* the script has seen its coroutine: it is in runtime.busy */
  unsigned is_handler : 1;
  unsigned is_goodbye : 1; /* on_drain: guards its connection */
  unsigned is_system : 1;  /* ours: neither counted nor canceled with the process's */
  unsigned failed : 1;
  unsigned doomed : 1;   /* to be killed when it next lets go */
  unsigned killing : 1;  /* its <close> variables are running */
  unsigned canceled : 1; /* task:cancel: whatever its context says */
  task *next_pooled;
};

/* Pops a function and `count` arguments; the task runs them in `ctx`. Raises for lack of memory. */
task *task_start(lua_State *L, runtime *rt, owner by, context *ctx,
                 int count); /* [-(count+1), 0] */
/* The task that runs on L; raises, naming `what`, when there is none or it cannot wait. */
task *task_current(lua_State *L, runtime *rt, const char *what);
/* The same, NULL where that one raises, and for a task that is being killed. */
task *task_that_can_wait(lua_State *L, const runtime *rt);
/* The same without raising: NULL. */
task *task_running(lua_State *L, const runtime *rt);
/* 0, or the code with which every wait of this task ends at once. */
int task_ended(const task *t);
/* Whether the task has had its share and must let others run: then `return task_yield(...)`. */
int task_is_spent(task *t);
int task_yield(lua_State *L, task *t, lua_KContext kept, lua_KFunction again);
/* A terminal failure was handed to the script. */
void task_failed(task *t);
/* Suspends until task_wake; `unwait` is called when it is woken, whatever by. */
int task_suspend(lua_State *L, task *t, const char *waits_for, void *object,
                 void (*unwait)(task *t), lua_KContext kept, lua_KFunction again);
void task_wake(task *t, int code);
void tasks_wake(lc_link *waiting, int code); /* all that wait in a list */
/* Wakes it with LC_TIMEOUT at `at`. */
void task_alarm(task *t, lc_time at);
void task_kill(lua_State *L, task *t);
/* What keeps a wait on L, in that task, from suspending the whole task. */
int task_barrier(lua_State *L, const task *t);
int task_run_ready(runtime *rt); /* one share; whether more are ready */
void task_stop_waiting(task *t); /* for a task that is about to end */
int task_body(lua_State *L);     /* what a task's coroutine runs: a function and its arguments */
/* The error at the top of L goes into a table {error} unless it has passed the message handler: one for lack
 * of memory, or in a __close, has not. */
void task_wrap_error(lua_State *L);
int task_deliver(lua_State *L); /* hands its outcome to who waits, else to on_error */
void task_recycle(task *t, int reusable);
void task_open(lua_State *L, runtime *rt);
/* coroutine.c: closes what is nested in it, innermost first, then its own coroutine; a status. */
int task_close_coroutines(lua_State *L, task *t);
void coroutine_forget(task *t); /* it has ended: its own coroutine is busy no more */
void coroutine_open(lua_State *L, runtime *rt);
void task_open_handles(lua_State *L, runtime *rt);
void task_open_process(lua_State *L, runtime *rt);
void task_pool_free(runtime *rt);
/* task_start, and pushes the task's handle: returns 1. */
int task_go(lua_State *L, runtime *rt, owner by, context *ctx, int count);
owner owner_current(runtime *rt);
void owner_hold(lua_State *L, owner by);
void owner_release(owner by);
int owner_push(lua_State *L, owner by);          /* [0, +1], or 0 and nothing for the process */
void task_push_traceback(lua_State *L, task *t); /* [0, +1] */
const char *task_status_name(const task *t);     /* of one that has not finished */

void spot_open(lua_State *L, runtime *rt); /* where one task waits for another */

/* ------------------------------------------------------------- connections -- */

struct conn_box {
  lc_conn *conn; /* never NULL */
  runtime *rt;
  context *ctx; /* kept by the second user value */
  task *reader;
  task *writer;              /* whose write is half-way through */
  lc_link writers;           /* tasks that wait for their turn to write */
  lc_link closers;           /* tasks that wait for the end */
  server_box *server;        /* NULL for outbound ones */
  unsigned tasks;            /* that it owns */
  int anchor;                /* while it is served or owns tasks; LUA_NOREF otherwise */
  int cut;                   /* LC_DRAINING or LC_CANCELED: the ladder ends every wait for input */
  int last_failure;          /* for conn:error() */
  unsigned is_served : 1;    /* by a handler */
  unsigned is_unstarted : 1; /* which begins with the first byte */
  unsigned connecting : 1;
  unsigned is_detached : 1; /* its ticket is not done yet */
  unsigned logged : 1;
  unsigned half_way : 1; /* the writer waits with part of its write accepted */
  unsigned
    is_socket : 1; /* of lastcall.socket, where to be collected while open is nothing strange */
  task *holder;    /* found by a walk over the tasks, for the report only */
};

extern const char CONN_TYPE[];
/* The user values of a connection's box. */
enum {
  CONN_DATA = 1, /* conn.data */
  CONN_CONTEXT,
  CONN_FAREWELL, /* its own: a string or a function */
  CONN_HOOKS,    /* what detach was given */
  CONN_PLACE,    /* where it was opened, with the option `debug` */
  CONN_BEAT,     /* what its own heartbeat says: a string or a function */
  CONN_VALUES = CONN_BEAT
};
conn_box *conn_check(lua_State *L, int index);
/* A box for a connection: pushes it. `ctx_parent` may be NULL. */
conn_box *conn_box_new(lua_State *L, runtime *rt, lc_conn *conn, server_box *server,
                       context *parent);            /* [0, +1] */
int conn_push(lua_State *L, conn_box *box);         /* [0, +1], or 0 and nothing when it is gone */
void conn_keep(lua_State *L, conn_box *box);        /* anchors the box at the top [0, 0] */
void conn_keep_weakly(lua_State *L, conn_box *box); /* findable, but not kept alive [0, 0] */
void conn_end_context(conn_box *box, const char *cause);
/* nil, code, message: returns 3. */
int push_failure(lua_State *L, int code, const char *peer, const char *operation);
int conn_failure(lua_State *L, conn_box *box, int code, const char *operation);
/* The same for operations that never wait: from the second failure on, others run first. */
int conn_fail_fairly(lua_State *L, conn_box *box, int code, const char *operation);
void conn_on_ready(lc_conn *conn, unsigned what);
void conn_on_closed(lc_conn *conn);
void conn_on_draining(lc_conn *conn);
void conn_on_heartbeat(lc_conn *conn, runtime *rt);
void conn_cancel(conn_box *box);
/* Closes in order, with the farewell. */
void conn_dismiss(lua_State *L, conn_box *box, const char *cause);
/* Suspends the one task that reads until input comes, the deadline passes, or the ladder cuts it. */
int conn_wait_input(lua_State *L, task *t, conn_box *box, lc_time deadline, const char *operation,
                    lua_KContext kept, lua_KFunction again);
/* Suspends until everything written is with the kernel; afterwards conn_end_write. */
int conn_wait_flushed(lua_State *L, task *t, conn_box *box, const char *operation,
                      lua_KContext kept, lua_KFunction again);
void conn_end_write(conn_box *box, const task *t);
/* What it is to be told: its own words, in the user value `own`, or else the server's, an anchor. A
 * function of the script's runs as a callback would and may not wait. NULL when there are none; else they
 * lie at the top of the stack. */
const char *conn_words(lua_State *L, conn_box *box, int own, int servers, const char *where,
                       size_t *length);
/* Its handler has ended: closes it in order, with the farewell when the ladder is why. */
void conn_handler_ended(lua_State *L, conn_box *box);
void conn_hold(lua_State *L, conn_box *box); /* owns one more task */
void conn_release(conn_box *box);
/* Fills a lua table at the top with id, peer, state, age, quiet, received, sent, unsent, unacked. */
void conn_describe(lua_State *L, const lc_conn *conn);
const char *conn_peer_text(const lc_conn *conn, char *text, size_t size);
void conn_open(lua_State *L, runtime *rt);
void conn_open_reading(lua_State *L, runtime *rt); /* methods into the table at the top */
void conn_open_writing(lua_State *L, runtime *rt);
void conn_open_closing(lua_State *L, runtime *rt);
void conn_open_words(lua_State *L, runtime *rt);
/* Brings it to new settings: pushes true, or nil, code, message; how many. */
int conn_apply(lua_State *L, conn_box *box, const lc_settings *settings, const char *operation);
void conn_open_settings(lua_State *L, runtime *rt);
void conn_open_detach(lua_State *L, runtime *rt);
/* For the ladder: runs what detach was given; at the kill it is counted no longer. */
void conn_drain_detached(lua_State *L, conn_box *box);
void conn_kill_detached(lua_State *L, conn_box *box);
void conn_end_detached(conn_box *box);
void conn_unanchor_when_over(conn_box *box);
/* An optional linger argument: seconds, or "background". Raises for anything else. */
void conn_linger_argument(lua_State *L, int index, lc_time *linger);
/* Whether another task's write is half-way through. */
int conn_is_being_written(const conn_box *box, const task *t);
/* conn_leaks.c: connections that were collected while open. */
void conn_note_place(lua_State *L);            /* of the connection at the top, with `debug` */
void conn_leaked(lua_State *L, conn_box *box); /* from its finalizer; the box is at index 1 */
void conn_tell_leaks(runtime *rt);             /* to the log */
void conn_forget_leaks(runtime *rt);
lc_server *conn_new_outbound(runtime *rt); /* the registry of connections of our own making */
/* Calls the function at `function` with a socket object for `fd`, which is of use only until it
 * returns. LUA_OK, or another status with the error at the top. */
int socket_call(lua_State *L, runtime *rt, int function, int fd); /* [0, 0 or +1] */
void sockopt_open(lua_State *L, runtime *rt);
void conn_open_sockopt(lua_State *L, runtime *rt);
void connect_open(lua_State *L, runtime *rt);

/* ----------------------------------------------------------------- servers -- */

struct server_box {
  lc_server *server; /* NULL once freed */
  runtime *rt;
  context *ctx;
  int anchor;  /* until it is done */
  int handler; /* anchors: LUA_NOREF when there is none */
  int on_error;
  int on_state;
  int on_step;
  int on_drain;
  int farewell;   /* a string or a function */
  int beat;       /* what a heartbeat says: a string or a function */
  int stragglers; /* a table */
  int log;
  lc_time max_block; /* for its tasks */
  int is_done;
  int starts_with_data; /* handlers begin with the first byte */
  int is_uncounted;     /* a run does not wait for it */
  lc_link acceptors;    /* tasks in accept */
  lc_link waiters;      /* tasks in serve, wait and wait_for */
};

server_box *server_check(lua_State *L, int index);
extern const lc_events SERVER_EVENTS;
/* on_state's first word of a connection, whose box there is: "new". */
void server_tell_new(lua_State *L, server_box *box, lc_conn *conn);
void server_open(lua_State *L, runtime *rt);
/* Methods into the table at the top, and what only the modules call into the one below it. */
void server_register(lua_State *L, runtime *rt, const luaL_Reg *methods, const luaL_Reg *functions);
void server_open_events(lua_State *L, runtime *rt); /* registers so, as the next two do */
void server_open_listening(lua_State *L, runtime *rt);
void server_open_waiting(lua_State *L, runtime *rt);
/* Queues a line for its log, or the process's: pops level, event, fields. */
void server_log(lua_State *L, server_box *box, runtime *rt); /* [-3, 0] */
/* Queues a call to its on_error, or the process's: pops error, traceback, connection. */
void server_report_error(lua_State *L, server_box *box, runtime *rt); /* [-3, 0] */
/* A server listens no more: who selects on it looks again. */
void socket_listening_ended(runtime *rt);
/* stragglers.c: who was canceled or killed, and what held them. */
void stragglers_note(lua_State *L, server_box *box, const char *fate);
void stragglers_kill(lua_State *L, server_box *box);
server_box *server_of(owner by);

/* ----------------------------------------------------------------- options -- */

/* Fields of the table at `index`, already checked by the modules. */
lc_time option_time(lua_State *L, int index, const char *name, lc_time otherwise);
lua_Integer option_integer(lua_State *L, int index, const char *name, lua_Integer otherwise);
int option_boolean(lua_State *L, int index, const char *name, int otherwise);
int option_is(lua_State *L, int index, const char *name, const char *word);
void option_settings(lua_State *L, int index, lc_settings *settings);
void option_drain(lua_State *L, int index, lc_drain_options *drain);
void option_heartbeat(lua_State *L, int index, lc_heartbeat *heartbeat);
void option_keepalive(lua_State *L, int index, lc_keepalive *keepalive);
void option_listen(lua_State *L, int index, lc_listen_options *listen);
/* An optional argument in seconds: LC_NEVER when absent; raises for what is not a number. */
lc_time optional_seconds(lua_State *L, int argument);

/* -------------------------------------------------------------- interrupting -- */

void interrupt_arm(runtime *rt); /* in a signal handler: the script is to be interrupted */
void interrupt_disarm(runtime *rt);
void interrupt_leave(runtime *rt, const lua_State *co); /* it no longer runs: its hook goes */
/* Something of the script's is about to run on L; what the loop's thread was at. Afterwards
 * interrupt_work_done, then lc_loop_enter with what it was at. */
lc_work interrupt_enter(runtime *rt, lua_State *L, lc_work work);
void interrupt_work_done(runtime *rt, task *t); /* tells the log if it took too long */
/* Suspends a task that is to be killed, for good. */
int interrupt_freeze(lua_State *L, task *t, lua_KContext kept, lua_KFunction again);
void interrupt_open(lua_State *L, runtime *rt);
void watchdog_bound(runtime *rt, lc_time max_block); /* a server's own */
void watchdog_open(lua_State *L, runtime *rt);

void process_open(lua_State *L, runtime *rt); /* run, step, shutdown */
void signals_open(lua_State *L, runtime *rt);
void poll_open(lua_State *L, runtime *rt); /* other people's descriptors */
void polls_free(runtime *rt);
void process_context_new(lua_State *L, runtime *rt);
/* Raises unless the string at `index` is an address that needs no look-up. */
int check_numeric(lua_State *L, int index, lc_address *address);
int server_facts(lua_State *L);

/* Registers functions, each with the runtime as its only upvalue, into the table at the top. */
void register_functions(lua_State *L, runtime *rt, const luaL_Reg *functions);

#endif
