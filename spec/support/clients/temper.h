/* temper.h - a temper is a way of behaving, and the clients that behave so.
 *
 * A kind is a table of functions over its clients. Two ways of opening clients
 * are shared: a crowd (a fixed number, brought up gently, then all ready) and a
 * storm (one after the other, for a time). What a kind adds is its `step`.
 */
#ifndef CLIENTS_TEMPER_H
#define CLIENTS_TEMPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "client.h"
#include "engine.h"
#include "tally.h"

enum { PARAMETERS = 9 };

struct parameter {
  const char *key;
  double fallback;
  const char *words; /* "fin|reset": the value is the word's place; NULL for numbers */
  const char *help;
};

struct temper_kind {
  const char *name;
  const char *help;
  const struct parameter *parameters; /* ends with a NULL key */

  void (*start)(struct temper *temper);
  void (*turn)(struct temper *temper);   /* its alarm rang: open more clients */
  void (*bell)(struct temper *temper);   /* the server was told to stop; may be NULL */
  void (*let_go)(struct temper *temper); /* SIGUSR2; may be NULL */
  bool (*is_ready)(const struct temper *temper);
  bool (*is_over)(const struct temper *temper);

  void (*prepare)(struct client *client, uint64_t number); /* before connect() */
  void (*step)(struct client *client);                     /* connected, an event, or its alarm */
  /* Must not open another client on the spot: opening can end one. */
  void (*ended)(struct client *client, enum count outcome);
  enum count (*at_stop)(const struct client *client); /* NULL: UNFINISHED */
};

struct temper {
  struct alarm alarm; /* first, so that an alarm is found to be its temper */
  const struct temper_kind *kind;
  struct engine *engine;
  struct temper *next;
  struct address address;
  double value[PARAMETERS]; /* in the order of kind->parameters */
  double delayed;           /* seconds after which a served client counts as delayed */
  unsigned sources;
  size_t receive_buffer; /* 0: as the system has it */
  struct tally tally;
  struct client *clients;
  size_t live;
  bool reset_is_harm;

  /* A crowd's */
  size_t size, burst, ready;
  bool spoiled; /* a client ended before it was ready: the crowd never will be */
  bool ready_when_acknowledged;

  /* A storm's */
  bool over; /* no more will be opened */
  double next_open, ends_at, refused_since, pause_until;
};

extern const struct temper_kind *const temper_kinds[]; /* ends with NULL */

/* Reads "key=value,key=value" into temper->value; returns NULL or what is wrong. */
const char *temper_set(struct temper *temper, const char *settings);
void temper_init(struct temper *temper, struct engine *engine, const struct temper_kind *kind);
void temper_stop(struct temper *temper); /* the hard stop: everyone gets an outcome */

void tempers_bell(struct engine *engine);
void tempers_let_go(struct engine *engine);

/* crowd.c */
void crowd_start(struct temper *temper, double size, double burst);
void crowd_turn(struct temper *temper);
void crowd_ended(struct client *client, enum count outcome);
bool crowd_is_ready(const struct temper *temper);
bool crowd_is_over(const struct temper *temper);
void crowd_client_ready(struct client *client);

/* exchange.c: steps that several kinds share. */
void exchange_step(struct client *client);              /* send the request, read the reply, end */
bool exchange_read(struct client *client, double rate); /* true when it ended */

extern const struct temper_kind kind_storm, kind_latecomer; /* temper_storm.c */
extern const struct temper_kind kind_keepalive;             /* temper_keepalive.c */
extern const struct temper_kind kind_idle, kind_stalled;    /* temper_quiet.c */
extern const struct temper_kind kind_midwork, kind_twopart; /* temper_request.c */
extern const struct temper_kind kind_slowread, kind_upload; /* temper_reader.c */

#endif
