/* run.h - one schedule being run: the simulated kernel, the server on the unmodified core, its
 * clients, and what has been seen of them.
 *
 *   plan ----> run ----> clients (client.c)     on hosts of their own, by planned calls
 *               |------> handlers (handler.c)   on the core's callbacks, as an embedder's tasks are
 *               |------> acts                   signals, shutdowns, suspensions
 *               `------> checks (check.c)       after each callback, turn, and at the end
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "lastcall.h"
#include "plan.h"
#include "shaking.h"
#include "truth.h"
#include "words.h"

enum { RUN_HANDLERS = 2 * PLAN_CLIENTS, RUN_TEXT = 400, RUN_BYTES = 64 * 1024 };

/* ---------------------------------------------------------------- clients -- */

typedef enum client_end {
  STILL_THERE,
  REFUSED,
  SAW_EOF,
  SAW_RESET,
  SAW_TIMEOUT, /* of the network */
  OWN_WISH     /* by its temper */
} client_end;

enum { HTTP_FIELDS = 8, HTTP_HEAD = 512 };

/* The replies of a plan that speaks HTTP. */
typedef struct http_talk {
  lc_http_head head; /* the one being read */
  lc_http_field fields[HTTP_FIELDS];
  char text[HTTP_HEAD];
  unsigned length;
  uint16_t status;
  uint64_t left;      /* of its body */
  int is_last;        /* it says "Connection: close" */
  unsigned otherwise; /* replies of another status than 200 */
} http_talk;

enum { WS_HEADS = 40 };

/* The frames of a plan that speaks WebSocket. */
typedef struct ws_talk {
  char head[LC_WS_HEAD_MOST], control[LC_WS_CONTROL_MOST]; /* of the frame being read */
  unsigned length, control_length;                         /* what has come of them */
  uint8_t opcode;
  uint64_t left; /* of its payload */
  unsigned pongs;
  int code;            /* of the server's Close; 0: none has come */
  int closes;          /* it says Close, once the frame under way is sent */
  unsigned close_sent; /* bytes of that */
  int
    was_reset; /* a send has heard of it: the kernel tells that once, and a receive then returns 0 */
} ws_talk;

struct client {
  run *in;
  const plan_client *plan;
  unsigned index;
  sim_process *process;
  const lc_sys *sys;
  int fd;
  uint16_t port; /* of its own */
  int is_connecting;
  lc_time connected_at; /* 0: never */
  lc_time shaken_at;    /* when its handshake was over; 0: never */
  size_t shake_said, shake_got;
  lc_time started_at; /* when it called connect() */
  lc_time spoke_at;   /* when the first of its bytes was with its kernel; 0: never */
  lc_time asked_at;   /* the same of its whole first request */
  unsigned request;   /* being sent */
  uint64_t sent;      /* bytes of it */
  lc_time next_at;    /* when it goes on, after a pause */
  int has_finished;   /* its FIN is sent */
  int is_waiting;     /* for its turn: a call of client_go is planned */

  uint64_t received;
  char head[WORDS_SIZE]; /* the reply being read */
  unsigned head_length;
  words reply;
  uint64_t reply_left;
  unsigned answered; /* replies that came whole */
  http_talk http;
  ws_talk ws;
  client_end end;
  lc_time ended_at;
};

void client_start(client *c);
void client_is_open(client *c); /* its handshake is over, if there is one */
/* What the plan has for one of its requests. */
const plan_request *client_asked(const client *c, unsigned request);
void client_takes(client *c, const char *bytes, size_t size); /* answers */

/* http_client.c: for plans that speak HTTP */
void http_client_takes(client *c, const char *bytes, size_t size);
int http_client_is_between(const client *c); /* two replies */
lc_time http_client_pause(const client *c);  /* before its next request */

/* ws_client.c: for plans that speak WebSocket */
void ws_client_takes(client *c, const char *bytes, size_t size);
size_t ws_client_next(const client *c, const char **bytes);
/* How many whole messages so many bytes of the client are, and whether no other has begun. */
unsigned ws_client_whole(const client *c, uint64_t bytes, int *is_between);
int ws_client_closes(client *c);

/* --------------------------------------------------------------- handlers -- */

typedef enum stage {
  WAITS_REQUEST,
  READS_BODY,
  WORKS,
  WRITES,
  LEAVES, /* has closed the connection itself, and goes on for a while */
  OVER
} stage;

struct handler {
  run *in;
  lc_conn *conn; /* held to the end of the run */
  client *client;
  stage stage;
  lc_timer timer;
  lc_timer spawned; /* the end of a task it left behind */
  int has_spawned;
  int is_guarding;
  int is_queued;
  int woken;     /* a code, or 0 */
  int cut;       /* by the ladder: what its waits give */
  int has_begun; /* the request that it reads */

  words request;
  unsigned expected; /* the number of the next */
  const plan_request *asked;
  uint64_t left; /* of the body */
  char head[WORDS_SIZE];
  uint64_t reply_size;           /* of what is written as one reply, head included */
  uint64_t position;             /* of it, with the core already */
  uint64_t write_from, write_to; /* the write under way */
  lc_websocket *ws;              /* of a plan that speaks it */
  int leaves_early;              /* by a Close of its own */
  char answer[WORDS_SIZE + PLAN_MESSAGE];
  int file; /* with the body of the reply; 0: it is written */

  int waits_read, waits_write; /* since when nothing has come of it is: */
  lc_time stuck_since;
  int has_opened;          /* just now: what it is told next may have come earlier */
  lc_time rests_since;     /* while the server drains; 0: it does not */
  unsigned failed_by_then; /* calls of the process */

  uint64_t consumed; /* bytes that it was given */
  uint64_t mark;     /* bytes that had come when it was due; when is_marked */
  int is_marked;
  int is_late; /* by its statistics, when it was closed */

