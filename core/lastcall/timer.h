/* lastcall/timer.h - timers. */
#ifndef LASTCALL_TIMER_H
#define LASTCALL_TIMER_H

#include "lastcall/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A timer is part of a structure of the embedder's. It is zeroed, then opened once: 0 or -ENOMEM.
 * From then on setting it cannot fail. `at` is absolute; setting an armed timer moves it, and
 * LC_NEVER clears it. The loop calls `fire` in a turn, never early, with the timer cleared: the
 * callback may set the timer again, or free it. Closing clears the timer, and does nothing to one
 * that is zeroed or closed. */
typedef struct lc_timer lc_timer;
struct lc_timer {
  uint32_t index; /* its place in the heap, from 1; 0 when it is not armed */
  uint32_t is_open;
  void (*fire)(lc_timer *timer, lc_time now);
};
int lc_timer_open(lc_loop *loop, lc_timer *timer, void (*fire)(lc_timer *timer, lc_time now));
void lc_timer_close(lc_loop *loop, lc_timer *timer);
void lc_timer_set(lc_loop *loop, lc_timer *timer, lc_time at);
void lc_timer_clear(lc_loop *loop, lc_timer *timer);

#ifdef __cplusplus
}
#endif

#endif
