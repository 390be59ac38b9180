/* pulse.h - tells an observer on another thread what the loop's thread is doing, and when a ladder
 * needs it.
 *
 * The loop's thread calls lc_loop_enter: one store, no clock, no system call. While
 * the loop is busy, the observer looks at the pulse now and then. While the loop
 * waits for events, the observer sleeps. Only the turn that finds the observer
 * asleep has to wake it.
 */
#ifndef LC_PULSE_H
#define LC_PULSE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "sys/sys.h"

/* What the loop's thread is doing is in the low bits of a beat. */
#define LC_BEAT_BITS 2
#define LC_BEAT_WORK(beat) ((lc_work)((beat)&3))

/* A time at which a ladder needs the loop. Zeroed before the first lc_pulse_want. */
typedef struct lc_want {
  lc_link link;
  lc_time at;
} lc_want;

/* Part of the observer. Both threads use `beat` and `asleep` without the lock. The low bits of
 * `beat` are the work; above them is a number that grows with every change. */
typedef struct lc_pulse {
  const lc_sys *sys;
  int wake_fd; /* wakes the observer */
  atomic_ullong beat;
  atomic_int asleep;
  pthread_mutex_t lock; /* guards the wants, and other fields of the observer */
  lc_link wants;
} lc_pulse;

void lc_pulse_init(lc_pulse *pulse, const lc_sys *sys);
void lc_pulse_close(lc_pulse *pulse);                          /* the loop has stopped using it */
void lc_pulse_begin(lc_pulse *pulse, unsigned long long beat); /* for lc_pulse_enter */

/* These do nothing when `pulse` is NULL: then the loop has no observer. Returns the work before. */
static inline lc_work lc_pulse_enter(lc_pulse *pulse, lc_work work)
{
  if (!pulse) return LC_WORK_NONE;
  unsigned long long beat = atomic_load_explicit(&pulse->beat, memory_order_relaxed);
  unsigned long long next = ((beat >> LC_BEAT_BITS) + 1) << LC_BEAT_BITS | (unsigned)work;
  if (LC_BEAT_WORK(beat) == LC_WORK_NONE && work != LC_WORK_NONE) lc_pulse_begin(pulse, next);
  else atomic_store_explicit(&pulse->beat, next, memory_order_release);
  return LC_BEAT_WORK(beat);
}

void lc_pulse_want(lc_pulse *pulse, lc_want *want, lc_time at); /* LC_NEVER: no longer */

#endif
