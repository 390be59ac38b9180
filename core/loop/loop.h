/* loop.h - the event loop as the rest of the core sees it.
 *
 * A watch is one descriptor, registered once, edge-triggered, and told what
 * happened to it. The kernel is given slot and generation, not a pointer, so
 * that an event for a descriptor closed earlier in the same batch finds nobody,
 * whatever has taken its number since.
 *
 * A job is something to do a moment later in the same turn or in the next one,
 * never under the caller's feet. Each turn runs the jobs that were there when
 * it came to them, until its time is over; the others come first in the next.
 *
 * Ladders have a heap of timers and a queue of jobs of their own, which each turn
 * goes through whatever the others take: a step is never late.
 */
#ifndef LC_LOOP_H
#define LC_LOOP_H

#include "base/heap.h"
#include "base/list.h"
#include "loop/resolver.h"
#include "loop/turn.h"
#include "sys/sys.h"

/* Of more events, or more connections, the first ones have left the cache when their tasks run. */
#define LC_EVENTS_PER_TURN 32
#define LC_ACCEPTS_PER_TURN 8
#define LC_VISITS_PER_TURN 32 /* by one step of a drain */
/* Received in one turn for one connection, without an embedder that asks for it: it lingers, or its protocol reads. */
#define LC_BYTES_PER_TURN (256 * 1024)
#define LC_SHARED_BUFFER (64 * 1024) /* the loop's one buffer for input, and its one for output */

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

/* Ends with the loop, if it has not before: what was added last ends first. */
typedef struct lc_child {
  lc_link link;
  void (*end)(struct lc_child *child); /* takes it out again */
} lc_child;

#define LC_NO_SLOT UINT32_MAX
/* A watch is part of something of about this size, which is fetched ahead of its event. */
#define LC_WATCHED_SIZE 384

/* Twelve bytes of every connection's memory. */
typedef struct __attribute__((packed)) lc_slot {
  union {
    lc_watch *watch;
    uint32_t next_free;
  };
  uint32_t generation; /* odd while it is in use; never the same again */
} lc_slot;

typedef struct lc_signal lc_signal;

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
  uint32_t slot_used; /* so many were ever in use: the rest is untouched memory */
  uint32_t slot_free; /* head of the free ones among them, LC_NO_SLOT when there is none */

  lc_link jobs;
  lc_link ladders;
  int is_overdue;      /* the process's deadline has passed: jobs and walks are put off no longer */
  lc_link urgent_jobs; /* those that are run after each event */
  lc_link children;
  struct lc_pulse *pulse; /* the observer's, when there is one */
  int (*on_turn)(void *user);
  void *on_turn_user;
  int turn_again; /* on_turn has more to do */
  int is_turning;

  lc_signal *signals;
  lc_resolver *resolver;
  lc_features features;
  int features_known;
  uint64_t last_id;

  /* The shared buffers, and the tenant that has each of them on loan. */
  struct lc_buffer *input;
  void *input_tenant;
  char *output;
  size_t output_length;
  void *output_tenant;
  lc_job output_job; /* the tenant's, urgent: sends what the buffer holds */

  lc_loop_stats stats;
};

int lc_loop_watch(lc_loop *loop, lc_watch *watch, uint32_t events);
/* Takes the descriptor out of the poller and frees the slot; the descriptor stays open. Idempotent. */
void lc_loop_unwatch(lc_loop *loop, lc_watch *watch);

void lc_job_init(lc_job *job, void (*run)(lc_job *job));
void lc_job_queue(lc_loop *loop, lc_job *job); /* once, however often it is called */
/* The same among those of ladders. */
void lc_job_queue_ladder(lc_loop *loop, lc_job *job);
void lc_job_cancel(lc_job *job);
int lc_job_is_queued(const lc_job *job);
/* Not later in the turn, but right after the event, timer or callback in hand: see lc_loop_flush. */
void lc_job_hurry(lc_loop *loop, lc_job *job);

void lc_loop_add_child(lc_loop *loop, lc_child *child, void (*end)(lc_child *child));
void lc_loop_remove_child(lc_child *child);
/* The child with this `end`, of which a loop has one at most; or NULL. */
lc_child *lc_loop_child(const lc_loop *loop, void (*end)(lc_child *child));

#endif
