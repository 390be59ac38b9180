/* check_ladder.c - what the ladder may do to each connection, and by when. It judges by the plan,
 * the clock and the truth, and not by what the core makes of them.
 *
 * A connection is called idle, or dismissed by the drain, only between two requests and when no
 * bytes have arrived. The drain waits for no idle connection. Steps come by the times that signals
 * and calls have set.
 */
#include "run.h"

#define FORGOTTEN (100 * LC_MILLISECOND)

static unsigned of(const handler *h) { return h->client->index; }

/* The core goes by the time at which a turn began; system calls that take time make it later. */
static lc_time slack(const run *in) { return 2000 * in->plan->cost; }

/* A WebSocket whose handler is over waits for the answer to its Close. */
static int is_between_requests(const handler *h)
{
  if (h->in->plan->speaks_websocket && h->stage == OVER) return 1;
  return h->stage == WAITS_REQUEST && !h->has_begun && !h->is_guarding;
}

/* ------------------------------------------------------------------- idle -- */

void check_idle(const handler *h)
{
  if (!is_between_requests(h))
    run_fail(h->in, "connection %u is called idle in the midst of a request", of(h));
}

/* The least silence after which it may count as idle. */
static lc_time quiet_until(const handler *h, const lc_conn_stats *stats)
{
  lc_time quiet = h->in->plan->server.drain.quiet;
  if (!stats->received) return lc_time_add(stats->opened_at, quiet);
  return h->in->plan->waiting == BY_READ ? lc_time_add(stats->last_byte_at, quiet) : 0;
}

void check_dismissed(const handler *h)
{
  run *in = h->in;
  lc_conn_stats stats;
  sim_truth truth;
  lc_conn_stats_get(h->conn, &stats);
  sim_truth_of(in->process, lc_conn_fd(h->conn), &truth);
  if (!is_between_requests(h))
    run_fail(in, "connection %u is dismissed in the midst of a request", of(h));
  if (!in->plan->cost && truth.unread)
    run_fail(in, "connection %u is dismissed, and a request has arrived", of(h));
  if (sim_now(in->kernel) < quiet_until(h, &stats))
    run_fail(in, "connection %u is dismissed %.6f too early", of(h),
             lc_to_seconds(quiet_until(h, &stats) - sim_now(in->kernel)));
}

/* Nothing of a message has come, and no Close is said, whose answer would be due. */
static int is_ws_at_rest(const handler *h, const sim_truth *truth)
{
  int is_between;
  if (!h->ws || lc_websocket_may_send(h->ws)) return 0;
  ws_client_whole(h->client, truth->came, &is_between);
  return is_between;
}

/* Whether it has nothing to do, as far as anybody can see. */
static int is_at_rest(const handler *h, lc_conn_stats *stats)
{
  lc_slice held;
  sim_truth truth;
  if (!is_between_requests(h) || !h->waits_read || h->has_spawned || h->closed) return 0;
  if (check_keeps_ticket(h)) return 0;
  if (lc_conn_state(h->conn) >= LC_STATE_CLOSING) return 0;
  lc_conn_buffered(h->conn, &held);
  lc_conn_stats_get(h->conn, stats);
  sim_truth_of(h->in->process, lc_conn_fd(h->conn), &truth);
  if (h->in->plan->speaks_websocket && !is_ws_at_rest(h, &truth)) return 0;
  int holds_up_others = lc_server_unclaimed(h->in->server) > 0;
  return (stats->received || holds_up_others) && !stats->unsent && !held.length && !truth.unread;
}

static void check_waited_for(handler *h)
{
  run *in = h->in;
  lc_conn_stats stats;
  lc_time now = sim_now(in->kernel);
  if (!is_at_rest(h, &stats)) {
    h->rests_since = 0;
    return;
  }
  if (!h->rests_since) h->rests_since = now;
  lc_time since = stats.last_byte_at > h->rests_since ? stats.last_byte_at : h->rests_since;
  if (now > lc_time_add(since, in->plan->server.drain.quiet + FORGOTTEN + slack(in)))
    run_fail(in, "connection %u is idle, and the drain waits for it", of(h));
}

void check_ladder_wait(run *in)
{
  int is_spread = in->plan->server.drain.spread > 0;
  if (lc_server_step(in->server) != LC_STEP_DRAIN || is_spread) return;
  for (unsigned i = 0; i < in->handlers; i++) check_waited_for(&in->handler[i]);
}

/* ------------------------------------------------------------------ times -- */

static void sooner(lc_time *time, lc_time at)
{
  if (!*time || at < *time) *time = at;
}

void check_asked(run *in, lc_time at, lc_time timeout)
{
  sooner(&in->asked_at, at);
  sooner(&in->must_end, at + timeout);
  sooner(&in->must_kill, at + timeout);
}

void check_asked_server(run *in, lc_time at, lc_time timeout)
{
  sooner(&in->must_kill, at + timeout);
}

void check_signaled(run *in, lc_time at)
{
  if (in->signals && at - in->signaled_at < LC_SIGNALS_APART) return;
  in->signaled_at = at;
  in->signals++;
  check_asked(in, at, in->plan->drain.timeout);
  if (in->signals == 2) sooner(&in->must_cancel, at);
  if (in->signals >= 3) sooner(&in->must_kill, at);
}

static int is_late(const run *in, lc_time must)
{
  return must && sim_now(in->kernel) > must + slack(in);
}

static void check_time(run *in, lc_time must, lc_step step)
{
  if (is_late(in, must))
    run_fail(in, "the server came to %s %.6f late", lc_step_name(step),
             lc_to_seconds(sim_now(in->kernel) - must));
}

/* The server's own time counts from the call or signal too, but the server hears of it only when
 * the process is no longer unready. */
static lc_time own_kill(const run *in)
{
  if (!in->asked_at || !in->process_stop_at) return 0;
  lc_time own = in->asked_at + in->plan->server.drain.timeout;
  return own > in->process_stop_at ? own : in->process_stop_at;
}

void check_step(run *in, lc_step step)
{
  if (step == LC_STEP_CANCEL) check_time(in, in->must_cancel, step);
  if (step != LC_STEP_KILL) return;
  check_time(in, in->must_kill, step);
  check_time(in, own_kill(in), step);
}

void check_done(run *in)
{
  if (is_late(in, in->must_end))
    run_fail(in, "the process was done %.6f late",
             lc_to_seconds(sim_now(in->kernel) - in->must_end));
}
