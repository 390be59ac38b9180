/* check.c - what must hold, whatever clients, network, kernel and script do.
 *
 * After each move, callback and turn, before each wait, and at the end. The
 * simulated kernel says how things really are (truth.h); the core is not asked
 * what it thinks, unless that is what is checked.
 */
#include <string.h>

#include "conn/state.h"
#include "run.h"

/* A ready socket that the core has not heard of for so long is forgotten. The time is longer than
 * any retry of the core. */
#define FORGOTTEN (100 * LC_MILLISECOND)

enum { TURNS_TO_END = 8 };

static unsigned of(const handler *h) { return h->client->index; }

/* ------------------------------------------------------------ connections -- */

void check_move(handler *h, lc_state from, lc_state to)
{
  if (!lc_state_may_move(from, to))
    run_fail(h->in, "connection %u went from %s to %s", of(h), lc_state_name(from),
             lc_state_name(to));
  if (from != h->state)
    run_fail(h->in, "connection %u was %s, not %s", of(h), lc_state_name(h->state),
             lc_state_name(from));
  h->state = to;
  if (to == LC_STATE_IDLE) check_idle(h);
  if (to != LC_STATE_CLOSING) return;
  h->closing_at = sim_now(h->in->kernel);
  h->was_leaving = lc_server_step(h->in->server) >= LC_STEP_STOP;
  int is_dismissed = !strcmp(h->cause, "drain") && !h->in->cancel_at;
  if (is_dismissed && h->stage != OVER) check_dismissed(h);
}

void check_ready(handler *h, unsigned what)
{
  int fd = lc_conn_fd(h->conn);
  if (h->closed) run_fail(h->in, "connection %u was told of something after its end", of(h));
  int is_retry = !(what & LC_READABLE) && sim_process_failed(h->in->process);
  if (h->has_opened || (h->in->plan->shakes && sim_process_failed(h->in->process))) is_retry = 1;
  h->has_opened = 0;
  if (what & (LC_READABLE | LC_WRITABLE) && !is_retry && !sim_truth_was_told(h->in->process, fd))
    run_fail(h->in, "connection %u was told of an event that was not its own", of(h));
}

