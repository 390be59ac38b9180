/* handler.c - the server's side: for each connection a handler, as an embedder's task would be.
 *
 * Here is what handlers are told: by the core, by their timers and by the ladder. As in the Lua
 * binding, that only marks a handler; it goes on in the turn's own share, with its deeds
 * (handler_deeds.c).
 */
#include <string.h>

#include "handler.h"

static void wake(handler *h, int code)
{
  if (h->stage == OVER) return;
  if (!h->woken) h->woken = code;
  h->is_queued = 1;
  lc_loop_hurry(h->in->loop);
}

/* ------------------------------------------------------------------ turns -- */

/* The connection is over: whatever it was at, save sleeping on without noticing. */
static int is_cut_off(const handler *h)
{
  return lc_conn_error(h->conn) && h->stage != LEAVES &&
         (h->stage != WORKS || h->asked->deed != IGNORE);
}

static void resume(handler *h)
{
  int code = h->woken;
  h->woken = 0;
  if (h->stage == OVER) return;
  if (is_cut_off(h)) {
    int error = lc_conn_error(h->conn);
    if (error == LC_CLOSED || error == LC_TIMEOUT) code = error;
    lc_slice rest;
    lc_conn_buffered(h->conn, &rest);
    if (!(h->waits_read || h->stage <= READS_BODY) || !rest.length) code = error;
  }
  if (code) {
    handler_gives_up(h, code);
    return;
  }
  h->waits_read = h->waits_write = 0;
  for (int share = 0; handler_advance(h); share++) {
    if (share < 64) continue;
    h->is_queued = 1; /* others come first */
    return;
  }
}

int handlers_run(void *user)
{
  run *in = user;
  int again = 0;
  meddle_rest(in);
  for (unsigned i = 0; i < in->handlers; i++) {
    handler *h = &in->handler[i];
    if (!h->is_queued) continue;
    h->is_queued = 0;
    resume(h);
    lc_loop_flush(in->loop);
  }
  workers_accept(in);
  run_act(in);
  for (unsigned i = 0; i < in->handlers; i++) again |= in->handler[i].is_queued;
  return again;
}

static void timer_due(lc_timer *timer, lc_time now)
{
  handler *h = (handler *)(void *)((char *)timer - offsetof(handler, timer));
  (void)now;
  if (h->stage == LEAVES) {
    handler_ends(h);
  } else if (h->stage == WORKS && handler_awakes(h)) {
    wake(h, 0);
  }
}

static void spawned_due(lc_timer *timer, lc_time now)
{
  handler *h = (handler *)(void *)((char *)timer - offsetof(handler, spawned));
  (void)now;
  handler_ends_spawned(h);
}

/* ------------------------------------------------------------- the ladder -- */

void handlers_cancel(run *in)
{
  for (unsigned i = 0; i < in->handlers; i++) {
    handler *h = &in->handler[i];
    if (h->stage == OVER && !h->has_spawned) continue;
    lc_server_count_canceled(in->server, h->conn);
    h->cut = LC_CANCELED;
    handler_ends_spawned(h);
    if (h->stage == LEAVES) handler_ends(h);
    else wake(h, LC_CANCELED);
  }
}

void handlers_kill(run *in)
{
  for (unsigned i = 0; i < in->handlers; i++) {
    handler *h = &in->handler[i];
    if (h->stage == OVER && !h->has_spawned) continue;
    lc_server_count_killed(in->server, h->conn);
    handler_ends_spawned(h);
    if (h->stage != OVER) handler_ends(h);
  }
}

/* --------------------------------------------------------------- callbacks -- */

handler *handler_of_new(run *in, lc_conn *conn)
{
  lc_address peer;
  lc_conn_peer(conn, &peer);
  client *of = run_client_at(in, ntohs(peer.of.in.sin_port));
  in->accepted++;
  if (!of || in->handlers == RUN_HANDLERS) {
    run_fail(in, "a connection that no client has made");
    return NULL;
  }
  handler *h = &in->handler[in->handlers++];
  *h = (handler){.in = in, .conn = lc_conn_ref(conn), .client = of};
  lc_conn_set_user(conn, h);
  h->has_opened = in->plan->shakes;
  check_shaken(h);
  run_trace(in, "handler %u: accepted", of->index);
  return h;
}

