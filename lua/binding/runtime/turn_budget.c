/* runtime/turn_budget.c - how long tasks and callbacks may take in one turn of the loop, whatever their number.
 *
 * To read the clock at each operation would cost small ones a tenth. So it is read at every
 * sixteenth; at each, once sixteen have taken long.
 */
#include "runtime/turn_budget.h"

#include "runtime/runtime.h"

#define SHARE \
  (5 * LC_MILLISECOND / 2) /* for callbacks, and for tasks: neither can starve the other */
#define LOOK_EVERY 16
#define LONG (LC_MILLISECOND / 2)

void turn_share_begin(runtime *rt)
{
  rt->turn.looked_at = lc_loop_clock(rt->loop);
  rt->turn.until = rt->turn.looked_at + SHARE;
  rt->turn.is_over = 0;
}

int turn_is_over(runtime *rt)
{
  if (rt->turn.is_over || --rt->turn.until_look > 0) return rt->turn.is_over;
  lc_time now = lc_loop_clock(rt->loop);
  rt->turn.until_look = now - rt->turn.looked_at > LONG ? 1 : LOOK_EVERY;
  rt->turn.looked_at = now;
  rt->turn.is_over = now >= rt->turn.until;
  return rt->turn.is_over;
}
