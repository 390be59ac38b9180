/* plan.h - one schedule, laid out before it runs: who does what and when, all of it from one seed.
 *
 * A plan is data, so that whatever is not needed for a failure can be taken
 * out of it (shrink.c), and what is left can be told (plan_print).
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdio.h>

#include "kernel.h"

enum { PLAN_CLIENTS = 16, PLAN_REQUESTS = 4, PLAN_ACTS = 6, PLAN_FAULTS = 4 };
enum { PLAN_MESSAGE = 4096 };               /* bytes of an answer over WebSocket, at most */
enum { PLAN_HELLO = 50, PLAN_ANSWER = 30 }; /* bytes of a client's part of a handshake */

/* What a client is like. */
typedef enum temper {
  ORDERLY,      /* asks, waits for the answer, asks again; then finishes, and waits for our end */
  STAYING,      /* the same, but stays connected until we close */
  SILENT,       /* connects and says nothing */
  SLOW_TALKER,  /* sends a few bytes at a time */
  SLOW_READER,  /* reads a few bytes at a time */
  HURRIED,      /* sends all requests at once, without waiting for answers */
  HALF_CLOSING, /* finishes right after its last request, and reads the answers then */
  FLOODING,     /* after its requests, never stops sending */
  RESETTING,    /* at some moment, a reset */
  LEAVING,      /* at some moment, close() with whatever is unread */
  VANISHING,    /* at some moment, its host is gone */
  TEMPERS
} temper;
const char *temper_name(temper which);

/* What a handler does about a request. */
typedef enum deed {
  REPLY,        /* answers at once */
  SLEEP,        /* after a time */
  WRITE_SLOWLY, /* in several writes, with pauses */
  SPAWN,        /* leaves a task of the connection behind, which ends later */
  GUARD,        /* works under a guard */
  POST,         /* posts a note first, from beside the reply */
  IGNORE,       /* sleeps long, and takes no notice of being canceled */
  RAISE,        /* ends without a reply */
  RAISE_LATE,   /* ends after part of it, in whole writes */
  BREAK,        /* gives up a write half-way, when it has to wait */
  ABORT,        /* resets the connection */
  CLOSE,        /* answers, closes with a linger of its own, and goes on for a while */
  DEEDS
} deed;
const char *deed_name(deed which);

/* How a handler waits for the next request. */
typedef enum waiting { BY_AWAIT, BY_LINES, BY_READ, WAITINGS } waiting;

typedef struct plan_request {
  deed deed;
  uint32_t body; /* bytes that follow the request */
  uint32_t reply;
  lc_time time; /* that the deed takes */
} plan_request;

typedef struct plan_client {
  int is_used;
  temper temper;
  lc_time at;      /* connects */
  lc_time think;   /* between an answer and the next request, and before the first */
  lc_time ends;    /* since it connected: when it resets, leaves or vanishes */
  uint32_t bite;   /* bytes at a time, of a slow one */
  lc_time pause;   /* between bites */
  unsigned buffer; /* of its socket; 0: as the network has it */
  unsigned stops;  /* after so many bytes of its handshake; 0: it does not */
  unsigned requests;
  plan_request asked[PLAN_REQUESTS];
} plan_client;

typedef enum act_kind {
  ACT_NONE,
  ACT_SIGNAL,   /* SIGTERM to the server: drains, cancels, kills */
  ACT_SHUTDOWN, /* the script calls for a shutdown, with a time of its own */
  ACT_SUSPEND,
  ACT_RESUME,
  ACT_UNLISTEN,
  ACT_SERVER, /* as ACT_SHUTDOWN, for the server alone */
  ACTS
} act_kind;

typedef struct plan_act {
  act_kind kind;
  lc_time at;
  lc_time timeout; /* of ACT_SHUTDOWN and ACT_SERVER */
} plan_act;

typedef struct plan_fault {
  int is_used;
  fault_call call;
  unsigned nth, times;
  int code;
} plan_fault;

typedef struct plan {
  uint64_t seed;
  sim_network network;
  lc_time cost;      /* of a system call of the server, at most */
  unsigned disorder; /* of events, in a thousand waits */
  int descriptors;
  int backlog;
  lc_server_options server;
  lc_drain_options drain; /* of the process */
  int has_hooks;
  lc_time hook_time;
  waiting waiting;
  unsigned by_hand; /* so many workers accept, and serve one client each; 0: the server serves */
  int speaks_http;  /* the server is one of HTTP, and so are the clients, which keep connections */
  int speaks_websocket; /* likewise; and it speaks no HTTP, nor shakes */
  int shakes; /* connections begin with a handshake (shaking.h), in which the server says */
  unsigned flight, ticket; /* so many bytes; and so many behind it */
  unsigned meddles;        /* one in so many callbacks resets some other connection; 0: none */
  int tells_draining; /* connections are told that the server drains, in place of being closed */
  unsigned clients;
  plan_client client[PLAN_CLIENTS];
  plan_act act[PLAN_ACTS];
  plan_fault fault[PLAN_FAULTS];
  unsigned allocation, allocations; /* of memory: the first that fails, and how many do; 0: none */
} plan;

void plan_make(plan *plan, uint64_t seed);
void plan_print(const plan *source, FILE *to);

#endif
