/* pulse.h - what the loop's thread is at, and when somebody wants it, for an observer on another thread.
 *
 * The loop's thread says what it is at by lc_loop_enter: one store, no clock, no
 * system call. The observer looks at that now and then while the loop is busy,
 * and sleeps for good while the loop waits for events; only the turn that finds the
 * observer asleep pays for waking it.
 */
#ifndef LC_PULSE_H
#define LC_PULSE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "sys/sys.h"

/* What the loop's thread is at stands in the low bits of a beat. */
#define LC_BEAT_BITS 2
#define LC_BEAT_WORK(beat) ((lc_work)((beat)&3))

/* A moment at which a ladder wants the loop; zero until the first lc_pulse_want. */
typedef struct lc_want {
  lc_link link;
  lc_time at;
} lc_want;

/* Part of the observer. `beat` and `asleep` are all that both threads use without the lock: the work in the low bits
 * of `beat`, and above them a number that moves on with every change. */
typedef struct lc_pulse {
  const lc_sys *sys;
  int wake_fd; /* wakes the observer */
  atomic_ullong beat;
  atomic_int asleep;
  pthread_mutex_t lock; /* over the wants, and over what the observer keeps beside them */
  lc_link wants;
} lc_pulse;

void lc_pulse_init(lc_pulse *pulse, const lc_sys *sys);
void lc_pulse_close(lc_pulse *pulse); /* the loop beats for it no longer */
/* These do nothing where `pulse` is NULL: nobody observes the loop. */
lc_work lc_pulse_enter(lc_pulse *pulse, lc_work work);          /* what it was at before */
void lc_pulse_want(lc_pulse *pulse, lc_want *want, lc_time at); /* LC_NEVER: no longer */

#endif
