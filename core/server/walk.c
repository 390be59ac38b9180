/* walk.c - what the steps of the ladder do to every connection. */
#include "server/walk.h"

#include "conn/activity.h"
#include "conn/mark.h"
#include "conn/units.h"
#include "server/idle.h"
#include "server/unclaimed.h"

/* The shortest time between two shares of a walk that is spread out. */
#define PACE (5 * LC_MILLISECOND)

static void go_on(lc_server *server) { lc_job_queue_ladder(server->loop, &server->job); }

static void reach(lc_conn *conn, lc_step step)
{
  lc_server *server = lc_conn_server(conn);
  const lc_events *events = server->events;
  if (step == LC_STEP_CANCEL && (lc_unclaimed_lose(conn) || lc_idle_is_out_of_time(conn))) return;
  if (step == LC_STEP_KILL && lc_conn_end_linger(conn)) return; /* it lost nothing: not killed */
  if (events->reached && !conn->unheard) events->reached(conn, step, server->user);
  int is_ours = server->options.closes_at_cancel || conn->leaving || conn->unheard;
  if (step == LC_STEP_CANCEL && is_ours) lc_units_cut(conn, "canceled");
  if (step != LC_STEP_KILL) return;
  lc_conn_abort(conn, "killed");
  lc_conn_release_detached(conn);
}

/* Returns 1 when the walk has come to its end. */
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

/* Returns how many connections are visited at a time; `*pace` is the time between two shares. */
static uint32_t share_of_spread(const lc_server *server, lc_time *pace)
{
  lc_time spread = server->options.drain.spread, total = server->to_visit ? server->to_visit : 1;
  *pace = spread / total;
  if (*pace >= PACE) return 1;
  *pace = PACE;
  return (uint32_t)(total * PACE / spread) + 1;
}

/* Visits idle connections. A connection that becomes idle later looks at itself
 * (lc_conn_consider). */
static void visit_share(lc_server *server)
{
  int is_spread = server->owner.step == LC_STEP_DRAIN && server->options.drain.spread > 0;
  int is_over = 0;
  lc_time pace = 0;
  uint32_t share = is_spread ? share_of_spread(server, &pace) : LC_VISITS_PER_TURN;
  lc_conn *conn = NULL;
  while (share-- && !is_over && (conn = lc_registry_step(&server->registry, LC_WALK_VISIT))) {
    lc_idle_look(conn);
    lc_mark_visit(conn, server->mark_at == LC_NEVER);
    lc_conn_consider(conn);
    is_over = lc_loop_share_is_over(server->loop);
  }
  server->visit_at = LC_NEVER;
  if (!lc_registry_is_walking(&server->registry, LC_WALK_VISIT)) return;
  if (is_spread) server->visit_at = lc_time_add(server->loop->now, pace);
  else go_on(server);
}

/* Marks the connections that have been visited. The first visit marks the others. */
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

void lc_walk_on(lc_server *server)
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
