/* measure.h - one measurement of one server, from its start to its end. */
#ifndef LOAD_MEASURE_H
#define LOAD_MEASURE_H

#include <stdbool.h>

#include "crowd.h"
#include "traffic.h"

struct measurement {
  struct traffic_options traffic; /* connections may be 0: none */
  struct crowd_options idle;      /* count may be 0 */
  unsigned slow;                  /* connections that send and hardly read */
  bool silent;                    /* the idle ones never say a word */
  bool burst;                     /* the traffic comes in bursts: burst.h */
  bool mark;                      /* SIGUSR2 tells the server when the measurement begins */
  double warm, seconds, settle;
  int server_processor, load_processor;
  char **command;
};

/* Prints the figures as name=number, on one line (main.c says which). */
void measure(struct measurement *wanted);

#endif
