/* due.h - which steps of the ladders are due, as the watchdog foresees it.
 *
 * The loop moves its ladders only when it turns. So the watchdog computes the steps of the
 * process's ladder itself, with the signals that have arrived. The times of other ladders are in
 * the pulse, as wants (loop/pulse.h). The caller of these functions holds the pulse's lock.
 */
#ifndef LC_DUE_H
#define LC_DUE_H

#include "loop/pulse.h"
#include "process/timetable.h"

enum { LC_SIGNALS_FOLLOWED = 8 };

/* What is known of the ladders. */
typedef struct lc_outlook {
  lc_timetable table; /* of the process */
  int has_table;
  int signals[LC_SIGNALS_FOLLOWED]; /* that drive the process's ladder */
  int signal_count;
  lc_time shortest; /* drain.timeout of a server, known before the servers are told to stop */
} lc_outlook;

typedef struct lc_due {
  unsigned ask;   /* what is due by now: LC_ASK_YIELD, LC_ASK_END */
  lc_time next;   /* when the next step is due */
  lc_time end_at; /* of the process's ladder */
} lc_due;

void lc_outlook_init(lc_outlook *outlook);
int lc_outlook_follow(lc_outlook *outlook, int signal); /* 0: no room */
void lc_outlook_unfollow(lc_outlook *outlook, int signal);
lc_due lc_outlook_due(const lc_outlook *outlook, const lc_pulse *pulse, lc_time now);

#endif
