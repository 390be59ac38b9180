/* drain.c - the ladder of one server.
 *
 *   serving ---> stop ---> drain ---> cancel ---> kill ---> done
 *            shutdown   at once    cancel_at    kill_at    nothing is left
 *                                                          (from any step on)
 *
 *   stop    every listener begins to stop; that goes on beside the next steps
 *   drain   idle connections are closed, the others finish
 *   cancel  the embedder cancels what still runs (without an embedder's `step`,
 *           connections are closed)
 *   kill    every connection left is reset; the embedder ends what still runs
 *   done    no listener, connection, or task of the server is left
 *
 * Steps only go forward. Whoever asks for a step sets how far the ladder is to
 * go; the job climbs, so that callbacks come from a turn, one step after the
 * other, whatever called for them. What a step does to every connection is a walk.
 */
#include <netinet/tcp.h>

#include "conn/closing.h"
#include "conn/conn.h"
#include "conn/crossing.h"
#include "conn/guess.h"
#include "conn/mark.h"
#include "conn/queue.h"
#include "conn/verdict.h"
#include "server/fleet.h"
#include "server/options.h"
#include "server/server.h"

/* How much longer than `quiet` a first request may take where packets are lost. */
#define LATE_AFTER_LOSS (12 * LC_SECOND)
#define LATE_AFTER_HEAVY_LOSS (21 * LC_SECOND)
#define PACE (5 * LC_MILLISECOND) /* at least, between two shares of a walk that is spread out */
#define HEAVY 20 /* one handshake in so many lost a packet, and more than one did */

const char *lc_step_name(lc_step step)
{
  static const char *const names[] = {"serving", "unready", "stop",  "drain",
                                      "cancel",  "kill",    "hooks", "done"};
  return step < LC_STEPS ? names[step] : "unknown";
}

/* --------------------------------------------------- who is closed as idle -- */

