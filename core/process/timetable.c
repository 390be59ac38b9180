/* timetable.c - when each step of the process's ladder is due. */
#include "process/timetable.h"

#include "server/options.h"
#include "sys/sys.h"

void lc_timetable_init(lc_timetable *table, const lc_drain_options *options)
{
  *table = (lc_timetable){
    .options = *options, .deadline = LC_NEVER, .hooks_are_share = options->hooks < 0};
  lc_drain_options_fit(&table->options);
}

int lc_timetable_begin(lc_timetable *table, lc_time began, lc_time timeout)
{
  if (timeout < 0) timeout = table->options.timeout;
  lc_time deadline = began + lc_time_earlier(timeout, LC_LONGEST);
  if (table->deadline == LC_NEVER) table->began = began;
  if (deadline >= table->deadline) return 0;
  table->deadline = deadline;
  return 1;
}

static void push(lc_timetable *table, lc_step step, lc_time at)
{
  table->wanted = step;
  table->pushed_at = at;
}

int lc_timetable_signal(lc_timetable *table, lc_time at)
{
  if (table->signals && at - table->last_signal < LC_SIGNALS_APART) return 0;
  table->last_signal = at;
  table->signals++;
  if (table->signals == 2) push(table, LC_STEP_CANCEL, at);
  if (table->signals == 3) {
    push(table, LC_STEP_KILL, at);
    table->skips_hooks = 1;
  }
  return 1;
}

/* By the clock alone, without the signals. */
static lc_time kill_due(const lc_timetable *table)
{
  lc_time length = table->deadline - table->began, kept = table->options.hooks;
  if (table->hooks_are_share) kept = length / LC_HOOKS_SHARE;
  if (!table->has_hooks || table->skips_hooks) return table->deadline;
  if (kept > length / 2) kept = length / 2; /* the connections come first */
  return table->deadline - kept;
}

lc_time lc_timetable_kill_at(const lc_timetable *table)
{
  if (table->deadline == LC_NEVER) return LC_NEVER;
  lc_time due = kill_due(table);
  return table->wanted >= LC_STEP_KILL ? lc_time_earlier(due, table->pushed_at) : due;
}

lc_time lc_timetable_cancel_at(const lc_timetable *table)
{
  if (table->deadline == LC_NEVER) return LC_NEVER;
  lc_time length = table->deadline - table->began, grace = table->options.grace;
  if (grace > length / 10) grace = length / 10;
  lc_time due = kill_due(table) - grace;
  return table->wanted >= LC_STEP_CANCEL ? lc_time_earlier(due, table->pushed_at) : due;
}

lc_time lc_timetable_end_at(const lc_timetable *table)
{
  return table->skips_hooks ? lc_timetable_kill_at(table) : table->deadline;
}
