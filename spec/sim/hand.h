/* hand.h - schedules of a master that hands its listening socket to workers, and replaces them. */
#ifndef SIM_HAND_H
#define SIM_HAND_H

#include <stdint.h>
#include <stdio.h>

enum { HAND_TEXT = 200 };

/* Runs the schedule of a seed; whether all was well. Else `failure` says what was not. `trace` may be NULL. */
int hand_run(uint64_t seed, char failure[HAND_TEXT], FILE *trace);

#endif
