/* heap.h - the deadlines of a loop, absolute, in a 4-ary heap.
 *
 * Exact: a timer never fires early, and timers fire in the order of their
 * times. Cheap: arming, moving and clearing are O(log4 n) on 16-byte entries;
 * the next deadline is a look at the top.
 *
 * A timer is embedded in whatever it belongs to. Opening one reserves its place
 * in the heap, which may fail for lack of memory; from then on arming it cannot
 * fail, so that no deadline is ever lost halfway through something.
 */
#ifndef LC_HEAP_H
#define LC_HEAP_H

#include "lastcall.h"

typedef struct lc_timer_entry {
  lc_time at;
  lc_timer *timer;
} lc_timer_entry;

typedef struct lc_heap {
  lc_timer_entry *heap;
  uint32_t count;    /* armed */
  uint32_t reserved; /* opened: count + late <= reserved <= capacity */
  uint32_t capacity;
  uint32_t late;   /* armed during a run for a time already past: wait for the next one */
  lc_time running; /* the `now` of the run under way */
} lc_heap;

void lc_heap_init(lc_heap *timers);
void lc_heap_free(lc_heap *timers);

/* Reserves a place; 0 or -ENOMEM. */
int lc_heap_open(lc_heap *timers, lc_timer *timer, void (*fire)(lc_timer *timer, lc_time now));
/* Clears the timer and gives its place back. Harmless on one that was never opened and is all zero. */
void lc_heap_close(lc_heap *timers, lc_timer *timer);

/* Arms or moves. LC_NEVER clears. */
void lc_heap_set(lc_heap *timers, lc_timer *timer, lc_time at);
void lc_heap_clear(lc_heap *timers, lc_timer *timer);
/* When it is due, or LC_NEVER. */
lc_time lc_heap_at(const lc_heap *timers, const lc_timer *timer);

/* When the next one is due, or LC_NEVER. */
lc_time lc_heap_next(const lc_heap *timers);

/* Fires what is due at `now`, each cleared first so that it may arm itself
 * again; one that arms itself for a time not after `now` waits for the next
 * call. `is_over`, which may be NULL, is asked after each: once it says so, the
 * rest waits too. Returns how many fired. */
unsigned lc_heap_run(lc_heap *timers, lc_time now, int (*is_over)(void *user), void *user);

#endif
