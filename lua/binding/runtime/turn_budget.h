/* runtime/turn_budget.h - how long tasks and callbacks may take in one turn of the loop. */
#ifndef LC_BINDING_RUNTIME_TURN_BUDGET_H
#define LC_BINDING_RUNTIME_TURN_BUDGET_H

#include "lastcall.h"

typedef struct runtime runtime;

typedef struct turn_share {
  lc_time until;     /* so long may callbacks, and then tasks, take in this turn */
  lc_time looked_at; /* when the clock was last read for that */
  int until_look;    /* operations, before it is read again */
  int is_over;
} turn_share;

/* The time that callbacks, or tasks, may take in a turn begins. */
void turn_share_begin(runtime *rt);
/* Counts an operation: whether that time is over, and the rest is for the next one. */
int turn_is_over(runtime *rt);

#endif
