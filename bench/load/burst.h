/* burst.h - messages in bursts: what several processes of a server can do when the load generator
 * takes none of their processors.
 *
 * The processes stand still (SIGSTOP) while one message is sent on each connection. Then they go
 * on, and the load generator sleeps until whole answers have come.
 */
#ifndef LOAD_BURST_H
#define LOAD_BURST_H

#include "subject.h"
#include "traffic.h"

struct burst_result {
  int64_t elapsed; /* nanoseconds while the server went on */
  int64_t used;    /* of its processor time meanwhile */
  uint64_t answers;
};

/* Bursts until the server has gone on for so many seconds, after one that is not counted and whose
 * answers are compared with the messages. */
void burst_run(const struct traffic_options *options, const struct subject *subject, double seconds,
               struct burst_result *result);

#endif
