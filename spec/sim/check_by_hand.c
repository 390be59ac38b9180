/* check_by_hand.c - clients of a server that accepts by hand.
 *
 * A client that a stop has accepted is handed out as soon as a worker is free. One that never is
 * was silent, or is counted as lost.
 */
#include "run.h"

#define FORGOTTEN (100 * LC_MILLISECOND)

/* One that has never spoken, and that no worker has, sees the end of its connection soon. Where a
 * queue that was full drops the last step of a handshake, the server does not know of a client that
 * is silent. */
static void check_silent(run *in, const client *c, lc_time patience)
{
  lc_time from = in->settled_at;
  if (!c->shaken_at || c->spoke_at || c->end != STILL_THERE || check_handler_of(in, c)) return;
  if (!check_shakes_easily(in, c)) return;
  if (in->plan->shakes && c->shaken_at > from) from = c->shaken_at;
  int is_looking = c->next_at <= sim_now(in->kernel);
  if (is_looking && sim_now(in->kernel) > lc_time_add(from, patience))
    run_fail(in, "client %u is silent, and still waits for a worker", c->index);
}

static void check_silence_ends(run *in)
{
  int is_drain = lc_server_step(in->server) == LC_STEP_DRAIN;
  if (is_drain && !in->settled_at && !lc_server_is_listening(in->server))
    in->settled_at = sim_now(in->kernel);
  if (!is_drain || !in->settled_at || !check_is_easy(in) || in->plan->server.drain.spread) return;
  if (in->plan->backlog < PLAN_CLIENTS) return;
  const sim_network *network = &in->plan->network;
  lc_time slack = FORGOTTEN + network->delay + network->jitter + 2000 * in->plan->cost;
  lc_time patience = lc_time_add(in->plan->server.drain.quiet, slack);
  for (unsigned i = 0; i < in->plan->clients; i++) check_silent(in, &in->client[i], patience);
}

void check_workers_wait(run *in)
{
  if (in->plan->by_hand) check_silence_ends(in);
  lc_time now = sim_now(in->kernel);
  int is_waiting = in->plan->by_hand && lc_server_unclaimed(in->server) && !in->workers_ask &&
                   !workers_are_busy(in) && !in->cancel_at;
  if (!is_waiting) {
    in->unclaimed_since = 0;
    return;
  }
  if (!in->unclaimed_since) in->unclaimed_since = now;
  if (now - in->unclaimed_since > FORGOTTEN + 2000 * in->plan->cost)
    run_fail(in, "%u clients wait for a worker, and a free one was not told for %.3f s",
             lc_server_unclaimed(in->server), lc_to_seconds(now - in->unclaimed_since));
}

/* Half of `quiet`: the way to the server takes less than a quarter of it (is_easy). */
int check_spoke_in_time(const run *in, const client *c)
{
  return c->spoke_at && c->spoke_at <= c->connected_at + in->plan->server.drain.quiet / 2;
}