static unsigned long long beyond(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* The verdict against what the peer's host really has. */
static void check_verdict(handler *h, const lc_verdict *verdict)
{
  const sim_truth *truth = &h->at_close;
  uint64_t most = h->accepted + (h->may_say_farewell ? WORDS_SIZE : 0);
  unsigned long long missing = beyond(h->accepted, truth->delivered);
  /* Else some may have been acknowledged since the core asked. */
  int is_exact = !h->in->plan->cost && !h->in->plan->meddles;
  /* A write whose second half fails says nothing of the first. */
  int is_told = !h->in->plan->shakes || !truth->was_reset;
  if (is_told && truth->written > most)
    run_fail(h->in, "connection %u: sent %llu bytes more than were written", of(h),
             beyond(truth->written, most));
  /* To a peer that has finished, and whose end was read, close() itself may send the FIN. */
  int only_closes = !truth->fin_sent && truth->fin_received && !truth->unread;
  if (!verdict->code && ((!truth->fin_acknowledged && !only_closes) || missing))
    run_fail(h->in, "connection %u: said to be delivered, but %llu bytes are not", of(h), missing);
  if (!verdict->code) return;
  if (is_exact && is_told && verdict->unacked > beyond(most, truth->delivered) + h->untaken)
    run_fail(h->in, "connection %u: %zu bytes said to be undelivered, in truth %llu", of(h),
             verdict->unacked, beyond(most, truth->delivered));
  if (verdict->unacked < missing)
    run_fail(h->in, "connection %u: only %zu bytes said to be undelivered, in truth %llu", of(h),
             verdict->unacked, missing);
  if (is_exact && truth->fin_acknowledged && truth->delivered == most)
    run_fail(h->in, "connection %u: all was delivered, and the verdict is %s", of(h),
             lc_code_name(verdict->code));
}

/* Lingering: neither cut short, nor for longer than its limit of bytes. */
static void check_linger(handler *h, const lc_verdict *verdict)
{
  enum { AT_ONCE = 16 * 1024 };
  const run *in = h->in;
  const sim_truth *truth = &h->at_close;
  const lc_settings *settings = &in->plan->server.settings;
  lc_time least = settings->linger > 0 ? settings->linger : 3 * LC_SECOND;
  if (h->least_linger && h->least_linger < least) least = h->least_linger;
  if (truth->read_after_fin > settings->linger_bytes + AT_ONCE)
    run_fail(h->in, "connection %u: %llu bytes were discarded, %llu over the limit", of(h),
             (unsigned long long)truth->read_after_fin,
             beyond(truth->read_after_fin, settings->linger_bytes));
  int is_cut = verdict->code || h->is_cut_short || truth->linger_is_zero || truth->is_over ||
               truth->read_after_fin > settings->linger_bytes;
  if (!is_cut && !truth->fin_received &&
      h->closed_at + 2000 * in->plan->cost < h->closing_at + least)
    run_fail(h->in, "connection %u: closed %.6f before its time, and the peer has not finished",
             of(h), lc_to_seconds(h->closing_at + least - h->closed_at));
}

/* Then what is unread stays unread. */
static int cannot_read(const plan *p)
{
  for (int i = 0; i < PLAN_FAULTS; i++) {
    const plan_fault *fault = &p->fault[i];
    if (fault->is_used && fault->call == FAULT_RECV && fault->code == -ENOMEM) return 1;
  }
  return 0;
}

/* An end that takes back what the peer was to have. */
static void check_manner(handler *h, const lc_verdict *verdict)
{
  const sim_truth *truth = &h->at_close;
  int is_deliberate = truth->linger_is_zero;
  int is_over_limit =
    truth->unread > 0 && truth->read_after_fin > h->in->plan->server.settings.linger_bytes;
  /* Else the bytes may have come since the last look, or could not be read. */
  int is_exact = !h->in->plan->cost && !cannot_read(h->in->plan);
  if (truth->resets && !is_deliberate && !is_over_limit && is_exact &&
      truth->delivered < truth->written)
    run_fail(h->in, "connection %u: closed with %llu bytes unread, and what was sent is taken back",
             of(h), (unsigned long long)truth->unread);
  if (!truth->resets && !truth->was_reset && truth->fin_sent && truth->written < h->accepted)
    run_fail(h->in, "connection %u: a FIN after %llu of %llu bytes", of(h),
             (unsigned long long)truth->written, (unsigned long long)h->accepted);
  if (is_deliberate && truth->fin_sent && verdict->code != LC_PEER_LOST && !h->is_cut_short)
    run_fail(h->in, "connection %u: reset by us, though all was with the kernel", of(h));
  if (truth->was_reset && truth->unread && h->was_reading &&
      (is_exact || verdict->code != LC_CLOSED))
    run_fail(h->in, "connection %u: %llu bytes that came before the reset are lost", of(h),
             (unsigned long long)truth->unread);
  if (!truth->resets && !truth->was_reset && h->is_torn)
    run_fail(h->in, "connection %u: half a write, and then a FIN", of(h));
}

/* A closing that is not strict goes on while the peer's host acknowledges something within each
 * write_timeout. What it acknowledges after the turn began may come too late. */
static void check_patience(handler *h, const lc_verdict *verdict)
{
  const run *in = h->in;
  const sim_truth *truth = &h->at_close;
  const lc_settings *settings = &in->plan->server.settings;
  lc_time since = truth->acknowledged_at > h->closing_at ? truth->acknowledged_at : h->closing_at;
  int is_strict = h->least_linger || !strcmp(h->cause, "timeout");
  int is_bounded = settings->max_age != LC_NEVER && h->step_then < LC_STEP_DRAIN;
  if (!h->closing_at || is_strict || is_bounded || h->is_cut_short || truth->is_over) return;
  if (verdict->code != LC_TIMEOUT || truth->delivered == truth->written) return;
  if (truth->acknowledged_at > h->turn_at) return;
  if (h->closed_at + 2000 * in->plan->cost < since + settings->write_timeout)
    run_fail(h->in, "connection %u: given up %.6f before its time, and its peer still takes bytes",
             of(h), lc_to_seconds(since + settings->write_timeout - h->closed_at));
}

void check_closed(handler *h)
{
  lc_verdict verdict;
  if (h->closed != 1) run_fail(h->in, "connection %u: its end was told twice", of(h));
  if (h->closes != 1)
    run_fail(h->in, "connection %u: its descriptor was closed %d times", of(h), h->closes);
  if (lc_conn_verdict(h->conn, &verdict) != 0) {
    run_fail(h->in, "connection %u is closed and has no verdict", of(h));
    return;
  }
  run_trace(h->in, "connection %u: closed: %s, %zu bytes undelivered", of(h),
            verdict.code ? lc_code_name(verdict.code) : "delivered", verdict.unacked);
  if (!h->in->plan->speaks_http &&
      !h->in->plan->speaks_websocket) { /* else the library writes too */
    check_verdict(h, &verdict);
    check_manner(h, &verdict);
  }
  check_linger(h, &verdict);
  check_patience(h, &verdict);
  check_late(h);
}

/* ------------------------------------------------------- nobody is forgotten -- */

static int must_notice(const handler *h, const sim_truth *truth)
{
  uint32_t input = LC_POLL_IN | LC_POLL_FINISHED | LC_POLL_HANG_UP | LC_POLL_ERROR;
  if (truth->is_told || check_is_shaking(h)) return 0;
  if (h->state == LC_STATE_CLOSING)
    return truth->fin_acknowledged && truth->fin_received && !truth->unread;
  if (h->waits_read && check_keeps_ticket(h)) input = LC_POLL_OUT | LC_POLL_ERROR | LC_POLL_HANG_UP;
  if (h->waits_read && truth->is_ready & input) return 1;
  return h->waits_write && truth->is_ready & (LC_POLL_OUT | LC_POLL_ERROR | LC_POLL_HANG_UP);
}

static void check_noticed(handler *h)
{
  sim_truth truth;
  lc_time now = sim_now(h->in->kernel);
  int fd = lc_conn_fd(h->conn);
  if (fd < 0 || h->closed) return;
  sim_truth_of(h->in->process, fd, &truth);
  unsigned failed = sim_process_failed(h->in->process);
  if (!must_notice(h, &truth)) {
    h->stuck_since = 0;
    return;
  }
  if (!h->stuck_since || failed != h->failed_by_then) h->stuck_since = now; /* it is being tried */
  h->failed_by_then = failed;
  if (now - h->stuck_since > FORGOTTEN + h->in->plan->cost * 100)
    run_fail(h->in, "connection %u has been forgotten: %s, and nobody was told for %.3f s", of(h),
             h->state == LC_STATE_CLOSING ? "all is acknowledged"
             : h->waits_read              ? "there is something to read"
                                          : "there is room to write",
             lc_to_seconds(now - h->stuck_since));
}

/* One for each connection that is open, each listener, the server and the process, and the
 * script's. */
static void check_timers(run *in)
{
  lc_loop_stats stats;
  lc_loop_stats_get(in->loop, &stats);
  int is_listening = lc_server_listener_fd(in->server, 0) >= 0;
  unsigned most = (in->hook.index ? 3u : 2u) + (is_listening ? 1u : 0u);
  for (unsigned i = 0; i < in->handlers; i++) {
    const handler *h = &in->handler[i];
    most += h->timer.index ? 1u : 0u;
    most += h->spawned.index ? 1u : 0u;
    most += lc_conn_fd(h->conn) >= 0 ? 1u : 0u;
  }
  if (in->plan->by_hand || in->plan->shakes) most += lc_server_count(in->server, LC_STATES);
  if (stats.timers > most) run_fail(in, "%u timers are armed, for %u", stats.timers, most);
}

void check_wait(run *in)
{
  in->server_deadline = lc_server_deadline(in->server);
  in->deadline = lc_shutdown_deadline(in->shutdown);
  for (unsigned i = 0; i < in->handlers; i++) check_noticed(&in->handler[i]);
  check_timers(in);
  check_ladder_wait(in);
  check_listener_wait(in);
  check_workers_wait(in);
  check_shaking_wait(in);
}

/* -------------------------------------------------------------------- turns -- */

static void check_counts(run *in)
{
  uint32_t all = 0;
  for (int state = 0; state < LC_STATES; state++)
    all += lc_server_count(in->server, (lc_state)state);
  if (all != lc_server_count(in->server, LC_STATES))
    run_fail(in, "the registry counts %u in states, %u in all", all,
             lc_server_count(in->server, LC_STATES));
}

/* What was due when the turn began has been done in it; a few more turns, none of which waits, and
 * the rest has followed. */
static void check_deadlines(run *in)
{
  lc_time now = lc_loop_now(in->loop);
  lc_step step = lc_server_step(in->server);
  if (now >= in->server_deadline && step < LC_STEP_KILL)
    run_fail(in, "the server was to be killed %.6f ago, and is at %s",
             lc_to_seconds(now - in->server_deadline), lc_step_name(step));
  in->overdue_turns = now >= in->deadline ? in->overdue_turns + 1 : 0;
  if (in->overdue_turns > TURNS_TO_END)
    run_fail(in, "all was to be over %.6f ago, and is at %s", lc_to_seconds(now - in->deadline),
             lc_step_name(lc_shutdown_step(in->shutdown)));
}

void check_turn(run *in)
{
  check_counts(in);
  check_deadlines(in);
  if (sim_truth_strange(in->process)) run_fail(in, "a descriptor was used that is not open");
  if (sim_truth_left_watched(in->process))
    run_fail(in, "a descriptor was closed while epoll watched it");
}

/* ------------------------------------------------------------------- the end -- */

void check_over(run *in)
{
  if (lc_server_step(in->server) != LC_STEP_DONE)
    run_fail(in, "the process is done, and its server is at %s",
             lc_step_name(lc_server_step(in->server)));
  if (lc_server_count(in->server, LC_STATES))
    run_fail(in, "%u connections are left", lc_server_count(in->server, LC_STATES));
  for (unsigned i = 0; i < in->handlers; i++) {
    handler *h = &in->handler[i];
    if (h->stage != OVER) run_fail(in, "the handler of %u is left", of(h));
    if (!h->closed) run_fail(in, "connection %u: its end was not told", of(h));
  }
}

/* Whether nothing lacks, and the report says that nobody was lost. */
static int is_said_lossless(const run *in)
{
  return lc_server_report(in->server)->lossless && !sim_process_failed(in->process) &&
         in->plan->descriptors > 64 && !in->plan->allocation;
}

/* Whether everything that may keep a client from being accepted has been left out of this plan, or
 * has not come true. */
static int is_fair(const run *in) { return is_said_lossless(in) && !in->cancel_at; }

const handler *check_handler_of(const run *in, const client *c)
{
  for (unsigned i = 0; i < in->handlers; i++)
    if (in->handler[i].client == c) return &in->handler[i];
  return NULL;
}

/* Whether nothing in the plan but the drain could keep a first request from its answer. */
int check_is_easy(const run *in)
{
  const plan *p = in->plan;
  const lc_settings *settings = &p->server.settings;
  lc_time way = p->network.delay + p->network.jitter + p->network.ack_delay + 1000 * p->cost;
  return !p->network.loss && !p->meddles && 4 * way < p->server.drain.quiet &&
         settings->read_timeout == LC_NEVER && settings->first_byte_timeout == LC_NEVER &&
         settings->idle_timeout == LC_NEVER && settings->max_age == LC_NEVER &&
         settings->heartbeat.interval == LC_NEVER && settings->linger > 0 &&
         settings->linger_bytes >= RUN_BYTES * 8 && settings->write_timeout > LC_SECOND;
}

/* A client whose connect() succeeded is accepted, if it was still there to be. Where clients are
 * accepted by hand, one that is silent need not be handed out; any other is, or is counted as
 * lost. */
static void check_accepted(run *in, const client *c)
{
  if (!c->connected_at || check_handler_of(in, c) || c->end == OWN_WISH) return;
  int is_by_hand = in->plan->by_hand > 0;
  int must_be = is_by_hand ? check_is_easy(in) && check_spoke_in_time(in, c) && is_said_lossless(in)
                           : is_fair(in);
  if (in->plan->shakes && !(check_is_easy(in) && check_shakes_easily(in, c))) return;
  if (must_be) run_fail(in, "client %u was connected, and never served: lost", c->index);
  if (is_by_hand && is_fair(in) && check_is_easy(in) && !c->spoke_at && c->end != SAW_EOF)
    run_fail(in, "client %u was silent, and did not see a clean end", c->index);
}

/* A client that asked as soon as it was connected, for something that is answered at once, has its
 * answer, whole, whenever the shutdown came. */
static void check_served(run *in, const client *c)
{
  int is_plain = c->plan->temper == ORDERLY || c->plan->temper == STAYING ||
                 (c->plan->temper == HALF_CLOSING && c->plan->requests == 1);
  if (!is_plain || !c->plan->requests || c->plan->asked[0].deed != REPLY) return;
  if (!c->shaken_at || c->asked_at != c->shaken_at || c->plan->asked[0].body) return;
  if (!check_shakes_easily(in, c)) return;
  if (c->plan->asked[0].reply > 1000 || !check_is_easy(in) || !is_fair(in)) return;
  if (!c->answered) run_fail(in, "client %u asked in time, and was not answered", c->index);
}

/* What ended with a FIN was whole. */
static void check_whole(run *in, const client *c)
{
  const handler *h = check_handler_of(in, c);
  if (c->end != SAW_EOF || !h) return;
  if (c->received < h->accepted)
    run_fail(in, "client %u saw a clean end after %llu of %llu bytes", c->index,
             (unsigned long long)c->received, (unsigned long long)h->accepted);
}

void check_end(run *in)
{
  for (unsigned i = 0; i < in->plan->clients; i++) {
    const client *c = &in->client[i];
    if (!c->plan->is_used) continue;
    check_accepted(in, c);
    check_served(in, c);
    check_refused(in, c);
    check_whole(in, c);
    if (in->plan->speaks_http) check_http(in, c);
    if (in->plan->speaks_websocket) check_ws(in, c);
  }
  check_late_count(in);
}
