/* pulse.c - tells an observer on another thread what the loop does, and when a ladder needs it. */
#include "loop/pulse.h"

void lc_pulse_init(lc_pulse *pulse, const lc_sys *sys)
{
  pulse->sys = sys;
  pulse->wake_fd = -1;
  lc_list_init(&pulse->wants);
  pthread_mutex_init(&pulse->lock, NULL); /* cannot fail with default attributes */
}

void lc_pulse_close(lc_pulse *pulse)
{
  if (pulse->wake_fd >= 0) pulse->sys->close(pulse->sys, pulse->wake_fd);
  while (!lc_list_is_empty(&pulse->wants)) lc_list_remove(pulse->wants.next);
  pthread_mutex_destroy(&pulse->lock);
}

/* The store comes before the look at `asleep`: see sleep_on of the observer. */
void lc_pulse_begin(lc_pulse *pulse, unsigned long long beat)
{
  atomic_store(&pulse->beat, beat);
  if (atomic_load(&pulse->asleep)) pulse->sys->wake(pulse->sys, pulse->wake_fd);
}

void lc_pulse_want(lc_pulse *pulse, lc_want *want, lc_time at)
{
  if (!pulse) return;
  pthread_mutex_lock(&pulse->lock);
  if (want->link.next) lc_list_remove(&want->link);
  else lc_list_init(&want->link);
  want->at = at;
  if (at != LC_NEVER) lc_list_append(&pulse->wants, &want->link);
  pthread_mutex_unlock(&pulse->lock);
}
