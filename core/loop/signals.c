/* signals.c - delivers the signals that are watched. A function may watch and forget signals
 * itself. */
#include "loop/signals.h"

#include <stdlib.h>

enum { SIGNALS_AT_MOST = 64 }; /* the number of signals */

struct lc_signal {
  int number;
  void (*seen)(void *user, int signal, unsigned count, lc_time at);
  void *user;
  lc_signal *next;
};

void lc_signals_init(lc_signals *signals, const lc_sys *sys)
{
  signals->sys = sys;
  signals->first = NULL;
}

void lc_signals_free(lc_signals *signals)
{
  while (signals->first) lc_signals_forget(signals, signals->first->number);
}

/* The place of the pointer to the signal; the pointer there is NULL when the signal is not
 * watched. */
static lc_signal **place_of(lc_signals *signals, int number)
{
  lc_signal **place = &signals->first;
  while (*place && (*place)->number != number) place = &(*place)->next;
  return place;
}

int lc_signals_watch(lc_signals *signals, int number, int wake_fd,
                     void (*seen)(void *user, int signal, unsigned count, lc_time at), void *user)
{
  lc_signal **place = place_of(signals, number), *signal = *place;
  if (!signal) {
    signal = calloc(1, sizeof *signal);
    if (!signal) return -ENOMEM;
    int result = signals->sys->signal_watch(signals->sys, number, wake_fd);
    if (result < 0) {
      free(signal);
      return result;
    }
    signal->number = number;
    *place = signal;
  }
  signal->seen = seen;
  signal->user = user;
  return 0;
}

int lc_signals_forget(lc_signals *signals, int number)
{
  lc_signal **place = place_of(signals, number), *signal = *place;
  if (!signal) return 0;
  int result = signals->sys->signal_release(signals->sys, number);
  *place = signal->next;
  free(signal);
  return result;
}

static void deliver(lc_signals *signals, int number)
{
  lc_signal_seen seen = {0};
  lc_signal *signal = *place_of(signals, number);
  if (!signal || signals->sys->signal_take(signals->sys, number, &seen) < 0 || !seen.count) return;
  unsigned presses = seen.presses ? seen.presses : 1;
  signal->seen(signal->user, number, seen.count - (presses - 1), seen.first_at);
  for (unsigned press = 1; press < presses && (signal = *place_of(signals, number)); press++)
    signal->seen(signal->user, number, 1, lc_signal_press_at(&seen, press));
}

/* Goes by number, because a function may forget this signal or any other. */
void lc_signals_deliver(lc_signals *signals)
{
  int numbers[SIGNALS_AT_MOST], count = 0;
  for (lc_signal *signal = signals->first; signal && count < SIGNALS_AT_MOST; signal = signal->next)
    numbers[count++] = signal->number;
  for (int i = 0; i < count; i++) deliver(signals, numbers[i]);
}
