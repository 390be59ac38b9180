/* shutdown.c - the ladder of the whole process.
 *
 *   serving -> unready -> stop, drain, cancel, kill -> hooks -> done
 *              delay,     every server climbs its own   embedder's
 *              held by    ladder with our times; we     tasks and hooks,
 *              hooks      go on when all are done       held by them
 *
 *   |<----------------------- timeout ----------------------------->|
 *   |               |<- ... cancel -> grace -> kill ->|<-- hooks -->|
 *
 * All servers are told to stop before the ladder waits for any of them. Signals
 * escalate: the second cancels, the third kills and skips the hooks. The time
 * counts from the arrival of the signal, not from the turn that sees it.
 */
#include <stdlib.h>

#include "process/timetable.h"
#include "process/watchdog.h"
#include "server/fleet.h"
#include "server/options.h"
#include "server/server.h"

/* After the deadline, without waiting: the embedder is told of the connections that were killed,
 * and they leave. */
enum { LAST_TURNS = 4 };

struct lc_shutdown {
  lc_child child; /* of the loop */
  lc_loop *loop;
  lc_fleet *fleet;
  lc_fleet_watch watch;
  lc_timetable table;
  const lc_shutdown_events *events;
  void *user;
  unsigned holds;
  unsigned guards;      /* guards of work that has no connection */
  lc_time unguarded_at; /* when guards and servers first were all gone; LC_NEVER */
  unsigned last_turns;
  int cuts_hooks; /* a third signal came during the hooks: they are to end */
  lc_time step_at[LC_STEPS];
  lc_timer timer;
  lc_job job;
};

static void publish(const lc_shutdown *shutdown)
{
  lc_watchdog_plan(shutdown->loop, &shutdown->table);
}

/* A server whose own drain.timeout is shorter ends earlier. */
static void stop_server(lc_shutdown *shutdown, lc_server *server)
{
  lc_time own = lc_time_add(shutdown->table.began, server->options.drain.timeout);
  lc_server_shutdown(server, lc_time_earlier(own, lc_timetable_kill_at(&shutdown->table)));
}

static void for_each_server(lc_shutdown *shutdown, lc_step step)
{
  for (lc_server *server = NULL; (server = lc_fleet_next(shutdown->fleet, server));) {
    if (server->is_outbound) continue; /* outbound connections end with their tasks */
    if (step == LC_STEP_STOP) stop_server(shutdown, server);
    else lc_server_advance(server, step);
  }
}

static int is_any_left(const lc_shutdown *shutdown)
{
  for (const lc_server *server = NULL; (server = lc_fleet_next(shutdown->fleet, server));)
    if (!server->is_outbound && server->owner.step != LC_STEP_DONE) return 1;
  return 0;
}

static void tell(const lc_shutdown *shutdown, lc_step step)
{
  if (shutdown->events && shutdown->events->step) shutdown->events->step(step, shutdown->user);
}

static void enter(lc_shutdown *shutdown, lc_step step)
{
  if (shutdown->table.step >= step) return;
  shutdown->table.step = step;
  shutdown->step_at[step] = shutdown->loop->sys->now(shutdown->loop->sys);
  if (step == LC_STEP_UNREADY) shutdown->step_at[step] = shutdown->table.began;
  if (step == LC_STEP_UNREADY) lc_fleet_leave(shutdown->fleet);
  if (step == LC_STEP_STOP) shutdown->fleet->has_stopped = 1;
  publish(shutdown);
  tell(shutdown, step);
}

/* Whether signals have pushed the ladder so far. The time of a signal may be a little later than
 * that of the turn. */
static int is_wanted(const lc_shutdown *shutdown, lc_step step)
{
  return shutdown->table.wanted >= step;
}

static int is_unready_over(const lc_shutdown *shutdown, lc_time now)
{
  if (is_wanted(shutdown, LC_STEP_CANCEL)) return 1;
  if (now >= lc_timetable_cancel_at(&shutdown->table)) return 1;
  return now >= lc_time_add(shutdown->table.began, shutdown->table.options.delay) &&
         !shutdown->holds;
}

/* Whether work is guarded, or tasks are ready that may be about to guard theirs, as a worker
 * between two jobs. A task that is always ready is waited for at most `quiet`. */
