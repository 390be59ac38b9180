/* loop.c - one turn: wait, then events, timers, ladders, jobs and the embedder's share, each
 * bounded.
 *
 * Order matters. The clock is read right after the wait, so that deadlines are
 * compared with the present and not with the time before a long sleep. Timers come
 * after events, so that bytes that arrived in time are read before the deadline
 * ends the read.
 */
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/prefetch.h"
#include "kernel/features.h"
#include "loop/pulse.h"

/* ---------------------------------------------------------------- watches -- */

static int slots_grow(lc_loop *loop)
{
  uint32_t capacity = loop->slot_capacity ? loop->slot_capacity * 2 : 64;
  lc_slot *slots = realloc(loop->slots, capacity * sizeof *slots);
  if (!slots) return -ENOMEM;
  loop->slots = slots;
  loop->slot_capacity = capacity;
  return 0;
}

static int slot_take(lc_loop *loop, uint32_t *index)
{
  *index = loop->slot_free;
  if (*index != LC_NO_SLOT) {
    loop->slot_free = loop->slots[*index].next_free;
  } else {
    if (loop->slot_used == loop->slot_capacity && slots_grow(loop) < 0) return -ENOMEM;
    *index = loop->slot_used++;
    loop->slots[*index] = (lc_slot){.generation = 0};
  }
  loop->slots[*index].generation++;
  return 0;
}

static int is_used(const lc_slot *slot) { return slot->generation & 1; }

static void slot_release(lc_loop *loop, uint32_t index)
{
  lc_slot *slot = &loop->slots[index];
  slot->generation++;
  slot->next_free = loop->slot_free;
  loop->slot_free = index;
}

int lc_loop_watch(lc_loop *loop, lc_watch *watch, uint32_t events)
{
  uint32_t index;
  int result = slot_take(loop, &index);
  if (result < 0) return result;
  lc_slot *slot = &loop->slots[index];
  slot->watch = watch;
  watch->slot = index;
  uint64_t tag = (uint64_t)slot->generation << 32 | index;
  LC_RETRY(result, loop->sys->poller_control(loop->sys, loop->poller, LC_POLLER_ADD, watch->fd,
                                             events, tag));
  if (result < 0) slot_release(loop, index);
  return result;
}

static int is_watched(const lc_loop *loop, const lc_watch *watch)
{
  if (watch->fd < 0 || watch->slot >= loop->slot_used) return 0;
  return is_used(&loop->slots[watch->slot]) && loop->slots[watch->slot].watch == watch;
}

void lc_loop_forget(lc_loop *loop, lc_watch *watch)
{
  if (!is_watched(loop, watch)) return;
  slot_release(loop, watch->slot);
  watch->slot = UINT32_MAX;
}

void lc_loop_unwatch(lc_loop *loop, lc_watch *watch)
{
  if (!is_watched(loop, watch)) return;
  /* Called before the descriptor is closed or handed on: a duplicate of it elsewhere would keep it
   * registered. A failure needs no undoing, since the generation guards against late events. */
  int result;
  LC_RETRY(result,
           loop->sys->poller_control(loop->sys, loop->poller, LC_POLLER_REMOVE, watch->fd, 0, 0));
  lc_loop_forget(loop, watch);
}

static void dispatch(lc_loop *loop, const lc_poll_event *event)
{
  uint32_t index = (uint32_t)event->tag, generation = (uint32_t)(event->tag >> 32);
  if (index >= loop->slot_used) return;
  lc_slot *slot = &loop->slots[index];
  if (!is_used(slot) || slot->generation != generation) return; /* closed earlier in this batch */
  slot->watch->ready(slot->watch, event->seen);
  lc_loop_flush(loop);
}

/* Prefetches the connection of a watch three events ahead: it is in the cache when its event
 * comes. */
static void dispatch_all(lc_loop *loop, const lc_poll_event *events, int count)
{
  enum { AHEAD = 3 };
  for (int i = 0; i < count; i++) {
    if (i + AHEAD < count) {
      uint32_t index = (uint32_t)events[i + AHEAD].tag;
      if (index < loop->slot_used) lc_prefetch(loop->slots[index].watch, LC_WATCHED_SIZE);
    }
    dispatch(loop, &events[i]);
  }
}

/* ------------------------------------------------------------------- jobs -- */

void lc_job_init(lc_job *job, void (*run)(lc_job *job))
{
  lc_list_init(&job->link);
  job->run = run;
}

