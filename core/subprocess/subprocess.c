/* subprocess.c - child processes on the loop.
 *
 *   starting --(a look finds that its program runs)--> running
 *      |                                                  |
 *      |                                                  '--(its descriptor is readable, or a look finds it)--> ended
 *      '--(it could not start)--> gone
 *
 * All children of a loop are in one list, also those that the embedder has freed: each is waited for,
 * so none stays a zombie. Where the kernel has no descriptors for processes, or none is free, a
 * timer looks from time to time; so it does while a child starts, because nothing tells of exec.
 */
#include <signal.h>
#include <stdlib.h>

#include "loop/loop.h"

enum { LOOK_FIRST = 1, LOOK_LAST = 50 }; /* milliseconds between two looks */

#define LAST_PATIENCE LC_SECOND
#define FIRST_LOOK_AT_START (LC_MILLISECOND / 4)

typedef struct children {
  lc_child as_child; /* of the loop */
  lc_loop *loop;
  lc_link list;
} children;

struct lc_subprocess {
  children *among;
  lc_link link;
  lc_watch watch; /* of the process; fd -1: `look` takes its place */
  lc_timer look;
  lc_time look_after;
  lc_timer kill;
  lc_time kill_at; /* LC_NEVER */
  int pid;
  lc_birth *birth; /* while it starts; or NULL */
  unsigned is_starting : 1;
  unsigned leads_group : 1;
  unsigned has_ended : 1;
  unsigned is_stopping : 1; /* lc_subprocess_stop was called */
  unsigned is_killed : 1;   /* SIGKILL was sent */
  unsigned is_left : 1;     /* it may outlive the loop */
  unsigned is_freed : 1;    /* by the embedder */
  lc_subprocess_end end;
  void (*started)(void *user, int error, lc_start_step step);
  void (*ended)(void *user, const lc_subprocess_end *end);
  void *user;
};

static const lc_sys *sys_of(const lc_subprocess *child) { return child->among->loop->sys; }

/* ---------------------------------------------------------------------- the end -- */

static void unwatch(lc_subprocess *child)
{
  lc_loop *loop = child->among->loop;
  lc_timer_close(loop, &child->look);
  lc_timer_close(loop, &child->kill);
  if (child->watch.fd < 0) return;
  lc_loop_unwatch(loop, &child->watch);
  loop->sys->close(loop->sys, child->watch.fd);
  child->watch.fd = -1;
}

static void dispose(lc_subprocess *child)
{
  unwatch(child);
  lc_list_remove(&child->link);
  free(child);
}

/* The child has been waited for: its number may belong to another process from now on. */
static void conclude(lc_subprocess *child)
{
  child->has_ended = 1;
  unwatch(child);
  lc_list_remove(&child->link);
  if (child->is_freed) free(child);
  else child->ended(child->user, &child->end);
}

/* While the child has not been waited for, no other group can have its number. */
static void sweep_group(lc_subprocess *child)
{
  if (child->leads_group && child->is_stopping)
    sys_of(child)->process_signal(sys_of(child), child->pid, 1, SIGKILL);
}

/* Returns whether it has ended. */
static int look_for_end(lc_subprocess *child)
{
  const lc_sys *sys = sys_of(child);
  int result = sys->process_end(sys, child->pid, 1, &child->end);
  if (result == 0) return 0;
  if (result > 0) {
    sweep_group(child);
    result = sys->process_end(sys, child->pid, 0, &child->end);
  }
  if (result <= 0) child->end = (lc_subprocess_end){LC_END_UNKNOWN, 0};
  return 1;
}

/* Returns 1 when its program runs. 0: not yet. -1: it could not start, and is no more. */
static int look_for_start(lc_subprocess *child)
{
  const lc_sys *sys = sys_of(child);
  lc_start_step step = LC_START_PROCESS;
  int result = child->birth ? sys->born(sys, child->birth, &step) : 1;
  if (!result) return 0;
  child->birth = NULL;
  child->is_starting = 0;
  child->look_after = LOOK_FIRST * LC_MILLISECOND;
  if (result < 0) {
    unwatch(child);
    lc_list_remove(&child->link);
  }
  if (!child->is_freed) child->started(child->user, result < 0 ? result : 0, step);
  if (result < 0) free(child);
  return result < 0 ? -1 : 1;
}

/* Notes what has become of the child. Returns 1 when it is no more. The event of its end may have come while it was
 * starting, and comes only once. */
static int look_at(lc_subprocess *child)
{
  int has_started = child->is_starting ? look_for_start(child) : 1;
  if (has_started <= 0) return has_started < 0;
  if (!look_for_end(child)) return 0;
  conclude(child);
  return 1;
}

