/* loop.h - the event loop as the rest of the core sees it.
 *
 * A watch is a descriptor that is registered once, edge-triggered, with a function
 * for its events. The kernel knows a watch by slot and generation, not by a pointer.
 * So an event for a descriptor that was closed earlier in the same batch finds no
 * watch, even when a new descriptor has the same number.
 *
 * A job is work that runs later in this turn or in the next, never inside the call
 * that queued it. Each turn runs the jobs that were there when it came to them,
 * until its time is over. The jobs left over come first in the next turn.
 *
 * Ladders have a heap of timers and a queue of jobs of their own. Each turn goes
 * through both, however long other work takes: a step is never late.
 */
#ifndef LC_LOOP_H
#define LC_LOOP_H

#include "base/heap.h"
#include "base/list.h"
#include "loop/resolver.h"
#include "loop/signals.h"
#include "loop/turn.h"
#include "sys/sys.h"

/* With more events or connections in a turn, the first have left the cache when their tasks run. */
#define LC_EVENTS_PER_TURN 32
#define LC_ACCEPTS_PER_TURN 8
#define LC_VISITS_PER_TURN 32 /* connections that one step of a drain visits */
/* Bytes received in one turn for one connection for which no embedder reads: it lingers, or its
 * protocol reads. */
#define LC_BYTES_PER_TURN (256 * 1024)
/* The size of the loop's one buffer for input, and of its one for output. */
#define LC_SHARED_BUFFER (64 * 1024)

#define LC_WATCH_ALL (LC_POLL_IN | LC_POLL_URGENT | LC_POLL_OUT | LC_POLL_FINISHED | LC_POLL_EDGE)

typedef struct lc_watch lc_watch;
struct lc_watch {
  int fd;        /* -1 when there is none */
  uint32_t slot; /* meaningful while it is watched */
  void (*ready)(lc_watch *watch, uint32_t events);
};

typedef struct lc_job {
  lc_link link; /* zero until the first lc_job_init */
  void (*run)(struct lc_job *job);
} lc_job;

/* Ends with the loop, if it has not ended before. The last one added ends first. */
typedef struct lc_child {
  lc_link link;
  void (*end)(struct lc_child *child); /* removes the child from the loop */
} lc_child;

#define LC_NO_SLOT UINT32_MAX
/* A watch is part of a structure of about this size, which the loop prefetches before the event. */
#define LC_WATCHED_SIZE 384

/* Every connection has one, so it is packed into twelve bytes. */
typedef struct __attribute__((packed)) lc_slot {
  union {
    lc_watch *watch;
    uint32_t next_free;
  };
  uint32_t generation; /* odd while the slot is in use; never the same again */
} lc_slot;

struct lc_loop {
  const lc_sys *sys;
  int poller;
  lc_watch wake;
  lc_time now;
  lc_heap timers;
  lc_heap deadlines; /* of ladders */
  lc_turn turn;

  lc_slot *slots;
  uint32_t slot_capacity;
  uint32_t slot_used; /* slots that were ever in use; the others are untouched memory */
  uint32_t slot_free; /* the first free slot among them, or LC_NO_SLOT */

  lc_link jobs;
  lc_link slow_jobs;
  lc_link ladders;
  /* the process's deadline has passed: shares of a turn have no end any more */
  int is_overdue;
  lc_link urgent_jobs; /* jobs that run after each event */
  lc_link children;
  struct lc_pulse *pulse; /* the observer's, or NULL */
  int (*on_turn)(void *user);
  void *on_turn_user;
  int turn_again; /* on_turn has more to do */
  int is_turning;

  lc_signals signals;
  lc_resolver *resolver;
  lc_features features;
  int features_known;
  uint64_t last_id;

  /* The shared buffers. A tenant is the connection that has one on loan. */
  struct lc_buffer *input;
  void *input_tenant;
  char *output;
  size_t output_length;
  void *output_tenant;
  lc_job output_job; /* urgent: sends the output tenant's bytes */

  lc_loop_stats stats;
  int is_unready; /* the embedder has said so */
};

int lc_loop_watch(lc_loop *loop, lc_watch *watch, uint32_t events);
/* Removes the descriptor from the poller and frees the slot. The descriptor stays open.
 * Idempotent. */
void lc_loop_unwatch(lc_loop *loop, lc_watch *watch);
/* The same, for a descriptor that is closed next and has no copy: then the kernel itself removes it
 * from the poller. */
void lc_loop_forget(lc_loop *loop, lc_watch *watch);

void lc_job_init(lc_job *job, void (*run)(lc_job *job));
void lc_job_queue(lc_loop *loop, lc_job *job); /* a job that is queued already stays where it is */
/* Queues a job that computes for long, such as a step of a handshake. Such jobs have a share of the
 * turn for themselves. */
void lc_job_queue_slow(lc_loop *loop, lc_job *job);
/* Queues a job of a ladder. */
void lc_job_queue_ladder(lc_loop *loop, lc_job *job);
void lc_job_cancel(lc_job *job);
int lc_job_is_queued(const lc_job *job);
/* Queues a job that runs after the event in hand. From a timer, a job, or the embedder's share it
 * runs at the end of the turn, and from outside of a turn in the next one. lc_loop_flush runs it at
 * once. */
void lc_job_hurry(lc_loop *loop, lc_job *job);

void lc_loop_add_child(lc_loop *loop, lc_child *child, void (*end)(lc_child *child));
void lc_loop_remove_child(lc_child *child);
/* Returns the child with this `end`, or NULL. A loop has at most one. */
lc_child *lc_loop_child(const lc_loop *loop, void (*end)(lc_child *child));

#endif
