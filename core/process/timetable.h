/* timetable.h - when each step of the process's ladder is due, as pure arithmetic.
 *
 *   began                     cancel_at      kill_at        deadline
 *   |--- unready, stop, drain ---|-- grace ----|--- hooks -----|
 *
 * Kept apart from the ladder itself, because two need it: the ladder, which
 * climbs when the loop comes to it, and the watchdog, which must know what is due
 * while the loop does not come to anything. Signals escalate: the second cancels,
 * the third kills and skips the hooks; those less than LC_SIGNALS_APART after the
 * one before are a bounce.
 */
#ifndef LC_TIMETABLE_H
#define LC_TIMETABLE_H

#include "lastcall.h"

typedef struct lc_timetable {
  lc_drain_options options;
  lc_step step;     /* where the ladder is */
  lc_step wanted;   /* how far signals have pushed it */
  lc_time began;    /* meaningful once there is a deadline */
  lc_time deadline; /* LC_NEVER before it begins */
  lc_time last_signal;
  unsigned signals;
  int has_hooks;
  int hooks_are_share; /* their time is a share of the whole, whatever that is */
  int skips_hooks;
} lc_timetable;

void lc_timetable_init(lc_timetable *table, const lc_drain_options *options);
/* Begins, or may shorten. `timeout` negative: the options'. Whether the deadline has changed. */
int lc_timetable_begin(lc_timetable *table, lc_time began, lc_time timeout);
/* A signal of the ladder's arrived. 0: a bounce. */
int lc_timetable_signal(lc_timetable *table, lc_time at);
/* When the steps are due; LC_NEVER before it begins. */
lc_time lc_timetable_cancel_at(const lc_timetable *table);
lc_time lc_timetable_kill_at(const lc_timetable *table);
/* When everything is to be over, come what may. */
lc_time lc_timetable_end_at(const lc_timetable *table);

#endif
