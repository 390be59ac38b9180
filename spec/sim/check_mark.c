/* check_mark.c - what a drain hands over, and whom it counts as late: by the plan, the clock and
 * the truth.
 *
 * The mark of a connection is what had come `quiet` after the drain began; of one whose first byte
 * came later, `quiet` after that byte. A request that begins before the mark is never turned away;
 * bytes that no handler was given are counted, once, and no others are.
 */
#include <string.h>

#include "run.h"

static unsigned of(const handler *h) { return h->client->index; }

static void marks_are_due(void *user)
{
  run *in = user;
  for (unsigned i = 0; i < in->handlers; i++) {
    handler *h = &in->handler[i];
    sim_truth truth;
    int fd = lc_conn_fd(h->conn);
    if (fd < 0) continue;
    sim_truth_of(in->process, fd, &truth);
    check_shake_aside(in, &truth);
    h->mark = truth.came;
    h->is_marked = truth.came > 0;
  }
}

void check_drain_begins(run *in)
{
  in->drain_at = sim_now(in->kernel);
  sim_at(in->kernel, lc_time_add(in->drain_at, in->plan->server.drain.quiet), marks_are_due, in);
}

/* The earliest time at which anything of it may be turned away. */
static lc_time earliest(const handler *h)
{
  lc_time quiet = h->in->plan->server.drain.quiet;
  lc_time first = lc_time_add(h->in->drain_at, quiet);
  if (h->in->plan->by_hand)
    return first; /* the mark may have been taken before it was handed out */
  return h->is_marked || sim_now(h->in->kernel) < first ? first : lc_time_add(first, quiet);
}

void check_turned_away(const handler *h)
{
  run *in = h->in;
  lc_time now = sim_now(in->kernel);
  lc_conn_stats stats;
  lc_slice held;
  if (h->cut || in->cancel_at) return;
  if (now + 2000 * in->plan->cost < earliest(h))
    run_fail(in, "connection %u: a request is turned away %.6f too early", of(h),
             lc_to_seconds(earliest(h) - now));
  lc_conn_stats_get(h->conn, &stats);
  lc_conn_buffered(h->conn, &held);
  if (h->is_marked && stats.received - held.length < h->mark)
    run_fail(in, "connection %u: a request is turned away that had come before the mark", of(h));
}

/* Whether every byte that comes is seen by the core: it takes time to look, and may fail. */
static int is_exact(const handler *h)
{
  const run *in = h->in;
  return !in->plan->cost && !in->plan->meddles && !in->plan->allocation &&
         !in->plan->speaks_websocket && !sim_process_failed(in->process);
}

static int is_dismissed(const handler *h)
{
  return h->closing_at && (!strcmp(h->cause, "drain") || !strcmp(h->cause, "draining"));
}

void check_late(handler *h)
{
  const sim_truth *truth = &h->at_close;
  uint64_t ungiven = truth->came - h->consumed;
  lc_conn_stats stats;
  lc_conn_stats_get(h->conn, &stats);
  h->is_late = stats.late > 0;
  if (stats.late > ungiven)
    run_fail(h->in, "connection %u: %llu bytes are said to be late, in truth %llu", of(h),
             (unsigned long long)stats.late, (unsigned long long)ungiven);
  if (is_exact(h) && is_dismissed(h) && !truth->was_reset && stats.late != ungiven)
    run_fail(h->in, "connection %u: of %llu late bytes, %llu are counted", of(h),
             (unsigned long long)ungiven, (unsigned long long)stats.late);
}

static void check_late_sum(run *in, const char *when, unsigned long long late, uint64_t counted)
{
  int is_exact_count = !in->plan->by_hand; /* one that was never handed out has no handler here */
  if (is_exact_count ? late != counted : late > counted)
    run_fail(in, "%llu connections were late %s the stop, the report says %llu", late, when,
             (unsigned long long)counted);
}

void check_late_count(run *in)
{
  const lc_report *report = lc_server_report(in->server);
  unsigned long long before = 0, since = 0;
  for (unsigned i = 0; i < in->handlers; i++) {
    const handler *h = &in->handler[i];
    if (!h->is_late) continue;
    if (h->step_then < LC_STEP_STOP) before++;
    else since++;
  }
  check_late_sum(in, "before", before, report->late_before);
  check_late_sum(in, "since", since, report->late);
}