int lc_job_is_queued(const lc_job *job) { return !lc_list_is_empty(&job->link); }

void lc_job_queue(lc_loop *loop, lc_job *job)
{
  if (!lc_job_is_queued(job)) lc_list_append(&loop->jobs, &job->link);
}

void lc_job_queue_slow(lc_loop *loop, lc_job *job)
{
  if (!lc_job_is_queued(job)) lc_list_append(&loop->slow_jobs, &job->link);
}

void lc_job_queue_ladder(lc_loop *loop, lc_job *job)
{
  if (!lc_job_is_queued(job)) lc_list_append(&loop->ladders, &job->link);
}

void lc_job_cancel(lc_job *job)
{
  if (job->link.next) lc_list_remove(&job->link);
}

static void run_first(lc_link *jobs)
{
  lc_job *job = LC_OWNER(jobs->next, lc_job, link);
  lc_list_remove(&job->link);
  job->run(job);
}

static void run_jobs(lc_loop *loop, lc_link *jobs)
{
  lc_link present;
  lc_list_init(&present);
  lc_list_take(&present, jobs);
  while (!lc_list_is_empty(&present)) {
    run_first(&present);
    if (lc_turn_is_over(&loop->turn)) break;
  }
  lc_list_put_before(jobs, &present);
}

/* Runs every ladder, even when their walks have used up the time. The ladder that walks first in
 * this turn walks last in the next. */
static void run_ladders(lc_loop *loop)
{
  lc_link present;
  lc_list_init(&present);
  lc_list_take(&present, &loop->ladders);
  while (!lc_list_is_empty(&present)) {
    run_first(&present);
    lc_turn_is_over(&loop->turn);
  }
  lc_link *first = loop->ladders.next;
  lc_list_remove(first);
  lc_list_append(&loop->ladders, first);
}

void lc_job_hurry(lc_loop *loop, lc_job *job)
{
  if (!lc_job_is_queued(job)) lc_list_append(&loop->urgent_jobs, &job->link);
}

void lc_loop_flush(lc_loop *loop)
{
  while (!lc_list_is_empty(&loop->urgent_jobs)) run_first(&loop->urgent_jobs);
}

/* --------------------------------------------------------------- children -- */

void lc_loop_add_child(lc_loop *loop, lc_child *child, void (*end)(lc_child *child))
{
  child->end = end;
  lc_list_init(&child->link);
  lc_list_append(&loop->children, &child->link);
}

void lc_loop_remove_child(lc_child *child) { lc_list_remove(&child->link); }

lc_child *lc_loop_child(const lc_loop *loop, void (*end)(lc_child *child))
{
  for (lc_link *link = loop->children.next; link != &loop->children; link = link->next) {
    lc_child *child = LC_OWNER(link, lc_child, link);
    if (child->end == end) return child;
  }
  return NULL;
}

/* ---------------------------------------------------------------- signals -- */

int lc_loop_signal(lc_loop *loop, int number,
                   void (*seen)(void *user, int signal, unsigned count, lc_time at), void *user)
{
  if (!seen) return lc_signals_forget(&loop->signals, number);
  return lc_signals_watch(&loop->signals, number, loop->wake.fd, seen, user);
}

static void woken(lc_watch *watch, uint32_t events)
{
  lc_loop *loop = LC_OWNER(watch, lc_loop, wake);
  (void)events;
  loop->sys->wake_clear(loop->sys, watch->fd);
  lc_signals_deliver(&loop->signals);
  if (loop->resolver) lc_resolver_deliver(loop->resolver);
}

void lc_loop_wake(lc_loop *loop) { loop->sys->wake(loop->sys, loop->wake.fd); }

void lc_loop_hurry(lc_loop *loop)
{
  loop->turn_again = 1;
  if (!loop->is_turning) lc_loop_wake(loop); /* an outer loop that waits for the pollfd must wake */
}

/* ------------------------------------------------------------------ turns -- */

lc_time lc_loop_now(const lc_loop *loop) { return loop->now; }
lc_time lc_loop_clock(const lc_loop *loop) { return loop->sys->now(loop->sys); }

lc_work lc_loop_enter(lc_loop *loop, lc_work work) { return lc_pulse_enter(loop->pulse, work); }

const lc_sys *lc_loop_sys(const lc_loop *loop) { return loop->sys; }

int lc_loop_pollfd(const lc_loop *loop) { return loop->poller; }