static int is_work_left(lc_shutdown *shutdown, lc_time now)
{
  if (shutdown->guards) shutdown->unguarded_at = LC_NEVER;
  else if (shutdown->unguarded_at == LC_NEVER) shutdown->unguarded_at = now;
  if (shutdown->guards) return 1;
  lc_time until = lc_time_add(shutdown->unguarded_at, shutdown->table.options.quiet);
  if (!shutdown->loop->turn_again || now >= until) return 0;
  lc_job_queue_ladder(shutdown->loop, &shutdown->job);
  return 1;
}

static void climb_servers(lc_shutdown *shutdown, lc_time now)
{
  if (shutdown->table.step < LC_STEP_STOP) {
    enter(shutdown, LC_STEP_STOP);
    for_each_server(shutdown, LC_STEP_STOP);
    enter(shutdown, LC_STEP_DRAIN);
  }
  if (!is_any_left(shutdown) &&
      (shutdown->table.step >= LC_STEP_CANCEL || !is_work_left(shutdown, now))) {
    enter(shutdown, LC_STEP_HOOKS);
    return;
  }
  if (is_wanted(shutdown, LC_STEP_CANCEL) || now >= lc_timetable_cancel_at(&shutdown->table)) {
    enter(shutdown, LC_STEP_CANCEL);
    for_each_server(shutdown, LC_STEP_CANCEL);
  }
  if (is_wanted(shutdown, LC_STEP_KILL) || now >= lc_timetable_kill_at(&shutdown->table)) {
    enter(shutdown, LC_STEP_KILL);
    for_each_server(shutdown, LC_STEP_KILL);
  }
}

static lc_time next_look(const lc_shutdown *shutdown)
{
  const lc_timetable *table = &shutdown->table;
  switch (table->step) {
    case LC_STEP_UNREADY: {
      lc_time delayed = lc_time_add(table->began, table->options.delay);
      lc_time cancel = lc_timetable_cancel_at(table);
      return shutdown->loop->now < delayed && delayed < cancel ? delayed : cancel;
    }
    case LC_STEP_STOP:
    case LC_STEP_DRAIN: return lc_timetable_cancel_at(table);
    case LC_STEP_CANCEL: return lc_timetable_kill_at(table);
    case LC_STEP_KILL:
    case LC_STEP_HOOKS: return table->deadline;
    default: return LC_NEVER;
  }
}

/* After the deadline, servers that have not ended are not waited for. */
static void give_up_on_servers(lc_shutdown *shutdown)
{
  if (shutdown->last_turns++ < LAST_TURNS) lc_job_queue_ladder(shutdown->loop, &shutdown->job);
  else enter(shutdown, LC_STEP_HOOKS);
}

/* One step, if it is time. 1: it is done, and its last callback may have freed it. */
static int climb_on(lc_shutdown *shutdown, lc_time now)
{
  const lc_timetable *table = &shutdown->table;
  switch (table->step) {
    case LC_STEP_SERVING: enter(shutdown, LC_STEP_UNREADY); break;
    case LC_STEP_UNREADY:
      if (is_unready_over(shutdown, now)) climb_servers(shutdown, now);
      break;
    case LC_STEP_HOOKS:
      if (shutdown->cuts_hooks) tell(shutdown, LC_STEP_KILL);
      shutdown->cuts_hooks = 0;
      if (shutdown->holds && now < table->deadline) break;
      lc_heap_clear(&shutdown->loop->deadlines, &shutdown->timer);
      enter(shutdown, LC_STEP_DONE);
      return 1;
    case LC_STEP_DONE: return 1;
    default: climb_servers(shutdown, now); break;
  }
  if (table->step == LC_STEP_KILL && now >= table->deadline && is_any_left(shutdown))
    give_up_on_servers(shutdown);
  return 0;
}

static void climb(lc_job *job)
{
  lc_shutdown *shutdown = LC_OWNER(job, lc_shutdown, job);
  lc_time now = shutdown->loop->now;
  lc_step before;
  if (now >= lc_timetable_end_at(&shutdown->table)) shutdown->loop->is_overdue = 1;
  do {
    before = shutdown->table.step;
    if (climb_on(shutdown, now)) return;
  } while (shutdown->table.step != before);
  lc_time next = next_look(shutdown);
  if (next <= now && next != LC_NEVER) next = now + LC_MILLISECOND;
  lc_heap_set(&shutdown->loop->deadlines, &shutdown->timer, next);
}

static void shutdown_due(lc_timer *timer, lc_time now)
{
  lc_shutdown *shutdown = LC_OWNER(timer, lc_shutdown, timer);
  (void)now;
  lc_job_queue_ladder(shutdown->loop, &shutdown->job);
}

