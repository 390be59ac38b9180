/* due.c - which steps of the ladders are due, as the watchdog foresees it. */
#include "process/due.h"

void lc_outlook_init(lc_outlook *outlook) { *outlook = (lc_outlook){.shortest = LC_NEVER}; }

int lc_outlook_follow(lc_outlook *outlook, int signal)
{
  for (int i = 0; i < outlook->signal_count; i++)
    if (outlook->signals[i] == signal) return 1;
  if (outlook->signal_count == LC_SIGNALS_FOLLOWED) return 0;
  outlook->signals[outlook->signal_count++] = signal;
  return 1;
}

void lc_outlook_unfollow(lc_outlook *outlook, int signal)
{
  for (int i = 0; i < outlook->signal_count; i++)
    if (outlook->signals[i] == signal)
      outlook->signals[i] = outlook->signals[--outlook->signal_count];
}

/* Returns the timetable as it will be when the loop sees the signals that have arrived. */
static lc_timetable foresee(const lc_outlook *outlook, const lc_sys *sys)
{
  lc_timetable table = outlook->table;
  for (int i = 0; i < outlook->signal_count; i++) {
    lc_signal_seen seen;
    if (sys->signal_peek(sys, outlook->signals[i], &seen) < 0 || !seen.count) continue;
    for (unsigned press = 0; press < seen.presses; press++) {
      lc_time at = lc_signal_press_at(&seen, press);
      if (lc_timetable_signal(&table, at)) lc_timetable_begin(&table, at, -1);
    }
  }
  return table;
}

static void look_at(lc_due *found, lc_time at, lc_time now, unsigned ask)
{
  if (at <= now) found->ask |= ask;
  else if (at < found->next) found->next = at;
}

lc_due lc_outlook_due(const lc_outlook *outlook, const lc_pulse *pulse, lc_time now)
{
  lc_due found = {.next = LC_NEVER, .end_at = LC_NEVER};
  if (outlook->has_table) {
    lc_timetable table = foresee(outlook, pulse->sys);
    found.end_at = lc_timetable_end_at(&table);
    if (table.step < LC_STEP_CANCEL)
      look_at(&found, lc_timetable_cancel_at(&table), now, LC_ASK_YIELD);
    if (table.step < LC_STEP_KILL) look_at(&found, lc_timetable_kill_at(&table), now, LC_ASK_END);
    look_at(&found, found.end_at, now, LC_ASK_END);
    if (table.deadline != LC_NEVER && table.step < LC_STEP_STOP)
      look_at(&found, lc_time_add(table.began, outlook->shortest), now, LC_ASK_YIELD);
  }
  for (lc_link *link = pulse->wants.next; link != &pulse->wants; link = link->next)
    look_at(&found, LC_OWNER(link, lc_want, link)->at, now, LC_ASK_YIELD);
  return found;
}
