/* lastcall/loop.h - the event loop: it waits for events and calls back, one turn at a time. */
#ifndef LASTCALL_LOOP_H
#define LASTCALL_LOOP_H

#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_sys lc_sys; /* core/sys/sys.h: the seam to the operating system */
typedef struct lc_loop lc_loop;

/* Makes a loop on `sys` (NULL: the real kernel). Returns NULL, with `*error` set to a code, when a
 * descriptor or memory is lacking. */
lc_loop *lc_loop_new(const lc_sys *sys, int *error);
/* Resets the connections that are left, closes the listeners and frees the servers, without
 * callbacks. The embedder first closes or frees its own timers, polls and queries. A shutdown or
 * a watchdog that is left ends with the loop. */
void lc_loop_free(lc_loop *loop);

/* One turn: waits until something happens, at most `timeout` nanoseconds (0: does not wait;
 * LC_NEVER: no limit), then does a bounded share of the work. Returns 0, or a code when the wait
 * itself failed. */
int lc_loop_turn(lc_loop *loop, lc_time timeout);
/* The table that the loop was made on: static, or the embedder's. */
const lc_sys *lc_loop_sys(const lc_loop *loop);
/* Makes the turn under way, or the next one, return without waiting. May be called from any
 * thread. */
void lc_loop_wake(lc_loop *loop);
/* The same for the loop's own thread, where it mostly costs no system call. */
void lc_loop_hurry(lc_loop *loop);

/* The time at which the last wait ended. lc_loop_clock reads the clock now. */
lc_time lc_loop_now(const lc_loop *loop);
lc_time lc_loop_clock(const lc_loop *loop);

/* For a loop inside another one: a descriptor that is readable when there is something to do, and
 * the time at which lc_loop_turn must be called at the latest (0: at once; LC_NEVER: only when the
 * descriptor is readable). */
int lc_loop_pollfd(const lc_loop *loop);
lc_time lc_loop_next(const lc_loop *loop);

/* The loop calls `run` once in each turn, after the events and timers of that turn. While `run`
 * returns non-zero, the next turn does not wait. A loop has one such function. */
void lc_loop_on_turn(lc_loop *loop, int (*run)(void *user), void *user);

/* Calls `seen` in the turn after the signal arrived, with the number of arrivals and the time of
 * the first. Arrivals less than 0.1 s apart are one press; each further press is a call of its own.
 * With `seen` NULL, stops watching and restores the earlier disposition. Returns 0, -EBUSY when
 * another loop owns the signal, -EINVAL for a signal that cannot be caught, or -ENOMEM. */
int lc_loop_signal(lc_loop *loop, int number,
                   void (*seen)(void *user, int signal, unsigned count, lc_time at), void *user);

/* Whether the process is ready, as far as the embedder is concerned. While it is not, an HTTP
 * service answers so on its `ready` path. At first it is. */
void lc_loop_set_ready(lc_loop *loop, int is_ready);

typedef struct lc_loop_stats {
  uint64_t turns;
  uint64_t events;
  lc_time longest_turn; /* from the end of a wait to the beginning of the next */
  uint32_t connections; /* open descriptors of connections */
  uint32_t timers;      /* armed */
} lc_loop_stats;
void lc_loop_stats_get(const lc_loop *loop, lc_loop_stats *stats);
void lc_loop_stats_reset(lc_loop *loop); /* starts longest_turn afresh */

#ifdef __cplusplus
}
#endif

#endif