/* Counts a handshake that is seen for the first time. The kernel tells of our packets only. */
static void look_at_handshake(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  const lc_sys *sys = conn->loop->sys;
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (lc_member_of(conn)->handshake_seen || conn->received || !lc_conn_is_tcp(conn)) return;
  lc_member_of(conn)->handshake_seen = 1;
  if (sys->getsockopt(sys, conn->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return;
  server->handshakes_seen++;
  if (info.tcpi_total_retrans > 0) server->handshakes_lossy++;
}

/* The silence after which one that never spoke counts as idle.
 *
 * Its first request may be late where packets are lost. Whoever had to connect twice repeats it after
 * 3, 9 and 21 s (RFC 6298, 5.7); a system that remembers slow connects to our address (Linux does)
 * after some 0.3, 3.7 and 10 s, whatever this handshake was like. Whoever lost a packet of their own
 * looks as if all had gone well; so those that show losses speak for all. While a listener still
 * settles, those that will show them may be yet to come: for ever. */
static lc_time patience(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  look_at_handshake(conn);
  if (lc_server_is_listening(server)) return LC_NEVER;
  lc_time late = 0;
  if (server->handshakes_lossy > 0) late = LATE_AFTER_LOSS;
  if (server->handshakes_lossy > 1 && server->handshakes_lossy >= server->handshakes_seen / HEAVY)
    late = LATE_AFTER_HEAVY_LOSS;
  return lc_time_add(server->options.drain.quiet, late);
}

void lc_drain_settled(lc_server *server)
{
  if (server->owner.step < LC_STEP_DRAIN || lc_server_is_listening(server)) return;
  lc_registry_rewind(&server->registry, LC_WALK_VISIT);
  lc_job_queue_ladder(server->loop, &server->job);
}

static lc_time end_of_silence(lc_conn *conn)
{
  lc_time silence = conn->received ? conn->owner->drain->quiet : patience(conn);
  return lc_time_add(conn->last_byte_at, silence);
}

/* At once when the wait said so itself, else after a time of silence; also one that never spoke, whose first request
 * may still be on its way. */
lc_time lc_drain_look_at(lc_conn *conn)
{
  if (conn->state != LC_STATE_NEW && conn->state != LC_STATE_IDLE) return LC_NEVER;
  int unattended =
    !conn->tasks && !conn->guards && conn->wait == LC_WAIT_NONE && conn->state == LC_STATE_NEW;
  if (!lc_conn_is_between(conn) && !unattended) return LC_NEVER;
  if (conn->declared && conn->received) return 0;
  return end_of_silence(conn);
}

lc_time lc_conn_quiet_from(lc_conn *conn)
{
  if (!conn->owner || conn->state >= LC_STATE_CLOSING || lc_queue_size(conn)) return LC_NEVER;
  if (lc_crossing_unread(conn)) return LC_NEVER;
  return end_of_silence(conn);
}

void lc_drain_look(lc_conn *conn)
{
  lc_server *server = lc_conn_server(conn);
  if (!lc_conn_is_draining(conn) || lc_drain_look_at(conn) > conn->loop->now) return;
  if (lc_crossing_unread(conn)) return; /* a request has arrived: its event is coming */
  lc_mark_here(conn);
  conn->dismissed = 1;
  lc_member_of(conn)->was_idle = 1;
  if (server->events->draining && !conn->unheard) server->events->draining(conn, server->user);
  else lc_conn_finish(conn, "drain");
}

/* ------------------------------------------------------------------- walks -- *
 *
 *   reach   follows the ladder: all are told of the drain, then canceled, then reset. Each step's walk goes to its
 *           end before the next one's begins, though the ladder may be further by then
 *   visit   from the drain's walk on: closes those that are idle
 *   mark    `quiet` after the drain began: takes the marks
 *
 * A share ends with the turn's time for ladders; visits and marks also after some number, for each is a system call
 * or two. One connection is reached at least, and who walks first changes from turn to turn: so no walk starves.
 */

static void go_on(lc_server *server) { lc_job_queue_ladder(server->loop, &server->job); }

static void reach(lc_conn *conn, lc_step step)
{
  lc_server *server = lc_conn_server(conn);
  const lc_events *events = server->events;
  if (step == LC_STEP_KILL && lc_verdict_is_delivered(conn)) {
    /* It has all of ours, the FIN too, and only keeps its own side open: it lost nothing and is not killed. */
    lc_closing_give_up(conn);
    return;
  }
  if (events->reached) events->reached(conn, step, server->user);
  else if (step == LC_STEP_CANCEL && !events->step) lc_conn_finish(conn, "canceled");
  if (step != LC_STEP_KILL) return;
  lc_conn_abort(conn, "killed");
  lc_conn_release_detached(conn);
}

/* Whether it has come to its end. */
static int reach_share(lc_server *server, lc_step step)
{
  const lc_events *events = server->events;
  lc_conn *conn;
  if (!server->is_reaching) lc_registry_rewind(&server->registry, LC_WALK_REACH);
  server->is_reaching = 1;
  while ((conn = lc_registry_step(&server->registry, LC_WALK_REACH))) {
    reach(conn, step);
    if (lc_loop_share_is_over(server->loop)) return 0;
  }
  if (events->reached_all && events->reached_all(server, step, server->user)) return 0;
  server->is_reaching = 0;
  return 1;
}

static void follow_ladder(lc_server *server)
{
  while (server->owner.reached < server->owner.step && server->owner.reached < LC_STEP_KILL) {
    lc_step step = server->owner.reached + 1;
    if (!reach_share(server, step)) {
      go_on(server);
      return;
    }
    server->owner.reached = step;
    if (step == LC_STEP_DRAIN) lc_registry_rewind(&server->registry, LC_WALK_VISIT);
  }
}

/* How many are visited at a time, and how long after the last ones. */
static uint32_t share_of_spread(const lc_server *server, lc_time *pace)
{
  lc_time spread = server->options.drain.spread, total = server->to_visit ? server->to_visit : 1;
  *pace = spread / total;
  if (*pace >= PACE) return 1;
  *pace = PACE;
  return (uint32_t)(total * PACE / spread) + 1;
}

/* What becomes idle later considers itself. */
static void visit_share(lc_server *server)
{
  int is_spread = server->owner.step == LC_STEP_DRAIN && server->options.drain.spread > 0;
  int is_over = 0;
  lc_time pace = 0;
  uint32_t share = is_spread ? share_of_spread(server, &pace) : LC_VISITS_PER_TURN;
  lc_conn *conn = NULL;
  while (share-- && !is_over && (conn = lc_registry_step(&server->registry, LC_WALK_VISIT))) {
    lc_drain_look(conn);
    lc_mark_visit(conn, server->mark_at == LC_NEVER);
    lc_conn_consider(conn);
    is_over = lc_loop_share_is_over(server->loop);
  }
  server->visit_at = LC_NEVER;
  if (!lc_registry_is_walking(&server->registry, LC_WALK_VISIT)) return;
  if (is_spread) server->visit_at = lc_time_add(server->loop->now, pace);
  else go_on(server);
}

/* Marks those that have been visited: the first visit marks the others. */
static void mark_share(lc_server *server)
{
  uint32_t share = LC_VISITS_PER_TURN;
  int is_over = 0;
  lc_conn *conn;
  while (share-- && !is_over && (conn = lc_registry_step(&server->registry, LC_WALK_MARK))) {
    if (conn->visited) lc_mark_take(conn);
    is_over = lc_loop_share_is_over(server->loop);
  }
  if (lc_registry_is_walking(&server->registry, LC_WALK_MARK)) go_on(server);
}

static void walk_on(lc_server *server)
{
  lc_registry *registry = &server->registry;
  lc_time now = server->loop->now;
  if (server->owner.step == LC_STEP_DONE) return;
  follow_ladder(server);
  if (server->owner.reached < LC_STEP_DRAIN) return;
  if (now >= server->mark_at) {
    server->mark_at = LC_NEVER;
    lc_registry_rewind(registry, LC_WALK_MARK);
  }
  if (lc_registry_is_walking(registry, LC_WALK_MARK)) mark_share(server);
  int is_time = server->visit_at == LC_NEVER || now >= server->visit_at;
  if (lc_registry_is_walking(registry, LC_WALK_VISIT) && is_time) visit_share(server);
}

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

static int is_done(const lc_server *server)
{
  return server->owner.step >= LC_STEP_DRAIN && server->owner.step < LC_STEP_DONE &&
         !server->holds && !server->registry.counts[LC_STATES] && !lc_server_is_listening(server);
}

static void rearm(lc_server *server)
{
  lc_time at = LC_NEVER;
  if (server->wanted < LC_STEP_KILL) at = server->kill_at;
  if (server->wanted < LC_STEP_CANCEL && server->cancel_at < at) at = server->cancel_at;
  lc_pulse_want(server->loop->pulse, &server->want, at);
  at = lc_time_earlier(at, lc_time_earlier(server->visit_at, server->mark_at));
  lc_timers_set(&server->loop->deadlines, &server->timer, at);
}

static void climb(lc_job *job)
{
  lc_server *server = LC_OWNER(job, lc_server, job);
  while (server->owner.step < server->wanted) {
    lc_step next = server->owner.step + 1;
    if (next == LC_STEP_UNREADY) next = LC_STEP_STOP; /* unready is the process's */
    enter(server, next);
  }
  walk_on(server);
  if (is_done(server)) {
    lc_timers_clear(&server->loop->deadlines, &server->timer);
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

int lc_drain_open(lc_server *server)
{
  lc_job_init(&server->job, climb);
  return lc_timers_open(&server->loop->deadlines, &server->timer, ladder_due);
}

void lc_drain_check(lc_server *server)
{
  if (server->retiring && server->owner.step < LC_STEP_STOP && !server->holds &&
      !server->registry.counts[LC_STATES])
    lc_server_shutdown(server, server->loop->now);
  if (is_done(server)) lc_job_queue_ladder(server->loop, &server->job);
}

int lc_server_shutdown(lc_server *server, lc_time kill_at)
{
  if (server->owner.step == LC_STEP_DONE) return 0;
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
