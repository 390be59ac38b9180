/* timetable.h - when each step of the process's ladder is due, as pure arithmetic.
 *
 *   began                     cancel_at      kill_at        deadline
 *   |--- unready, stop, drain ---|-- grace ----|--- hooks -----|
 *
 * Two parts of the library compute these times: the ladder, when the loop runs it,
 * and the watchdog, which must know what is due while the loop does not turn.
 * Signals escalate: the second cancels, the third kills and skips the hooks. A
 * signal less than LC_SIGNALS_APART after the one before is a bounce. No signal
 * puts a step off: neither a fourth one, nor one that comes when the step was due.
 */
#ifndef LC_TIMETABLE_H
#define LC_TIMETABLE_H

#include "lastcall.h"

typedef struct lc_timetable {
  lc_drain_options options;
  lc_step step;      /* where the ladder is */
  lc_step wanted;    /* the step to which signals have pushed it */
  lc_time began;     /* meaningful once there is a deadline */
  lc_time deadline;  /* LC_NEVER before it begins */
  lc_time pushed_at; /* the time of the signal that did */
  lc_time last_signal;
  unsigned signals;
  int has_hooks;
  int hooks_are_share; /* the time for hooks is a share of the whole */
  int skips_hooks;
} lc_timetable;

void lc_timetable_init(lc_timetable *table, const lc_drain_options *options);
/* Begins the ladder, or shortens it. `timeout` negative: that of the options. Returns whether the
 * deadline has changed. */
int lc_timetable_begin(lc_timetable *table, lc_time began, lc_time timeout);
/* A signal for the ladder has arrived. Returns 0 for a bounce. */
int lc_timetable_signal(lc_timetable *table, lc_time at);
/* When the steps are due; LC_NEVER before it begins. */
lc_time lc_timetable_cancel_at(const lc_timetable *table);
lc_time lc_timetable_kill_at(const lc_timetable *table);
/* The end of the ladder, whatever happens. */
lc_time lc_timetable_end_at(const lc_timetable *table);

#endif