static int has_work(const lc_loop *loop)
{
  return loop->turn_again || !lc_list_is_empty(&loop->jobs) ||
         !lc_list_is_empty(&loop->slow_jobs) || !lc_list_is_empty(&loop->ladders) ||
         !lc_list_is_empty(&loop->urgent_jobs);
}

static lc_time next_timer(const lc_loop *loop)
{
  return lc_time_earlier(lc_heap_next(&loop->timers), lc_heap_next(&loop->deadlines));
}

lc_time lc_loop_next(const lc_loop *loop) { return has_work(loop) ? 0 : next_timer(loop); }

void lc_loop_on_turn(lc_loop *loop, int (*run)(void *user), void *user)
{
  loop->on_turn = run;
  loop->on_turn_user = user;
  loop->turn_again = run != NULL;
}

static lc_time wait_for(const lc_loop *loop, lc_time timeout)
{
  if (has_work(loop)) return 0;
  lc_time next = next_timer(loop);
  if (next == LC_NEVER) return timeout;
  lc_time now = loop->sys->now(loop->sys), until = next > now ? next - now : 0;
  return lc_time_earlier(until, timeout);
}

static int share_is_over(void *loop) { return lc_loop_share_is_over(loop); }

static void begin_share(lc_loop *loop, const char *kind)
{
  lc_turn_share(&loop->turn, kind);
  if (loop->is_overdue) lc_turn_lift(&loop->turn);
}

static int is_due(const lc_loop *loop, const lc_heap *timers)
{
  return lc_heap_next(timers) <= loop->now;
}

/* Most turns have little in them, and are to cost little. */
static void run_shares(lc_loop *loop)
{
  begin_share(loop, "timers");
  if (is_due(loop, &loop->deadlines)) lc_heap_run(&loop->deadlines, loop->now, NULL, NULL);
  if (is_due(loop, &loop->timers)) lc_heap_run(&loop->timers, loop->now, share_is_over, loop);
  begin_share(loop, "ladders");
  if (!lc_list_is_empty(&loop->ladders)) run_ladders(loop);
  begin_share(loop, "jobs");
  if (!lc_list_is_empty(&loop->jobs)) run_jobs(loop, &loop->jobs);
  if (!lc_list_is_empty(&loop->slow_jobs)) {
    begin_share(loop, "handshakes");
    run_jobs(loop, &loop->slow_jobs);
  }
  loop->turn_again = 0;
  loop->turn.is_embedders = 1;
  if (loop->on_turn && loop->on_turn(loop->on_turn_user)) loop->turn_again = 1;
}

int lc_loop_turn(lc_loop *loop, lc_time timeout)
{
  lc_poll_event events[LC_EVENTS_PER_TURN];
  lc_time wait = wait_for(loop, timeout < 0 ? 0 : timeout);
  int count = loop->sys->poller_wait(loop->sys, loop->poller, events, LC_EVENTS_PER_TURN,
                                     wait == LC_NEVER ? -1 : wait);
  uint64_t ticks = loop->sys->ticks(loop->sys);
  loop->now = loop->sys->now(loop->sys);
  if (count < 0 && count != -EINTR) return count;

  lc_work before = lc_loop_enter(loop, LC_WORK_LOOP);
  loop->is_turning = 1;
  lc_turn_begin(&loop->turn, loop->now, ticks);
  dispatch_all(loop, events, count);
  run_shares(loop);
  lc_loop_flush(loop);
  loop->is_turning = 0;

  loop->stats.turns++;
  if (count > 0) loop->stats.events += (uint64_t)count;
  lc_loop_held(loop, lc_turn_end(&loop->turn));
  lc_loop_enter(loop, before);
  return 0;
}

void lc_loop_stats_get(const lc_loop *loop, lc_loop_stats *stats)
{
  *stats = loop->stats;
  stats->timers = loop->timers.count + loop->deadlines.count;
}

void lc_loop_held(lc_loop *loop, lc_time took)
{
  if (took > loop->stats.longest_turn) loop->stats.longest_turn = took;
}

void lc_loop_share(lc_loop *loop, const char *kind) { lc_turn_share(&loop->turn, kind); }

int lc_loop_share_is_over(lc_loop *loop) { return lc_turn_is_over(&loop->turn); }

void lc_loop_watch_turns(lc_loop *loop, lc_time bound, const lc_turn_events *events, void *user)
{
  lc_turn_watch(&loop->turn, bound, events, user);
}

void lc_loop_told(lc_loop *loop, const char *kind, uint64_t id)
{
  lc_turn_told(&loop->turn, kind, id);
}

