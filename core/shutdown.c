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
 * All servers are told to stop before any is waited for. Signals escalate: the
 * second cancels, the third kills and skips the hooks. The clock begins at the
 * moment the signal arrived, not when we came to look.
 */
#include <stdlib.h>

#include "server.h"

#define SIGNALS_APART (100 * LC_MILLISECOND)

struct lc_shutdown {
  lc_loop *loop;
  lc_drain_options options;
  const lc_shutdown_events *events;
  void *user;
  lc_step step;
  lc_step wanted; /* how far signals have pushed it */
  lc_time began;
  lc_time deadline;
  lc_time last_signal;
  unsigned signals;
  unsigned holds;
  int has_hooks;
  int skips_hooks;
  lc_time step_at[LC_STEPS];
  lc_timer timer;
  lc_job job;
};

static lc_time kill_at(const lc_shutdown *shutdown)
{
  lc_time length = shutdown->deadline - shutdown->began, kept = shutdown->options.hooks;
  if (!shutdown->has_hooks || shutdown->skips_hooks) return shutdown->deadline;
  if (kept > length / 2) kept = length / 2; /* the connections come first */
  return shutdown->deadline - kept;
}

static lc_time cancel_at(const lc_shutdown *shutdown)
{
  lc_time length = shutdown->deadline - shutdown->began, grace = shutdown->options.grace;
  if (grace > length / 10) grace = length / 10;
  return kill_at(shutdown) - grace;
}

/* A server's own time, when it is shorter, ends its part earlier. */
static void stop_server(lc_shutdown *shutdown, lc_server *server)
{
  lc_time own = lc_time_add(shutdown->began, server->options.drain.timeout);
  lc_time at = kill_at(shutdown);
  lc_server_shutdown(server, own < at ? own : at);
}

static void for_each_server(lc_shutdown *shutdown, lc_step step)
{
  lc_link *servers = &shutdown->loop->servers;
  for (lc_link *link = servers->next; link != servers; link = link->next) {
    lc_server *server = LC_OWNER(link, lc_server, in_loop);
    if (server->is_outbound) continue; /* connections of our own making end with their tasks */
    if (step == LC_STEP_STOP) stop_server(shutdown, server);
    else lc_server_advance(server, step);
  }
}

static int is_any_left(const lc_shutdown *shutdown)
{
  const lc_link *servers = &shutdown->loop->servers;
  for (const lc_link *link = servers->next; link != servers; link = link->next) {
    const lc_server *server = LC_OWNER(link, lc_server, in_loop);
    if (!server->is_outbound && server->step != LC_STEP_DONE) return 1;
  }
  return 0;
}

static void enter(lc_shutdown *shutdown, lc_step step)
{
  if (shutdown->step >= step) return;
  shutdown->step = step;
  shutdown->step_at[step] = shutdown->loop->sys->now(shutdown->loop->sys);
  if (step == LC_STEP_UNREADY) shutdown->step_at[step] = shutdown->began;
  if (shutdown->events && shutdown->events->step) shutdown->events->step(step, shutdown->user);
}

static int is_unready_over(const lc_shutdown *shutdown, lc_time now)
{
  if (shutdown->wanted >= LC_STEP_CANCEL || now >= cancel_at(shutdown)) return 1;
  return now >= shutdown->began + shutdown->options.delay && !shutdown->holds;
}

static void climb_servers(lc_shutdown *shutdown, lc_time now)
{
  if (shutdown->step < LC_STEP_STOP) {
    enter(shutdown, LC_STEP_STOP);
    for_each_server(shutdown, LC_STEP_STOP);
    enter(shutdown, LC_STEP_DRAIN);
  }
  if (!is_any_left(shutdown)) {
    enter(shutdown, LC_STEP_HOOKS);
    return;
  }
  if (shutdown->wanted >= LC_STEP_CANCEL || now >= cancel_at(shutdown)) {
    enter(shutdown, LC_STEP_CANCEL);
    for_each_server(shutdown, LC_STEP_CANCEL);
  }
  if (shutdown->wanted >= LC_STEP_KILL || now >= kill_at(shutdown)) {
    enter(shutdown, LC_STEP_KILL);
    for_each_server(shutdown, LC_STEP_KILL);
  }
}

static lc_time next_look(const lc_shutdown *shutdown)
{
  switch (shutdown->step) {
    case LC_STEP_UNREADY: {
      lc_time delayed = shutdown->began + shutdown->options.delay;
      return shutdown->loop->now < delayed && delayed < cancel_at(shutdown) ? delayed
                                                                            : cancel_at(shutdown);
    }
    case LC_STEP_STOP:
    case LC_STEP_DRAIN: return cancel_at(shutdown);
    case LC_STEP_CANCEL: return kill_at(shutdown);
    case LC_STEP_KILL:
    case LC_STEP_HOOKS: return shutdown->deadline;
    default: return LC_NEVER;
  }
}

