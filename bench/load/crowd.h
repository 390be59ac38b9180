/* crowd.h - connections that are mostly silent, held by processes of their own.
 *
 * One process has descriptors for about 20,000, so a crowd is divided among several, each of which
 * comes from addresses of its own. They do what they are ordered to, all at once, and nothing else.
 */
#ifndef LOAD_CROWD_H
#define LOAD_CROWD_H

#include <stdbool.h>
#include <stdint.h>

struct crowd_options {
  uint16_t port;
  unsigned count, holders;
  const char
    *request; /* what each says when it speaks; the answer is its echo, or one piece of anything */
  bool any_answer;
  int processor; /* negative: any */
  bool is_awake; /* while it watches it never sleeps: to be woken would be a cost of the server's */
};

struct crowd_end {
  uint64_t finished; /* connections that the server closed in order, nothing missing */
  uint64_t lost;     /* ended in any other way, or not within the time */
  int64_t last;      /* when the last of them saw its end, by clock_now */
};

struct crowd;

/* The processes, which hold nothing yet. Before any thread or connection of the caller's. */
struct crowd *crowd_new(const struct crowd_options *options);

/* Each of these returns when all of it is done, and gives up when something is refused. */
void crowd_connect(struct crowd *crowd);
void crowd_speak(struct crowd *crowd); /* one request on each connection, and its answer */

/* From now on they send without end and read a KiB in 10 ms each; until the next order. */
void crowd_dawdle(struct crowd *crowd);

/* From now on they wait for the server to close them. */
void crowd_watch(struct crowd *crowd);

/* After crowd_watch: waits until all have been closed. The processes are gone then. */
void crowd_finish(struct crowd *crowd, struct crowd_end *end);

/* Ends the processes, and so their connections. */
void crowd_leave(struct crowd *crowd);

#endif