void lc_loop_set_ready(lc_loop *loop, int is_ready) { loop->is_unready = !is_ready; }

void lc_loop_stats_reset(lc_loop *loop) { loop->stats.longest_turn = 0; }

const lc_features *lc_loop_features(lc_loop *loop)
{
  if (!loop->features_known)
    loop->features_known = lc_features_probe(loop->sys, &loop->features) == 0;
  return &loop->features;
}

/* ----------------------------------------------------------------- timers -- */

int lc_timer_open(lc_loop *loop, lc_timer *timer, void (*fire)(lc_timer *timer, lc_time now))
{
  return lc_heap_open(&loop->timers, timer, fire);
}

void lc_timer_close(lc_loop *loop, lc_timer *timer) { lc_heap_close(&loop->timers, timer); }

void lc_timer_set(lc_loop *loop, lc_timer *timer, lc_time at)
{
  lc_heap_set(&loop->timers, timer, at);
}

void lc_timer_clear(lc_loop *loop, lc_timer *timer) { lc_heap_clear(&loop->timers, timer); }

/* --------------------------------------------------------------- resolver -- */

static void answer_ready(void *user) { lc_loop_wake(user); }

int lc_resolve(lc_loop *loop, lc_query *query)
{
  if (!loop->resolver) loop->resolver = lc_resolver_new(loop->sys, answer_ready, loop);
  return loop->resolver ? lc_resolver_ask(loop->resolver, query) : -ENOMEM;
}

void lc_resolve_cancel(lc_loop *loop, lc_query *query)
{
  if (loop->resolver) lc_resolver_cancel(loop->resolver, query);
}

int lc_resolve_blocking(lc_loop *loop, lc_query *query)
{
  query->result =
    loop->sys->resolve(loop->sys, query->host, query->port, query->found, LC_ADDRESSES_MAX);
  return query->result;
}

/* --------------------------------------------------------- birth and death -- */

static int open_descriptors(lc_loop *loop)
{
  loop->poller = loop->sys->poller_create(loop->sys);
  if (loop->poller < 0) return loop->poller;
  loop->wake.fd = loop->sys->wake_create(loop->sys);
  if (loop->wake.fd < 0) return loop->wake.fd;
  loop->wake.ready = woken;
  return lc_loop_watch(loop, &loop->wake, LC_POLL_IN | LC_POLL_EDGE);
}

lc_loop *lc_loop_new(const lc_sys *sys, int *error)
{
  lc_loop *loop = calloc(1, sizeof *loop);
  int result = -ENOMEM;
  if (!loop) goto failed;
  loop->sys = sys ? sys : lc_sys_linux();
  loop->poller = loop->wake.fd = -1;
  loop->slot_free = LC_NO_SLOT;
  loop->now = loop->sys->now(loop->sys);
  lc_list_init(&loop->jobs);
  lc_list_init(&loop->slow_jobs);
  lc_list_init(&loop->urgent_jobs);
  lc_list_init(&loop->ladders);
  lc_list_init(&loop->children);
  lc_job_init(&loop->output_job, NULL);
  lc_heap_init(&loop->timers);
  lc_heap_init(&loop->deadlines);
  lc_turn_init(&loop->turn, loop->sys);
  lc_signals_init(&loop->signals, loop->sys);
  loop->input = lc_buffer_new(LC_SHARED_BUFFER);
  loop->output = malloc(LC_SHARED_BUFFER);
  if (loop->input && loop->output) result = open_descriptors(loop);
  if (result >= 0) return loop;
  lc_loop_free(loop);
failed:
  if (error) *error = result;
  return NULL;
}

void lc_loop_free(lc_loop *loop)
{
  if (!loop) return;
  while (!lc_list_is_empty(&loop->children)) {
    lc_child *last = LC_OWNER(loop->children.previous, lc_child, link);
    last->end(last);
  }
  lc_signals_free(&loop->signals);
  lc_resolver_free(loop->resolver);
  lc_loop_unwatch(loop, &loop->wake);
  if (loop->wake.fd >= 0) loop->sys->close(loop->sys, loop->wake.fd);
  if (loop->poller >= 0) loop->sys->close(loop->sys, loop->poller);
  lc_heap_free(&loop->timers);
  lc_heap_free(&loop->deadlines);
  free(loop->slots);
  lc_buffer_free(&loop->input);
  free(loop->output);
  free(loop);
}
