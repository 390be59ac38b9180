/* traffic.h - connections that always wait for an answer: what a server is kept busy with.
 *
 * A message is `lines` lines of `size` bytes each, newline included; the server sends it back as it
 * is. Each connection keeps `depth` of them under way. With `close_each` it connects anew for every
 * message.
 */
#ifndef LOAD_TRAFFIC_H
#define LOAD_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum { TRAFFIC_DEPTH = 64 };

struct traffic_options {
  uint16_t port;
  unsigned connections, depth, lines;
  size_t size;
  bool close_each;
  bool websocket; /* a message is a text in a frame */
  bool is_awake;  /* never sleeps: to be woken would be a cost of the server's, whose sends do it */
};

struct traffic_result {
  int64_t elapsed;            /* nanoseconds */
  uint64_t answers;           /* lines that came back */
  uint64_t failed;            /* connections that ended too early, since the first */
  struct histogram latencies; /* of whole messages; with close_each from before the connect */
};

struct traffic;

/* Writes one message. */
void traffic_fill(char *message, const struct traffic_options *options);

/* Connects, and sends the first messages. */
struct traffic *traffic_new(const struct traffic_options *options);

/* Goes on for so many seconds. With `check`, every byte that comes back is compared; without, it is
 * only counted. */
void traffic_run(struct traffic *traffic, double seconds, bool check,
                 struct traffic_result *result);

/* Closes all. */
void traffic_free(struct traffic *traffic);

#endif