  uint64_t accepted; /* bytes taken by the core for writing */
  int may_say_farewell;
  int is_torn;
  int is_cut_short; /* by a kill, or somebody's reset: it had no time to end in order */
  int closed;       /* how often it was told */
  int closes;       /* of its descriptor */
  lc_time closing_at;
  int was_leaving; /* the server, then */
  /* When its descriptor was closed. The script is told later. */
  sim_truth at_close; /* of the application's bytes */
  uint64_t untaken;   /* bytes of the ticket that the peer's host did not have then */
  lc_time closed_at;
  lc_time turn_at;      /* when that turn began: the core may not have seen what came since */
  lc_step step_then;    /* of the server */
  int was_reading;      /* and had not begun to close */
  lc_time least_linger; /* of all that closed it */
  lc_state state;
  const char *cause;
};

extern const lc_events HANDLER_EVENTS, HANDLER_EVENTS_TELLING;
void http_handler_events(lc_events *events); /* http_handler.c: for plans that speak HTTP */
void ws_handler_events(lc_events *events);   /* ws_handler.c: for plans that speak WebSocket */
int handlers_run(void *user);                /* for lc_loop_on_turn */
void handlers_cancel(run *in);
void handlers_kill(run *in);

/* workers.c: for plans that accept by hand */
void workers_wake(run *in);   /* a client may wait, or a worker is free */
void workers_accept(run *in); /* in a turn */
int workers_are_busy(const run *in);

/* -------------------------------------------------------------------- runs -- */

struct run {
  const plan *plan;
  sim_kernel *kernel;
  sim_process *process;
  const lc_sys *sys;
  lc_loop *loop;
  lc_server *server;
  lc_shutdown *shutdown;
  lc_http_service *http; /* NULL: the plan does not speak it */
  shaking shaking;
  lc_events events;
  lc_address address;
  lc_timer hook;
  int hook_holds;
  int is_suspended;
  unsigned acts_due; /* bits: of plan->act, to be done in a turn */
  lc_time stop_at;   /* when the server began to stop; 0: not yet */
  lc_time drain_at;
  lc_time process_stop_at;
  lc_time cancel_at; /* when anything was canceled; 0: not yet */
  lc_time unlistened_at;
  int is_accept_paused;     /* for want of something: the core has said so */
  lc_time unaccepted_since; /* clients are queued, and no event is on its way */
  unsigned accepted;
  int workers_ask;         /* for clients, in the next turn */
  lc_time unclaimed_since; /* clients wait, and a worker that is free is not told */
  lc_time settled_at;      /* when the last listener was closed, while the server drained */

  lc_poll *probe; /* meddle.c's */
  int probe_fd;

  client client[PLAN_CLIENTS];
  handler handler[RUN_HANDLERS];
  unsigned handlers;

  /* What signals and calls have asked for; 0: nothing. */
  lc_time asked_at, must_cancel, must_kill, must_end;
  unsigned signals;
  lc_time signaled_at;

  uint64_t turns;
  lc_time server_deadline, deadline; /* as they were when the turn began */
  unsigned overdue_turns;            /* in a row */

  FILE *trace;
  char failure[RUN_TEXT]; /* the first one; empty: none */
  const char *violation;  /* what kind of one: its format */
};

/* Runs it from beginning to end; whether all was well. `trace` may be NULL. */
int run_plan(run *in, const plan *plan, FILE *trace);

__attribute__((format(printf, 2, 3))) void run_trace(run *in, const char *format, ...);
/* Something is not as it must be; the first is kept. */
__attribute__((format(printf, 2, 3))) void run_fail(run *in, const char *format, ...);
client *run_client_at(run *in, uint16_t port);
/* In a turn: what the plan has the script do now. */
void run_act(run *in);

/* meddle.c */
void meddle_set_up(run *in);
void meddle_take_down(run *in);
void meddle_rest(run *in);              /* at the end of each turn */
void meddle(run *in, const handler *h); /* perhaps, in a callback of that one */

/* check_ladder.c */
void check_idle(const handler *h);      /* it is called so */
void check_dismissed(const handler *h); /* by the drain */
void check_signaled(run *in, lc_time at);
void check_asked(run *in, lc_time at, lc_time timeout);        /* a shutdown of the process */
void check_asked_server(run *in, lc_time at, lc_time timeout); /* of the server alone */
void check_step(run *in, lc_step step);                        /* the server's */
void check_done(run *in);                                      /* the process */
void check_ladder_wait(run *in);

/* check_mark.c */
void check_drain_begins(run *in);         /* the marks are due later */
void check_turned_away(const handler *h); /* a request may not begin any more */
void check_late(handler *h);              /* it is closed */
void check_late_count(run *in);           /* at the end */

/* check_listener.c */
void check_listener_wait(run *in);
void check_refused(run *in, const client *c); /* at the end */

/* check_by_hand.c */
void check_workers_wait(run *in);
int check_spoke_in_time(const run *in, const client *c); /* before silence could end it */

/* check_http.c */
void check_http(const run *in, const client *c); /* at the end */

/* check_ws.c */
void check_ws(const run *in, const client *c); /* at the end */

/* check.c */
const handler *check_handler_of(const run *in, const client *c);
/* Whether nothing in the plan but the drain could keep a first request from its answer. */
int check_is_easy(const run *in);
void check_move(handler *h, lc_state from, lc_state to);
void check_ready(handler *h, unsigned what);
void check_closed(handler *h);
void check_wait(run *in); /* before the loop waits */
void check_turn(run *in); /* after each turn */
void check_over(run *in); /* when the ladder has ended, and the loop is still there */
void check_end(run *in);  /* when the network has come to rest */

#endif
