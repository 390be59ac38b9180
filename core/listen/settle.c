/* settle.c - waits for the handshakes that were under way when a listener was hidden. */
#include "listen/inside.h"
#include "listen/lookout.h"

#define SETTLE_AT_LEAST (100 * LC_MILLISECOND)
#define SETTLE_BLIND LC_SECOND /* at most, where half-open handshakes cannot be counted */
#define SETTLE_DEFERRED (1100 * LC_MILLISECOND) /* the SYN-ACK timer of a client kept half-open */
#define LOOK_EVERY (20 * LC_MILLISECOND)
#define LOOK_COST 10 /* looking may take at most a tenth of the time */

int lc_settle_begin(lc_listener *listener)
{
  lc_loop *loop = listener->owner->loop;
  listener->hidden_at = loop->sys->now(loop->sys);
  listener->look_at = loop->now + (listener->defers ? SETTLE_DEFERRED : SETTLE_AT_LEAST);
  lc_timer_set(loop, &listener->timer, listener->look_at);
  return LC_LISTENER_SETTLING;
}

/* Takes in what the look has found. The second look, which confirms the first, is never delayed. */
static void take_in(lc_listener *listener, lc_time now)
{
  int half_open = listener->half_open;
  lc_time cost = half_open ? listener->look_took * LOOK_COST : 0;
  listener->is_answered = 0;
  listener->quiet_looks = half_open ? 0 : listener->quiet_looks + 1;
  if (half_open < 0) listener->uncounted = half_open;
  listener->look_at = now + (cost > LOOK_EVERY ? cost : LOOK_EVERY);
}

/* For a kernel that does not count handshakes: waits a fixed time. */
static int is_settled_blindly(lc_listener *listener, lc_time now, lc_time *again)
{
  lc_time limit = *listener->owner->settle;
  *again = listener->hidden_at + (limit < SETTLE_BLIND ? limit : SETTLE_BLIND);
  if (now < *again) return 0;
  lc_listener_not_known(listener, "stop unseen", listener->uncounted);
  return 1;
}

/* No look is wanted until this one is over. */
static void look(lc_listener *listener)
{
  listener->look_at = LC_NEVER;
  listener->uncounted = lc_lookout_ask(listener);
}

int lc_settle_due(lc_listener *listener, lc_time now, lc_time *again)
{
  lc_time limit = lc_time_add(listener->hidden_at, *listener->owner->settle);
  if (listener->is_answered) take_in(listener, now);
  else if (now >= listener->look_at && now < limit) look(listener);
  if (listener->uncounted < 0) return is_settled_blindly(listener, now, again);
  if (listener->quiet_looks >= 2) return 1;
  *again = lc_time_earlier(listener->look_at, limit);
  if (now < limit) return 0;
  lc_listener_not_lossless(listener, "stop unsettled", 0); /* slow clients, or a SYN flood */
  return 1;
}