void handler_begins(run *in, lc_conn *conn)
{
  handler *h = handler_of_new(in, conn);
  if (!h) return;
  lc_conn_hold(conn);
  if (lc_timer_open(in->loop, &h->timer, timer_due) < 0 ||
      lc_timer_open(in->loop, &h->spawned, spawned_due) < 0) {
    lc_conn_abort(conn, "no memory for a handler");
    handler_ends(h);
    return;
  }
  wake(h, 0);
}

static void opened(lc_conn *conn, void *user) { handler_begins(user, conn); }

static void acceptable(lc_server *server, void *user)
{
  (void)server;
  workers_wake(user);
}

static void ready(lc_conn *conn, unsigned what, void *user)
{
  handler *h = lc_conn_user(conn);
  if (!h) return;
  check_ready(h, what);
  meddle(user, h);
  if (h->waits_read && what & (LC_READABLE | LC_READ_TIMEOUT))
    wake(h, what & LC_READABLE ? 0 : LC_TIMEOUT);
  else if (h->waits_write && what & (LC_WRITABLE | LC_WRITE_TIMEOUT))
    wake(h, what & LC_WRITABLE ? 0 : LC_TIMEOUT);
  if (what & LC_ENDED) {
    handler_ends_spawned(h);
    wake(h, 0);
  }
}

static void state(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user)
{
  handler *h = lc_conn_user(conn);
  run *in = user;
  if (!h) return;
  run_trace(in, "connection %u: %s -> %s (%s)", h->client->index, lc_state_name(from),
            lc_state_name(to), cause);
  h->cause = cause;
  check_move(h, from, to);
}

static void draining(lc_conn *conn, void *user)
{
  handler *h = lc_conn_user(conn);
  (void)user;
  if (!h || h->stage == OVER) {
    lc_conn_finish(conn, "drain");
    return;
  }
  run_trace(h->in, "handler %u: told of the drain", h->client->index);
  check_dismissed(h);
  h->cut = LC_DRAINING;
  if (h->waits_read) wake(h, LC_DRAINING);
}

static void heartbeat(lc_conn *conn, void *user)
{
  handler *h = lc_conn_user(conn);
  (void)user;
  if (h) handler_notes(h);
}

static void closed(lc_conn *conn, void *user)
{
  handler *h = lc_conn_user(conn);
  (void)user;
  if (!h) return;
  h->closed++;
  check_closed(h);
}

static void stepped(lc_server *server, lc_step step, void *user)
{
  run *in = user;
  (void)server;
  run_trace(in, "server: %s", lc_step_name(step));
  check_step(in, step);
  if (step == LC_STEP_STOP) in->stop_at = sim_now(in->kernel);
  if (step == LC_STEP_DRAIN) check_drain_begins(in);
  if (step == LC_STEP_CANCEL || step == LC_STEP_KILL) {
    if (!in->cancel_at) in->cancel_at = sim_now(in->kernel);
    if (step == LC_STEP_CANCEL && !in->http && !in->plan->speaks_websocket) handlers_cancel(in);
  }
}

/* Once all are reset: so that no peer takes the end of a handler for the end of a reply. */
static int reached_all(lc_server *server, lc_step step, void *user)
{
  (void)server;
  if (step == LC_STEP_KILL) handlers_kill(user);
  return 0;
}

static void notice(lc_server *server, const lc_notice *said, void *user)
{
  run *in = user;
  (void)server;
  run_trace(in, "notice: %s (%s)", said->event, said->code ? lc_code_name(said->code) : "-");
  if (!strcmp(said->event, "accept paused")) in->is_accept_paused = 1;
  if (!strcmp(said->event, "accept resumed")) in->is_accept_paused = 0;
}

const lc_events HANDLER_EVENTS = {.opened = opened,
                                  .acceptable = acceptable,
                                  .ready = ready,
                                  .state = state,
                                  .heartbeat = heartbeat,
                                  .closed = closed,
                                  .step = stepped,
                                  .reached_all = reached_all,
                                  .notice = notice};

const lc_events HANDLER_EVENTS_TELLING = {.opened = opened,
                                          .acceptable = acceptable,
                                          .ready = ready,
                                          .state = state,
                                          .draining = draining,
                                          .heartbeat = heartbeat,
                                          .closed = closed,
                                          .step = stepped,
                                          .reached_all = reached_all,
                                          .notice = notice};
