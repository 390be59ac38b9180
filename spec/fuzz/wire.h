/* wire.h - a kernel with two sockets, on which bytes arrive when the fuzz target says so.
 *
 * Enough of lc_sys for a loop and its connections, without a system call: so a
 * fuzz target can decide how a stream is cut into pieces, and when a receive is
 * interrupted or short of memory. What is written is swallowed.
 */
#ifndef WIRE_H
#define WIRE_H

#include "sys/sys.h"

enum { WIRE_SOCKETS = 2, WIRE_QUEUE = 1 << 18 };

typedef struct wire_socket {
  uint8_t queue[WIRE_QUEUE];
  size_t from, to; /* what was not received yet */
  int is_finished; /* the peer has sent its FIN */
  int is_reset;    /* or a RST, which is told once, after what is queued */
  int trouble;     /* a code for the next receive, once */
  int is_open;
  uint32_t happened; /* events that the poller has not told */
  uint64_t tag;      /* the poller's */
  int is_watched;
} wire_socket;

typedef struct wire {
  lc_sys sys;
  lc_time now;
  wire_socket sockets[WIRE_SOCKETS];
} wire;

void wire_init(wire *w);
int wire_fd(int socket); /* the descriptor of socket 0 or 1 */

void wire_arrive(wire *w, int socket, const uint8_t *data, size_t size);
void wire_finish(wire *w, int socket);
void wire_reset(wire *w, int socket);

#endif