static void look_again(lc_subprocess *child)
{
  lc_loop *loop = child->among->loop;
  lc_timer_set(loop, &child->look, lc_time_add(lc_loop_clock(loop), child->look_after));
  if (child->look_after < LOOK_LAST * LC_MILLISECOND) child->look_after *= 2;
}

static void look(lc_subprocess *child)
{
  if (!look_at(child) && (child->is_starting || child->watch.fd < 0)) look_again(child);
}

static void look_due(lc_timer *timer, lc_time now)
{
  (void)now;
  look(LC_OWNER(timer, lc_subprocess, look));
}

static void process_ready(lc_watch *watch, uint32_t events)
{
  (void)events;
  look(LC_OWNER(watch, lc_subprocess, watch));
}

/* ------------------------------------------------------------------- the children -- */

static unsigned count_of(const children *all, int (*counts)(const lc_subprocess *child))
{
  unsigned count = 0;
  for (const lc_link *link = all->list.next; link != &all->list; link = link->next)
    count += counts(LC_OWNER(link, lc_subprocess, link)) ? 1 : 0;
  return count;
}

static int is_dying(const lc_subprocess *child) { return child->is_killed; }

/* Waits for one that was killed to end, until then. */
static void await(lc_subprocess *child, lc_time until)
{
  const lc_sys *sys = sys_of(child);
  while (!look_at(child)) {
    lc_time left = until - sys->now(sys);
    struct pollfd one = {child->watch.fd, POLLIN, 0};
    if (left <= 0) return;
    if (child->watch.fd < 0 && left > LC_MILLISECOND) left = LC_MILLISECOND;
    sys->poll(sys, &one, child->watch.fd < 0 ? 0 : 1, left);
  }
}

static unsigned await_dying(children *all, lc_time patience)
{
  lc_time until = all->loop->sys->now(all->loop->sys) + patience;
  for (lc_link *link = all->list.next, *next; link != &all->list; link = next) {
    lc_subprocess *child = LC_OWNER(link, lc_subprocess, link);
    next = link->next;
    if (is_dying(child)) await(child, until);
  }
  return count_of(all, is_dying);
}

static void end_all(lc_child *as_child)
{
  children *all = LC_OWNER(as_child, children, as_child);
  for (lc_link *link = all->list.next; link != &all->list; link = link->next) {
    lc_subprocess *child = LC_OWNER(link, lc_subprocess, link);
    child->is_freed = 1;
    if (!child->is_left) lc_subprocess_signal(child, SIGKILL);
  }
  await_dying(all, LAST_PATIENCE);
  /* A child that even then uses our memory goes on using it: its birth is left alone. */
  while (!lc_list_is_empty(&all->list)) dispose(LC_OWNER(all->list.next, lc_subprocess, link));
  lc_loop_remove_child(as_child);
  free(all);
}

static children *children_of(lc_loop *loop)
{
  lc_child *known = lc_loop_child(loop, end_all);
  if (known) return LC_OWNER(known, children, as_child);
  children *all = calloc(1, sizeof *all);
  if (!all) return NULL;
  all->loop = loop;
  lc_list_init(&all->list);
  lc_loop_add_child(loop, &all->as_child, end_all);
  return all;
}

unsigned lc_subprocess_reap(lc_loop *loop, lc_time patience)
{
  lc_child *known = lc_loop_child(loop, end_all);
  return known ? await_dying(LC_OWNER(known, children, as_child), patience) : 0;
}

static int is_ours(lc_loop *loop, int pid)
{
  lc_child *known = lc_loop_child(loop, end_all);
  if (!known) return 0;
  lc_link *all = &LC_OWNER(known, children, as_child)->list;
  for (lc_link *link = all->next; link != all; link = link->next) {
    const lc_subprocess *child = LC_OWNER(link, lc_subprocess, link);
    if (child->pid == pid && !child->has_ended) return 1;
  }
  return 0;
}

int lc_subprocess_reap_stranger(lc_loop *loop)
{
  lc_subprocess_end end;
  int pid = loop->sys->process_any_ended(loop->sys);
  if (pid <= 0) return 0;
  if (is_ours(loop, pid)) return -EAGAIN;
  return loop->sys->process_end(loop->sys, pid, 0, &end) > 0 ? pid : 0;
}

/* ---------------------------------------------------------------------- the start -- */

static void kill_due(lc_timer *timer, lc_time now)
{
  (void)now;
  lc_subprocess_signal(LC_OWNER(timer, lc_subprocess, kill), SIGKILL);
}

