/* workers.c - a server whose clients are accepted by hand: by so many workers as the plan has, each
 * of which serves one client at a time.
 *
 * A worker that finds no client waits until the core says that there may be one.
 */
#include "handler.h"

static unsigned busy(const run *in)
{
  unsigned count = 0;
  for (unsigned i = 0; i < in->handlers; i++) count += in->handler[i].stage != OVER;
  return count;
}

int workers_are_busy(const run *in) { return busy(in) >= in->plan->by_hand; }

void workers_wake(run *in)
{
  if (!in->plan->by_hand) return;
  in->workers_ask = 1;
  lc_loop_hurry(in->loop);
}

/* At cancel they end with everything else. */
void workers_accept(run *in)
{
  lc_conn *conn;
  if (!in->workers_ask || lc_server_step(in->server) >= LC_STEP_CANCEL) return;
  in->workers_ask = 0;
  while (!workers_are_busy(in) && lc_server_accept(in->server, &conn) == 0)
    handler_begins(in, conn);
}
