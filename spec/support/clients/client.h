/* client.h - one connection, from connect() to its one outcome.
 *
 *   waiting ──> connecting ──> talking ──> (ended)
 *
 * waiting     a unix listener's queue was full; connect() is tried again
 * connecting  connect() is under way
 * talking     connected; the temper's `step` decides what happens
 *
 * Registered once with epoll, edge-triggered, for everything: a step tries to
 * send and to read what it wants, whatever the event was, so a client that does
 * not want to read costs nothing however much lies there.
 */
#ifndef CLIENTS_CLIENT_H
#define CLIENTS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "reply.h"
#include "tally.h"

struct temper;

enum phase { WAITING, CONNECTING, TALKING };

enum reading {
  READ_BLOCKED, /* nothing more is there yet */
  READ_LIMIT,   /* took as much as was allowed, there may be more */
  READ_WHOLE,   /* the reply is complete */
  READ_WRONG,   /* a byte differs from the one expected */
  READ_EOF,
  READ_ERROR, /* the error is tallied */
};

struct client {
  struct alarm alarm; /* first, so that an alarm is found to be its client */
  struct temper *temper;
  struct client *previous, *next; /* the temper's live ones; `next` also links the dead */
  int fd;
  enum phase phase;
  int stage; /* the temper's own */
  bool ready;
  bool surplus;
  bool hung_up; /* both directions are over: on TCP, as we never half-close, a reset */
  double begun;
  double next_act; /* when the temper's next move is due, where it paces itself */

  /* What is still to be sent: a text, then so many bytes of the pattern. */
  char request[64];
  size_t request_length, request_sent;
  uint64_t body, body_sent;

  /* What must come back: so many bytes of the pattern, then a text. */
  uint64_t pattern;
  char tail[32];
  size_t tail_length;
  uint64_t got;

  /* Or a reply of HTTP, and then the end of the stream where it was asked for. */
  bool speaks_http, awaits_end;
  struct reply reply;
};

/* Opens a client of the temper and begins to connect it. It may have ended when
 * this returns (the counts tell). */
void client_open(struct temper *temper);

void client_event(struct client *client, uint32_t events);
void client_ring(struct engine *engine, struct alarm *alarm);

/* Asks for the step to be run again no later than `when`. */
void client_again(struct client *client, double when);

/* Forgets the last exchange and prepares the next one. */
void client_say(struct client *client, uint64_t body, const char *format, ...)
  __attribute__((format(printf, 3, 4)));
void client_expect(struct client *client, uint64_t pattern, const char *tail);

/* The same for a GET over HTTP. Where it is the connection's last one, the reply is whole at the end
 * of the stream. */
void client_ask_http(struct client *client, bool is_last);

/* Sends what can be sent. True when everything has been, or when the peer will
 * take no more; what it sent back may still be worth reading. */
bool client_send(struct client *client);

/* Reads at most `limit` bytes of the expected reply, checking every one. */
enum reading client_read(struct client *client, uint64_t limit);

/* Reads and forgets, to see the end of the stream: READ_BLOCKED, _LIMIT, _EOF or _ERROR. */
enum reading client_discard(struct client *client);

/* True when the peer's host has acknowledged all that was sent. */
bool client_acknowledged(const struct client *client);

/* The end: counted once, closed, freed after this turn. */
void client_end(struct client *client, enum count outcome);

/* Ends it as its last reading says: served, lost, truncated or garbled. True
 * when it ended, false when the reading settles nothing yet. */
bool client_settle(struct client *client, enum reading reading);

/* Makes its close() a reset. */
void client_abort_on_close(const struct client *client);

void client_reap(struct engine *engine);

#endif
