/* plan_fields.h - what a plan consists of, by name: for writing it down, reading it, and leaving
 * things out. */
#ifndef SIM_PLAN_FIELDS_H
#define SIM_PLAN_FIELDS_H

#include "plan.h"

typedef enum field_kind {
  FIELD_NUMBER, /* int or unsigned */
  FIELD_LONG,   /* 64 bits */
  FIELD_TIME,
  FIELD_CODE, /* -errno */
  FIELD_TEMPER,
  FIELD_DEED,
  FIELD_WAITING,
  FIELD_ACT,
  FIELD_CALL
} field_kind;

typedef struct field {
  const char *name;
  field_kind kind;
  size_t offset; /* in its part */
} field;

/* A part of the plan: "network", "client", ... There may be several of a kind. */
typedef struct part {
  const char *name;
  const field *fields;
  unsigned count;
} part;

typedef enum part_kind {
  PART_NETWORK,
  PART_PROCESS,
  PART_SETTINGS,
  PART_SERVER_DRAIN,
  PART_DRAIN,
  PART_CLIENT,
  PART_REQUEST,
  PART_ACT,
  PART_FAULT,
  PARTS
} part_kind;

extern const part PLAN_PARTS[PARTS];

/* The i-th part of a kind (requests: i / PLAN_REQUESTS is the client); NULL past the last there can
 * be. */
void *plan_part(plan *plan, part_kind kind, unsigned index);
/* As it is when nothing is said about it. */
void plan_default(plan *plan);
int field_is_equal(const field *one, const void *a, const void *b);
void field_copy(const field *one, void *to, const void *from);

/* Names of a kind's values, NULL past the last; kinds of numbers have none. */
const char *field_value_name(field_kind kind, unsigned value);

/* 0, or the number of the line that cannot be read, `*problem` saying why. */
unsigned plan_read(plan *p, FILE *from, const char **problem);

#endif
