/* loop.h - the event loop as the rest of the core sees it.
 *
 * A watch is one descriptor, registered once, edge-triggered, and told what
 * happened to it. The kernel is given slot and generation, not a pointer, so
 * that an event for a descriptor closed earlier in the same batch finds nobody,
 * whatever has taken its number since.
 *
 * A job is something to do a moment later in the same turn or in the next one,
 * never under the caller's feet. Each turn runs the jobs that were there when
 * it came to them.
 */
#ifndef LC_LOOP_H
#define LC_LOOP_H

#include "base/list.h"
#include "base/timer.h"
#include "loop/resolver.h"
#include "sys/sys.h"

/* Of more events, or more connections, the first ones have left the cache when their tasks run. */
#define LC_EVENTS_PER_TURN 32
#define LC_ACCEPTS_PER_TURN 8
#define LC_VISITS_PER_TURN 32            /* by one step of a drain */
#define LC_DISCARD_PER_TURN (256 * 1024) /* bytes one lingering connection may cost a turn */
#define LC_SHARED_BUFFER (64 * 1024) /* the loop's one buffer for input, and its one for output */

#define LC_WATCH_ALL (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)

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

#define LC_NO_SLOT UINT32_MAX

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
  int epoll;
  lc_watch wake;
  lc_time now;
  lc_timers timers;

  lc_slot *slots;
  uint32_t slot_capacity;
  uint32_t slot_used; /* so many were ever in use: the rest is untouched memory */
  uint32_t slot_free; /* head of the free ones among them, LC_NO_SLOT when there is none */

  lc_link jobs;
  lc_link servers;
  struct lc_shutdown *shutdown; /* the process's ladder, when there is one */
  struct lc_watchdog *watchdog; /* likewise */
  int (*on_turn)(void *user);
  void *on_turn_user;
  int turn_again; /* on_turn has more to do */
  int is_turning;

  lc_signal *signals;
  lc_resolver *resolver;
  lc_features features;
  int features_known;
  uint64_t last_id;

  /* The shared buffers and the connection that has each of them on loan. */
  struct lc_buffer *input;
  struct lc_conn *input_tenant;
  char *output;
  size_t output_length;
  struct lc_conn *output_tenant;

  lc_loop_stats stats;
};

int lc_loop_watch(lc_loop *loop, lc_watch *watch, uint32_t events);
/* Takes the descriptor out of epoll and frees the slot; the descriptor stays open. Idempotent. */
void lc_loop_unwatch(lc_loop *loop, lc_watch *watch);

void lc_job_init(lc_job *job, void (*run)(lc_job *job));
void lc_job_queue(lc_loop *loop, lc_job *job); /* once, however often it is called */
void lc_job_cancel(lc_job *job);
int lc_job_is_queued(const lc_job *job);

/* Opens a TCP socket pair on loopback and finds out whether a listener can be hidden. 0, or the code
 * that kept it from finding out: then it is worth asking again, and hiding worth a try. */
int lc_features_probe(const lc_sys *sys, lc_features *features);

#endif
