/* meddle.c - a callback that resets some other connection, whose own event may wait in the same
 * batch.
 *
 * A wait for a descriptor that never becomes ready takes the place of the reset connection in the
 * loop at once. If the loop passed the old connection's event to the new owner of the place, this
 * wait would hear of it.
 */
#include "run.h"

static void probe_told(void *user, unsigned what)
{
  (void)what;
  run_fail(user, "an event of a connection that has gone was told to somebody else");
}

/* Where there is no descriptor or memory for it, there is none. */
void meddle_set_up(run *in)
{
  in->probe_fd = -1;
  if (!in->plan->meddles) return;
  in->probe_fd = in->sys->wake_create(in->sys);
  if (in->probe_fd >= 0) in->probe = lc_poll_new(in->loop, in->probe_fd, probe_told, in);
}

void meddle_take_down(run *in)
{
  lc_poll_free(in->probe);
  if (in->probe_fd >= 0) in->sys->close(in->sys, in->probe_fd);
}

void meddle_rest(run *in)
{
  if (in->probe) lc_poll_want(in->probe, 0);
}

/* If there is one whose event came in the same batch, it is that one. */
static handler *some_other(run *in)
{
  unsigned from = (unsigned)sim_random(in->kernel, in->handlers);
  for (unsigned i = 0; i < in->handlers; i++) {
    handler *other = &in->handler[(from + i) % in->handlers];
    if (sim_truth_was_told(in->process, lc_conn_fd(other->conn))) return other;
  }
  return &in->handler[from];
}

void meddle(run *in, const handler *h)
{
  if (!in->plan->meddles || sim_random(in->kernel, in->plan->meddles)) return;
  handler *other = some_other(in);
  if (other == h || lc_conn_state(other->conn) == LC_STATE_CLOSED) return;
  run_trace(in, "handler %u: resets connection %u", h->client->index, other->client->index);
  other->is_cut_short = 1;
  lc_conn_abort(other->conn, "another's wish");
  if (in->probe) lc_poll_want(in->probe, LC_READABLE);
}
