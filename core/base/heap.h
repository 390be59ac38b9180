/* heap.h - the deadlines of a loop, absolute, in a 4-ary heap.
 *
 * A timer never fires early, and timers fire in the order of their times.
 * Arming, moving and clearing take O(log4 n) steps on 16-byte entries. The next
 * deadline is at the top of the heap.
 *
 * A timer is part of the structure that it belongs to. Opening the timer reserves
 * its place in the heap, which may fail for lack of memory. From then on arming
 * cannot fail, so an operation that has begun never loses its deadline.
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
  uint32_t late;   /* armed during a run for a time already past: these wait for the next run */
  lc_time running; /* the `now` of the run under way */
} lc_heap;

void lc_heap_init(lc_heap *timers);
void lc_heap_free(lc_heap *timers);

/* Reserves a place; 0 or -ENOMEM. */
int lc_heap_open(lc_heap *timers, lc_timer *timer, void (*fire)(lc_timer *timer, lc_time now));
/* Clears the timer and frees its place. Does nothing to a zeroed timer that was never opened. */
void lc_heap_close(lc_heap *timers, lc_timer *timer);

/* Arms or moves. LC_NEVER clears. */
void lc_heap_set(lc_heap *timers, lc_timer *timer, lc_time at);
void lc_heap_clear(lc_heap *timers, lc_timer *timer);
/* When the timer is due, or LC_NEVER. */
static inline lc_time lc_heap_at(const lc_heap *timers, const lc_timer *timer)
{
  return timer->index ? timers->heap[timer->index - 1].at : LC_NEVER;
}

/* When the next timer is due, or LC_NEVER. */
lc_time lc_heap_next(const lc_heap *timers);

/* Fires the timers that are due at `now`, and returns how many fired. Each is cleared first, so
 * that it may arm itself again. A timer that arms itself for a time not after `now` waits for the
 * next call. After each timer the heap calls `is_over` (or NULL); once it returns non-zero, the
 * other timers wait too. */
unsigned lc_heap_run(lc_heap *timers, lc_time now, int (*is_over)(void *user), void *user);

#endif