/* A server has ended, perhaps the last one. */
static void check(lc_shutdown *shutdown)
{
  if (shutdown->table.step != LC_STEP_SERVING) lc_job_queue_ladder(shutdown->loop, &shutdown->job);
}

static void fleet_changed(lc_fleet_watch *watch)
{
  lc_shutdown *shutdown = LC_OWNER(watch, lc_shutdown, watch);
  publish(shutdown);
  check(shutdown);
}

/* ---------------------------------------------------------- birth and death -- */

static void shutdown_end(lc_child *child) { lc_shutdown_free(LC_OWNER(child, lc_shutdown, child)); }

lc_shutdown *lc_shutdown_new(lc_loop *loop, const lc_drain_options *options,
                             const lc_shutdown_events *events, void *user, int *error)
{
  int is_second = lc_loop_child(loop, shutdown_end) != NULL;
  lc_fleet *fleet = is_second ? NULL : lc_fleet_of(loop);
  lc_shutdown *shutdown = fleet ? calloc(1, sizeof *shutdown) : NULL;
  if (!shutdown || lc_heap_open(&loop->deadlines, &shutdown->timer, shutdown_due) < 0) {
    if (error) *error = is_second ? -EBUSY : -ENOMEM;
    free(shutdown);
    return NULL;
  }
  lc_server_options defaults;
  lc_server_options_init(&defaults);
  shutdown->loop = loop;
  shutdown->unguarded_at = LC_NEVER;
  lc_timetable_init(&shutdown->table, options ? options : &defaults.drain);
  shutdown->events = events;
  shutdown->user = user;
  lc_job_init(&shutdown->job, climb);
  shutdown->fleet = fleet;
  lc_fleet_watch_begin(fleet, &shutdown->watch, fleet_changed);
  lc_loop_add_child(loop, &shutdown->child, shutdown_end);
  publish(shutdown);
  return shutdown;
}

void lc_shutdown_free(lc_shutdown *shutdown)
{
  if (!shutdown) return;
  lc_heap_close(&shutdown->loop->deadlines, &shutdown->timer);
  lc_job_cancel(&shutdown->job);
  lc_watchdog_plan(shutdown->loop, NULL);
  shutdown->fleet->is_leaving = shutdown->fleet->has_stopped = 0;
  shutdown->loop->is_overdue = 0;
  lc_fleet_watch_end(&shutdown->watch);
  lc_loop_remove_child(&shutdown->child);
  free(shutdown);
}

/* ------------------------------------------------------------------- asking -- */

void lc_shutdown_begin(lc_shutdown *shutdown, lc_time began, lc_time timeout)
{
  int shorter = lc_timetable_begin(&shutdown->table, began, timeout);
  publish(shutdown);
  if (shorter && shutdown->table.step >= LC_STEP_STOP) for_each_server(shutdown, LC_STEP_STOP);
  lc_job_queue_ladder(shutdown->loop, &shutdown->job);
}

void lc_shutdown_signal(lc_shutdown *shutdown, lc_time at)
{
  if (!lc_timetable_signal(&shutdown->table, at)) return;
  if (shutdown->table.skips_hooks && shutdown->table.step == LC_STEP_HOOKS)
    shutdown->cuts_hooks = 1;
  lc_shutdown_begin(shutdown, at, -1);
}

void lc_shutdown_hold(lc_shutdown *shutdown) { shutdown->holds++; }

void lc_shutdown_release(lc_shutdown *shutdown)
{
  shutdown->holds--;
  lc_job_queue_ladder(shutdown->loop, &shutdown->job);
}

void lc_shutdown_guard(lc_shutdown *shutdown) { shutdown->guards++; }

void lc_shutdown_unguard(lc_shutdown *shutdown)
{
  shutdown->guards--;
  check(shutdown);
}

void lc_shutdown_set_hooks(lc_shutdown *shutdown, int any)
{
  shutdown->table.has_hooks = any;
  publish(shutdown);
}

lc_step lc_shutdown_step(const lc_shutdown *shutdown) { return shutdown->table.step; }
int lc_shutdown_skips_hooks(const lc_shutdown *shutdown) { return shutdown->table.skips_hooks; }
lc_time lc_shutdown_deadline(const lc_shutdown *shutdown) { return shutdown->table.deadline; }
lc_time lc_shutdown_began(const lc_shutdown *shutdown) { return shutdown->table.began; }

lc_time lc_shutdown_step_at(const lc_shutdown *shutdown, lc_step step)
{
  return step < LC_STEPS ? shutdown->step_at[step] : 0;
}