static void climb(lc_job *job)
{
  lc_shutdown *shutdown = LC_OWNER(job, lc_shutdown, job);
  lc_time now = shutdown->loop->now;
  lc_step before;
  do {
    before = shutdown->step;
    if (shutdown->step == LC_STEP_SERVING) enter(shutdown, LC_STEP_UNREADY);
    else if (shutdown->step == LC_STEP_UNREADY && is_unready_over(shutdown, now))
      climb_servers(shutdown, now);
    else if (shutdown->step > LC_STEP_UNREADY && shutdown->step < LC_STEP_HOOKS)
      climb_servers(shutdown, now);
    else if (shutdown->step == LC_STEP_HOOKS && (!shutdown->holds || now >= shutdown->deadline))
      enter(shutdown, LC_STEP_DONE);
    if (shutdown->step >= LC_STEP_KILL && now >= shutdown->deadline && is_any_left(shutdown))
      enter(shutdown, LC_STEP_HOOKS); /* whatever could not be ended is not waited for */
  } while (shutdown->step != before);
  lc_time next = next_look(shutdown);
  if (next <= now && next != LC_NEVER) next = now + LC_MILLISECOND;
  lc_timer_set(shutdown->loop, &shutdown->timer, next);
}

static void shutdown_due(lc_timer *timer, lc_time now)
{
  lc_shutdown *shutdown = LC_OWNER(timer, lc_shutdown, timer);
  (void)now;
  lc_job_queue(shutdown->loop, &shutdown->job);
}

/* ---------------------------------------------------------- birth and death -- */

lc_shutdown *lc_shutdown_new(lc_loop *loop, const lc_drain_options *options,
                             const lc_shutdown_events *events, void *user, int *error)
{
  lc_shutdown *shutdown = loop->shutdown ? NULL : calloc(1, sizeof *shutdown);
  if (!shutdown || lc_timer_open(loop, &shutdown->timer, shutdown_due) < 0) {
    if (error) *error = loop->shutdown ? -EBUSY : -ENOMEM;
    free(shutdown);
    return NULL;
  }
  lc_server_options defaults;
  lc_server_options_init(&defaults);
  shutdown->loop = loop;
  shutdown->options = options ? *options : defaults.drain;
  shutdown->events = events;
  shutdown->user = user;
  shutdown->deadline = LC_NEVER;
  lc_drain_options_fit(&shutdown->options);
  lc_job_init(&shutdown->job, climb);
  loop->shutdown = shutdown;
  return shutdown;
}

void lc_shutdown_free(lc_shutdown *shutdown)
{
  if (!shutdown) return;
  lc_timer_close(shutdown->loop, &shutdown->timer);
  lc_job_cancel(&shutdown->job);
  shutdown->loop->shutdown = NULL;
  free(shutdown);
}

/* ------------------------------------------------------------------- asking -- */

void lc_shutdown_check(lc_loop *loop)
{
  if (loop->shutdown && loop->shutdown->step != LC_STEP_SERVING)
    lc_job_queue(loop, &loop->shutdown->job);
}

void lc_shutdown_begin(lc_shutdown *shutdown, lc_time began, lc_time timeout)
{
  if (timeout < 0) timeout = shutdown->options.timeout;
  lc_time deadline = lc_time_add(began, timeout);
  if (shutdown->deadline == LC_NEVER) shutdown->began = began;
  if (deadline < shutdown->deadline) {
    shutdown->deadline = deadline;
    if (shutdown->step >= LC_STEP_STOP) for_each_server(shutdown, LC_STEP_STOP);
  }
  lc_job_queue(shutdown->loop, &shutdown->job);
}

void lc_shutdown_signal(lc_shutdown *shutdown, lc_time at)
{
  if (shutdown->signals && at - shutdown->last_signal < SIGNALS_APART) return;
  shutdown->last_signal = at;
  if (++shutdown->signals == 2) shutdown->wanted = LC_STEP_CANCEL;
  if (shutdown->signals >= 3) {
    shutdown->wanted = LC_STEP_KILL;
    shutdown->skips_hooks = 1;
    if (shutdown->step == LC_STEP_HOOKS && shutdown->events && shutdown->events->step)
      shutdown->events->step(LC_STEP_KILL, shutdown->user); /* the hooks under way are to end */
  }
  lc_shutdown_begin(shutdown, at, -1);
}

void lc_shutdown_hold(lc_shutdown *shutdown) { shutdown->holds++; }

void lc_shutdown_release(lc_shutdown *shutdown)
{
  shutdown->holds--;
  lc_job_queue(shutdown->loop, &shutdown->job);
}

void lc_shutdown_set_hooks(lc_shutdown *shutdown, int any) { shutdown->has_hooks = any; }
lc_step lc_shutdown_step(const lc_shutdown *shutdown) { return shutdown->step; }
int lc_shutdown_skips_hooks(const lc_shutdown *shutdown) { return shutdown->skips_hooks; }
lc_time lc_shutdown_deadline(const lc_shutdown *shutdown) { return shutdown->deadline; }
lc_time lc_shutdown_began(const lc_shutdown *shutdown) { return shutdown->began; }

lc_time lc_shutdown_step_at(const lc_shutdown *shutdown, lc_step step)
{
  return step < LC_STEPS ? shutdown->step_at[step] : 0;
}
