/* check_listener.c - queued clients are accepted, and clients after the stop are refused. */
#include "run.h"

#define FORGOTTEN (100 * LC_MILLISECOND)
#define WIDENING \
  (3500 * LC_MILLISECOND) /* of a small backlog: new clients are let in for so long */

/* Whether the core may leave them in the queue at this moment. */
static int may_hold(const run *in)
{
  const plan *p = in->plan;
  uint32_t most = p->server.max_connections;
  if (in->is_accept_paused || (p->by_hand && p->descriptors < 64)) return 1;
  if (in->stop_at || in->unlistened_at) return 0;
  if (in->is_suspended || (p->by_hand && workers_are_busy(in))) return 1;
  if (check_handshakes(in) >= p->server.max_handshakes) return 1;
  return most ? lc_server_count(in->server, LC_STATES) >= most : p->descriptors < 64;
}

void check_listener_wait(run *in)
{
  sim_truth truth = {0};
  lc_time now = sim_now(in->kernel);
  int fd = lc_server_listener_fd(in->server, 0);
  if (fd >= 0) sim_truth_of(in->process, fd, &truth);
  if (!truth.queued || truth.is_told || may_hold(in)) {
    in->unaccepted_since = 0;
    return;
  }
  if (!in->unaccepted_since) in->unaccepted_since = now;
  if (now - in->unaccepted_since > FORGOTTEN + 2000 * in->plan->cost)
    run_fail(in, "%u clients are queued, and nobody accepts them for %.3f s", truth.queued,
             lc_to_seconds(now - in->unaccepted_since));
}

void check_refused(run *in, const client *c)
{
  lc_time from = in->stop_at + (in->plan->backlog < 1024 ? WIDENING : 0) + 2000 * in->plan->cost;
  if (!in->stop_at || !c->connected_at || c->started_at <= from) return;
  if (lc_server_report(in->server)->lossless)
    run_fail(in, "client %u came %.6f after the stop, and was let in", c->index,
             lc_to_seconds(c->started_at - in->stop_at));
}
