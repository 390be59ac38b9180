/* heap.c - the 4-ary heap behind every deadline of a loop.
 *
 *   heap: [ armed, count of them, the earliest first | free | late ]
 *
 * Places are 0 to capacity - 1; a timer knows its own (index is place + 1), so
 * that it can be moved or cleared without a search. `late` is used only during
 * lc_heap_run: a timer that is armed then for a time already past goes there,
 * out of the reach of this run, and joins the heap when the run ends. Every
 * opened timer has a place reserved, so the two ends never meet.
 */
#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARITY 4u
#define SMALLEST 16u
#define MOST (1u << 26) /* places: a gibibyte of them */
#define NOT_RUNNING INT64_MIN

static void put(lc_heap *timers, uint32_t place, lc_timer_entry entry)
{
  timers->heap[place] = entry;
  entry.timer->index = place + 1;
}

static void sift_up(lc_heap *timers, uint32_t place, lc_timer_entry entry)
{
  while (place > 0) {
    uint32_t parent = (place - 1) / ARITY;
    if (timers->heap[parent].at <= entry.at) break;
    put(timers, place, timers->heap[parent]);
    place = parent;
  }
  put(timers, place, entry);
}

/* The earliest of the children of `place`, or `count` when it has none. */
static uint32_t earliest_child(const lc_heap *timers, uint32_t place)
{
  uint64_t first = (uint64_t)place * ARITY + 1; /* may exceed 32 bits */
  if (first >= timers->count) return timers->count;
  uint32_t best = (uint32_t)first;
  uint32_t last = timers->count - best > ARITY ? best + ARITY : timers->count;
  for (uint32_t child = best + 1; child < last; child++) {
    if (timers->heap[child].at < timers->heap[best].at) best = child;
  }
  return best;
}

static void sift_down(lc_heap *timers, uint32_t place, lc_timer_entry entry)
{
  for (;;) {
    uint32_t child = earliest_child(timers, place);
    if (child == timers->count || timers->heap[child].at >= entry.at) break;
    put(timers, place, timers->heap[child]);
    place = child;
  }
  put(timers, place, entry);
}

/* Puts `entry` where it belongs. `place` is empty, and the search begins there. */
static void sift(lc_heap *timers, uint32_t place, lc_timer_entry entry)
{
  if (place > 0 && timers->heap[(place - 1) / ARITY].at > entry.at) {
    sift_up(timers, place, entry);
  } else {
    sift_down(timers, place, entry);
  }
}

static int is_late(const lc_heap *timers, const lc_timer *timer)
{
  return timer->index > timers->capacity - timers->late;
}

static void remove_late(lc_heap *timers, uint32_t place)
{
  uint32_t first = timers->capacity - timers->late;
  if (place != first) put(timers, place, timers->heap[first]); /* their order does not matter */
  timers->late--;
}

static void remove_armed(lc_heap *timers, uint32_t place)
{
  lc_timer_entry last = timers->heap[--timers->count];
  if (place != timers->count) sift(timers, place, last);
}

/* Enlarges the heap. The late timers stay at its far end. */
static int grow(lc_heap *timers)
{
  uint32_t capacity = timers->capacity == 0 ? SMALLEST : timers->capacity * 2;
  uint32_t first = timers->capacity - timers->late;
  if (capacity > MOST) return -ENOMEM;
  lc_timer_entry *heap = realloc(timers->heap, capacity * sizeof *heap);
  if (!heap) return -ENOMEM;
  timers->heap = heap;
  timers->capacity = capacity;
  for (uint32_t i = 0; i < timers->late; i++)
    put(timers, capacity - timers->late + i, heap[first + i]);
  return 0;
}

void lc_heap_init(lc_heap *timers)
{
  memset(timers, 0, sizeof *timers);
  timers->running = NOT_RUNNING;
}

void lc_heap_free(lc_heap *timers)
{
  free(timers->heap);
  lc_heap_init(timers);
}

int lc_heap_open(lc_heap *timers, lc_timer *timer, void (*fire)(lc_timer *timer, lc_time now))
{
  assert(!timer->is_open && timer->index == 0);
  if (timers->reserved == timers->capacity) {
    int error = grow(timers);
    if (error < 0) return error;
  }
  timers->reserved++;
  timer->is_open = 1;
  timer->fire = fire;
  return 0;
}

void lc_heap_close(lc_heap *timers, lc_timer *timer)
{
  if (!timer->is_open) return;
  lc_heap_clear(timers, timer);
  timer->is_open = 0;
  timers->reserved--;
}

void lc_heap_set(lc_heap *timers, lc_timer *timer, lc_time at)
{
  lc_timer_entry entry = {at, timer};
  int comes_late = timers->running != NOT_RUNNING && at <= timers->running;
  assert(timer->is_open);
  if (at == LC_NEVER || comes_late || is_late(timers, timer)) lc_heap_clear(timers, timer);
  if (at == LC_NEVER) return;
  if (comes_late) {
    timers->late++;
    put(timers, timers->capacity - timers->late, entry);
  } else if (timer->index == 0) {
    sift_up(timers, timers->count++, entry);
  } else {
    sift(timers, timer->index - 1, entry);
  }
}

void lc_heap_clear(lc_heap *timers, lc_timer *timer)
{
  if (timer->index == 0) return;
  if (is_late(timers, timer)) {
    remove_late(timers, timer->index - 1);
  } else {
    remove_armed(timers, timer->index - 1);
  }
  timer->index = 0;
}

lc_time lc_heap_next(const lc_heap *timers)
{
  if (timers->late > 0) return timers->heap[timers->capacity - 1].at; /* any is past already */
  return timers->count > 0 ? timers->heap[0].at : LC_NEVER;
}

unsigned lc_heap_run(lc_heap *timers, lc_time now, int (*is_over)(void *user), void *user)
{
  unsigned fired = 0;
  assert(timers->running == NOT_RUNNING && timers->late == 0);
  timers->running = now;
  while (timers->count > 0 && timers->heap[0].at <= now) {
    lc_timer *timer = timers->heap[0].timer;
    lc_heap_clear(timers, timer);
    fired++;
    timer->fire(timer, now); /* may free it */
    if (is_over && is_over(user)) break;
  }
  timers->running = NOT_RUNNING;
  while (timers->late > 0) {
    lc_timer_entry entry = timers->heap[timers->capacity - timers->late];
    timers->late--;
    sift_up(timers, timers->count++, entry);
  }
  return fired;
}
