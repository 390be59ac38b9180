/* pass.h - schedules of two processes that pass each other descriptors over a unix connection. */
#ifndef SIM_PASS_H
#define SIM_PASS_H

#include <stdint.h>
#include <stdio.h>

enum { PASS_TEXT = 200 };

/* Runs the schedule of a seed; whether all was well. Else `failure` says what was not. `trace` may be NULL. */
int pass_run(uint64_t seed, char failure[PASS_TEXT], FILE *trace);

#endif