/* Everything that can fail comes before the process. */
static lc_subprocess *prepare(lc_loop *loop,
                              void (*ended)(void *user, const lc_subprocess_end *end), void *user)
{
  children *all = children_of(loop);
  lc_subprocess *child = all ? calloc(1, sizeof *child) : NULL;
  if (!child) return NULL;
  *child =
    (lc_subprocess){.among = all, .watch = {.fd = -1, .slot = LC_NO_SLOT, .ready = process_ready}};
  child->look_after = LOOK_FIRST * LC_MILLISECOND;
  child->kill_at = LC_NEVER;
  child->ended = ended;
  child->user = user;
  lc_list_init(&child->link);
  if (lc_timer_open(loop, &child->look, look_due) == 0 &&
      lc_timer_open(loop, &child->kill, kill_due) == 0)
    return child;
  dispose(child);
  return NULL;
}

/* Without a descriptor of its own the child is found by the timer. */
static void begin(lc_subprocess *child, int pid)
{
  lc_loop *loop = child->among->loop;
  child->pid = pid;
  lc_list_append(&child->among->list, &child->link);
  child->watch.fd = loop->sys->process_watch(loop->sys, pid);
  if (child->watch.fd >= 0 && lc_loop_watch(loop, &child->watch, LC_POLL_IN | LC_POLL_EDGE) < 0) {
    loop->sys->close(loop->sys, child->watch.fd);
    child->watch.fd = -1;
  }
  if (child->is_starting || child->watch.fd < 0) look_again(child);
}

/* `child` may be NULL: for lack of memory. */
static lc_subprocess *start(lc_loop *loop, const lc_subprocess_options *options,
                            lc_subprocess *child, int *error, lc_start_step *step)
{
  lc_start_step failed = LC_START_PROCESS;
  lc_birth **birth = child && child->is_starting ? &child->birth : NULL;
  int pid = child ? loop->sys->spawn(loop->sys, options, birth, &failed) : -ENOMEM;
  if (pid >= 0) {
    child->leads_group = options->leads_group ? 1 : 0;
    begin(child, pid);
    return child;
  }
  if (child) dispose(child);
  if (step) *step = failed;
  *error = pid;
  return NULL;
}

lc_subprocess *lc_subprocess_start(lc_loop *loop, const lc_subprocess_options *options,
                                   void (*ended)(void *user, const lc_subprocess_end *end),
                                   void *user, int *error, lc_start_step *step)
{
  return start(loop, options, prepare(loop, ended, user), error, step);
}

lc_subprocess *lc_subprocess_begin(lc_loop *loop, const lc_subprocess_options *options,
                                   const lc_subprocess_events *events, void *user, int *error,
                                   lc_start_step *step)
{
  lc_subprocess *child = prepare(loop, events->ended, user);
  if (child) {
    child->is_starting = 1;
    child->started = events->started;
    child->look_after = FIRST_LOOK_AT_START;
  }
  return start(loop, options, child, error, step);
}

lc_subprocess *lc_subprocess_take(lc_loop *loop, int pid,
                                  void (*ended)(void *user, const lc_subprocess_end *end),
                                  void *user, int *error)
{
  lc_subprocess_end end;
  *error = loop->sys->process_end(loop->sys, pid, 1, &end);
  lc_subprocess *child = *error < 0 ? NULL : prepare(loop, ended, user);
  if (child) begin(child, pid);
  else if (*error >= 0) *error = -ENOMEM;
  return child;
}

/* ---------------------------------------------------------------- for the embedder -- */

void lc_subprocess_free(lc_subprocess *child)
{
  if (!child) return;
  if (child->has_ended) free(child);
  else child->is_freed = 1;
}

int lc_subprocess_pid(const lc_subprocess *child) { return child->pid; }

const lc_subprocess_end *lc_subprocess_ended(const lc_subprocess *child)
{
  return child->has_ended ? &child->end : NULL;
}

int lc_subprocess_signal(lc_subprocess *child, int signal)
{
  if (child->has_ended) return -ESRCH;
  int to_group = child->leads_group && !child->is_starting; /* which has no group before */
  int result = sys_of(child)->process_signal(sys_of(child), child->pid, to_group, signal);
  if (result >= 0 && signal == SIGKILL) child->is_killed = 1;
  return result;
}

void lc_subprocess_stop(lc_subprocess *child, lc_time grace)
{
  if (child->has_ended) return;
  lc_time at = lc_time_add(lc_loop_clock(child->among->loop), grace);
  if (!child->is_stopping) lc_subprocess_signal(child, SIGTERM);
  child->is_stopping = 1;
  if (at >= child->kill_at) return;
  child->kill_at = at;
  lc_timer_set(child->among->loop, &child->kill, at);
}

void lc_subprocess_leave_alone(lc_subprocess *child) { child->is_left = 1; }
