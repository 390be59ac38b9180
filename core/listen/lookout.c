/* lookout.c - makes the looks, one after the other, and gives their results to the listeners. */
#include "listen/lookout.h"

#include <pthread.h>
#include <stdlib.h>

#include "kernel/sock_diag.h"
#include "listen/inside.h"

/* When the loop ends during a look, it waits here until the look is over. */
typedef struct gate {
  pthread_mutex_t lock;
  pthread_cond_t opens;
  int is_open;
} gate;

/* One look. While the thread makes it, the loop touches nothing of it but `gate`, which the thread
 * reads only in look_drop: the resolver's lock lies between. */
typedef struct look {
  const lc_sys *sys;
  gate *gate; /* or NULL */
  lc_time took;
  int code; /* why nothing was counted, or 0 */
  int count;
  lc_half_open ports[];
} look;

typedef struct lookout {
  lc_child child;
  lc_loop *loop;
  lc_job job; /* begins a look */
  lc_query query;
  lc_link waiting; /* listeners for which a look is to begin */
  lc_link asked;   /* those of the look under way */
} lookout;

/* --------------------------------------------------------------- the look -- */

static void look_run(void *question)
{
  look *one = question;
  /* What has found the listener, or its own handshake, is counted or queued then. */
  one->sys->wait_for_arrivals(one->sys);
  lc_time began = one->sys->now(one->sys);
  int fd = lc_sock_diag_open(one->sys);
  one->code = fd < 0 ? fd : lc_sock_diag_count(one->sys, fd, one->ports, one->count);
  if (fd >= 0) one->sys->close(one->sys, fd);
  one->took = one->sys->now(one->sys) - began;
}

/* Called by the loop's thread; or, for a look that was canceled, by the thread that has made it. */
static void look_drop(void *question)
{
  look *one = question;
  gate *waits = one->gate;
  free(one);
  if (!waits) return;
  pthread_mutex_lock(&waits->lock);
  waits->is_open = 1;
  pthread_cond_signal(&waits->opens);
  pthread_mutex_unlock(&waits->lock);
}

/* New handshakes on the port of a group belong to its other members. So in a group only those
 * handshakes count that began before this listener was hidden. The kernel's timers tell that, and
 * they count from its last tick. */
static lc_half_open port_of(const lc_listener *listener, lc_time tick)
{
  const lc_address *address = &listener->address;
  int family = address->of.any.sa_family, tells_age = listener->in_group && !listener->defers;
  return (lc_half_open){
    .family = family,
    .port = ntohs(family == AF_INET6 ? address->of.in6.sin6_port : address->of.in.sin_port),
    .age = tells_age ? tick - listener->hidden_at : 0};
}

/* Makes a look for all listeners that wait for one. Returns NULL when there is no memory for it. */
static look *look_new(lookout *out)
{
  const lc_sys *sys = out->loop->sys;
  int count = 0;
  for (lc_link *link = out->waiting.next; link != &out->waiting; link = link->next) count++;
  look *one = calloc(1, sizeof *one + (size_t)count * sizeof *one->ports);
  lc_list_take(&out->asked, &out->waiting);
  if (!one) return NULL;
  one->sys = sys;
  for (lc_link *link = out->asked.next; link != &out->asked; link = link->next) {
    lc_listener *listener = LC_OWNER(link, lc_listener, in_lookout);
    listener->look_place = one->count;
    one->ports[one->count++] = port_of(listener, sys->tick(sys));
  }
  return one;
}

/* ------------------------------------------------------------ the lookout -- */

/* Gives each listener its result. `found` is NULL when there was no memory for the look. */
static void tell(lookout *out, const look *found)
{
  while (!lc_list_is_empty(&out->asked)) {
    lc_listener *listener = LC_OWNER(out->asked.next, lc_listener, in_lookout);
    lc_list_remove(&listener->in_lookout);
    listener->is_answered = 1;
    listener->half_open = found ? found->code : -ENOMEM;
    listener->look_took = found ? found->took : 0;
    if (!listener->half_open) listener->half_open = found->ports[listener->look_place].count;
    lc_timer_set(out->loop, &listener->timer, out->loop->now);
  }
  if (!lc_list_is_empty(&out->waiting)) lc_job_queue(out->loop, &out->job);
}

static void answered(lc_query *query)
{
  lookout *out = query->user;
  tell(out, query->question);
  lc_resolve_cancel(out->loop, query); /* frees the look */
}

/* Without a thread, the loop itself makes the look. */
static void begin(lc_job *job)
{
  lookout *out = LC_OWNER(job, lookout, job);
  if (out->query.question) return; /* the next look begins when this one is over */
  look *one = look_new(out);
  out->query = (lc_query){
    .answered = answered, .user = out, .ask = look_run, .drop = look_drop, .question = one};
  if (one && out->loop->sys->has_threads && lc_resolve(out->loop, &out->query) == 0) return;
  if (one) look_run(one);
  tell(out, one);
  out->query.question = NULL;
  free(one);
}

static void forget(lc_link *listeners)
{
  while (!lc_list_is_empty(listeners)) lc_list_remove(listeners->next);
}

/* A look has a descriptor, which must not outlive the loop. The wait is short: the kernel walks its
 * table, and waits for packets that it handles already. */
static void end_look(lookout *out)
{
  gate waits = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
  look *one = out->query.question;
  if (!one) return;
  one->gate = &waits;
  lc_resolve_cancel(out->loop, &out->query);
  pthread_mutex_lock(&waits.lock);
  while (!waits.is_open) pthread_cond_wait(&waits.opens, &waits.lock);
  pthread_mutex_unlock(&waits.lock);
}

static void lookout_end(lc_child *child)
{
  lookout *out = LC_OWNER(child, lookout, child);
  lc_loop_remove_child(child);
  lc_job_cancel(&out->job);
  end_look(out);
  forget(&out->waiting);
  forget(&out->asked);
  free(out);
}

static lookout *lookout_of(lc_loop *loop)
{
  lc_child *child = lc_loop_child(loop, lookout_end);
  if (child) return LC_OWNER(child, lookout, child);
  lookout *out = calloc(1, sizeof *out);
  if (!out) return NULL;
  out->loop = loop;
  lc_job_init(&out->job, begin);
  lc_list_init(&out->waiting);
  lc_list_init(&out->asked);
  lc_loop_add_child(loop, &out->child, lookout_end);
  return out;
}

int lc_lookout_ask(lc_listener *listener)
{
  lookout *out = lookout_of(listener->owner->loop);
  if (!out) return -ENOMEM;
  lc_list_append(&out->waiting, &listener->in_lookout);
  lc_job_queue(out->loop, &out->job);
  return 0;
}

void lc_lookout_leave(lc_listener *listener) { lc_list_remove(&listener->in_lookout); }
