/* ladder.c - the ladder of one server. */
#include "server/ladder.h"

#include "server/fleet.h"
#include "server/listening.h"
#include "server/options.h"
#include "server/state.h"
#include "server/unclaimed.h"
#include "server/walk.h"

/* ------------------------------------------------------------------- steps -- */

static void enter(lc_server *server, lc_step step)
{
  const lc_events *events = server->events;
  server->owner.step = step;
  server->report.step_at[step] = server->loop->sys->now(server->loop->sys);
  if (step == LC_STEP_STOP) lc_listening_stop(server);
  if (events->step) events->step(server, step, server->user);
  switch (step) {
    case LC_STEP_DRAIN:
      server->mark_at = lc_time_add(server->report.step_at[step], server->options.drain.quiet);
      server->to_visit = server->registry.counts[LC_STATES];
      break;
    case LC_STEP_CANCEL: lc_listening_stop_now(server); break;
    default: break;
  }
}

static void rearm(lc_server *server)
{
  lc_time at = LC_NEVER;
  if (server->wanted < LC_STEP_KILL) at = server->kill_at;
  if (server->wanted < LC_STEP_CANCEL && server->cancel_at < at) at = server->cancel_at;
  lc_pulse_want(server->loop->pulse, &server->want, at);
  at = lc_time_earlier(at, lc_time_earlier(server->visit_at, server->mark_at));
  lc_heap_set(&server->loop->deadlines, &server->timer, at);
}

static void climb(lc_job *job)
{
  lc_server *server = LC_OWNER(job, lc_server, job);
  if (lc_server_is_retired(server)) lc_server_shutdown(server, server->loop->now);
  while (server->owner.step < server->wanted) {
    lc_step next = server->owner.step + 1;
    if (next == LC_STEP_UNREADY) next = LC_STEP_STOP; /* only the process's ladder has unready */
    enter(server, next);
  }
  lc_unclaimed_share(server);
  lc_walk_on(server);
  if (lc_server_is_done(server)) {
    lc_heap_clear(&server->loop->deadlines, &server->timer);
    lc_pulse_want(server->loop->pulse, &server->want, LC_NEVER);
    server->wanted = LC_STEP_DONE;
    lc_fleet *fleet = server->fleet;
    enter(server, LC_STEP_DONE); /* its callback may free the server */
    lc_fleet_changed(fleet);
  } else if (server->owner.step < LC_STEP_DONE) {
    rearm(server);
  }
}

static void ladder_due(lc_timer *timer, lc_time now)
{
  lc_server *server = LC_OWNER(timer, lc_server, timer);
  if (now >= server->cancel_at && server->wanted < LC_STEP_CANCEL) server->wanted = LC_STEP_CANCEL;
  if (now >= server->kill_at && server->wanted < LC_STEP_KILL) server->wanted = LC_STEP_KILL;
  lc_job_queue_ladder(server->loop, &server->job);
}

/* ------------------------------------------------------------------- asking -- */

int lc_ladder_open(lc_server *server)
{
  lc_job_init(&server->job, climb);
  return lc_heap_open(&server->loop->deadlines, &server->timer, ladder_due);
}

int lc_server_shutdown(lc_server *server, lc_time kill_at)
{
  if (server->owner.step == LC_STEP_DONE) return 0;
  server->owner.is_leaving = 1;
  kill_at = lc_time_earlier(kill_at, lc_time_add(lc_loop_clock(server->loop), LC_LONGEST));
  if (server->kill_at == LC_NEVER) server->shutdown_began = lc_loop_clock(server->loop);
  if (kill_at < server->kill_at) {
    lc_time tenth = (kill_at - server->shutdown_began) / 10, grace = server->options.drain.grace;
    server->kill_at = kill_at;
    if (tenth < grace) grace = tenth > 0 ? tenth : 0;
    server->cancel_at = kill_at - grace;
  }
  lc_server_advance(server, LC_STEP_DRAIN);
  rearm(server);
  return 0;
}

lc_time lc_server_deadline(const lc_server *server) { return server->kill_at; }

void lc_server_set_drain(lc_server *server, const lc_drain_options *drain)
{
  if (server->kill_at == LC_NEVER) {
    server->options.drain = *drain;
    lc_drain_options_fit(&server->options.drain);
  }
  lc_fleet_changed(server->fleet);
}

void lc_server_advance(lc_server *server, lc_step step)
{
  if (server->wanted >= step) return;
  server->wanted = step;
  lc_job_queue_ladder(server->loop, &server->job);
}
