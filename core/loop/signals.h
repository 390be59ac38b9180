/* signals.h - the signals that the embedder of a loop watches (lc_loop_signal). */
#ifndef LC_LOOP_SIGNALS_H
#define LC_LOOP_SIGNALS_H

#include "sys/sys.h"

typedef struct lc_signal lc_signal;

typedef struct lc_signals {
  const lc_sys *sys;
  lc_signal *first;
} lc_signals;

void lc_signals_init(lc_signals *signals, const lc_sys *sys);
/* Watches none any more. */
void lc_signals_free(lc_signals *signals);

/* Arrivals of the signal wake `wake_fd`. Where the signal is watched already, `seen` and `user`
 * replace those that were given then. Returns 0, -ENOMEM or a code of signal_watch. */
int lc_signals_watch(lc_signals *signals, int number, int wake_fd,
                     void (*seen)(void *user, int signal, unsigned count, lc_time at), void *user);
/* Returns 0, also when the signal is not watched, or a code of signal_release. */
int lc_signals_forget(lc_signals *signals, int number);

/* Calls the function of each signal that has arrived since the last time. */
void lc_signals_deliver(lc_signals *signals);

#endif
