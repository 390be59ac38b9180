/* shaking.h - a toy of a transport with a handshake, for plans that have one: two round trips, and a ticket behind them.
 *
 *   client                            server
 *     hello, SHAKE_HELLO bytes --------->
 *       <--------- a flight of as many bytes as the plan says, as certificates are
 *     answer, SHAKE_ANSWER bytes ------->
 *       <--------- done, SHAKE_DONE bytes
 *     requests ------------------------->
 *       <--------- a ticket, of as many bytes as the plan says; then replies
 *
 * The ticket goes out with the first call behind the handshake, and nothing is received before it: a receive that waits
 * for room to write. All else behind the handshake crosses as it is, so what the kernel knows of a connection can still be
 * compared with what its handler and its client know.
 */
#ifndef SIM_SHAKING_H
#define SIM_SHAKING_H

#include "conn/transport.h"
#include "plan.h"
#include "truth.h"

enum { SHAKE_HELLO = PLAN_HELLO, SHAKE_ANSWER = PLAN_ANSWER, SHAKE_DONE = 20 };

typedef struct run run;
typedef struct client client;
typedef struct handler handler;

/* Of one connection of the server. */
typedef struct shake {
  run *in;
  struct shake *next;
  int fd;         /* -1 before the first call */
  size_t heard;   /* bytes of the client's part */
  size_t said;    /* bytes of ours that the kernel has */
  size_t may_say; /* of those, and what it has refused */
  int is_done;
  int is_blocked; /* the kernel has refused some */
  lc_time since;
  lc_time stuck_since;
  unsigned failed_by_then; /* calls of the process */
} shake;

typedef struct shaking {
  lc_transport table; /* what is handed to the server */
  run *in;
  shake *first; /* those that are there */
} shaking;

void shaking_init(shaking *all, run *in);
/* Bytes of the handshake and the ticket, from the server; what they are from `offset` on. */
size_t shaking_overhead(const plan *p);
const char *shaking_bytes(size_t offset, size_t *length);

/* shaking_client.c. What comes next of its part: how many bytes, 0 while it is the server's turn. */
size_t shaking_client_says(const client *c, const char **bytes);
void shaking_client_said(client *c, size_t size);
/* Returns how many of the bytes belong to the handshake and the ticket. */
size_t shaking_client_takes(client *c, const char *bytes, size_t size);
int shaking_client_is_open(const client *c); /* it may send its requests */

/* check_shaking.c */
void check_shake_begins(run *in);
unsigned check_handshakes(const run *in); /* how many are under way */
void check_shaken(const handler *h);      /* it hears of a connection */
void check_shaking_wait(run *in);
/* Whether nothing of the handshake's own may keep the client from its answer. */
int check_shakes_easily(const run *in, const client *c);
/* Leaves out what is not the application's. */
void check_shake_aside(const run *in, sim_truth *truth);
/* Bytes of the ticket that the peer's host does not have. */
uint64_t check_ticket_missing(const run *in, const sim_truth *truth);
int check_is_shaking(const handler *h); /* it was accepted by hand, and its handshake is not over */
int check_keeps_ticket(const handler *h); /* and so receives nothing */

#endif
