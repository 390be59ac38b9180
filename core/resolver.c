/* resolver.c - one thread that asks libc for addresses, and two queues between it and the loop.
 *
 *                ask              thread              thread           deliver
 *   IDLE ------------> WAITING ----------> ASKED ----------> ANSWERED ------------> IDLE
 *                         |                  |                  |      (`answered`)
 *                         `------ cancel ----+------------------`---> IDLE
 *
 * A query in WAITING or ANSWERED is in the queue of that name. In ASKED it is
 * in none: `asked` points to it, and the thread works on copies. Canceling it
 * then clears `asked`, so the thread, coming back with the answer, finds that
 * nobody wants it and never touches a query that may have been freed.
 * Everything below `lock` in the structure is guarded by it, and so are the
 * resolver's fields of the queries.
 */
#include "resolver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE, WAITING, ASKED, ANSWERED };

typedef struct queue {
  lc_query *first;
  lc_query **end;
} queue;

struct lc_resolver {
  const lc_sys *sys;
  void (*woken)(void *user);
  void *user;
  pthread_t thread;
  int has_thread; /* the loop's thread alone looks at it */

  pthread_mutex_t lock;
  pthread_cond_t work; /* something waits, or the end has come */
  queue waiting;
  queue answered;
  lc_query *asked;
  int is_ending;
};

static void queue_init(queue *q)
{
  q->first = NULL;
  q->end = &q->first;
}

static void queue_push(queue *q, lc_query *query, int stage)
{
  query->stage = stage;
  query->next = NULL;
  *q->end = query;
  q->end = &query->next;
}

static void queue_remove(queue *q, lc_query *query)
{
  lc_query **link = &q->first;

  while (*link != query) link = &(*link)->next;
  *link = query->next;
  if (*link == NULL) q->end = link;
  query->next = NULL;
  query->stage = IDLE;
}

static lc_query *queue_pop(queue *q)
{
  lc_query *query = q->first;

  if (query != NULL) queue_remove(q, query);
  return query;
}

/* Asks for the first query that waits. Called with the lock, which is let go while libc is asked. */
static void ask_next(lc_resolver *resolver)
{
  lc_query *query = queue_pop(&resolver->waiting);
  lc_address found[LC_ADDRESSES_MAX];
  char host[sizeof query->host];
  uint16_t port = query->port;
  void (*ask)(void *) = query->ask, (*drop)(void *) = query->drop;
  void *question = query->question;
  int result = 0;

  memcpy(host, query->host, sizeof host);
  query->stage = ASKED;
  resolver->asked = query;

  pthread_mutex_unlock(&resolver->lock);
  if (ask != NULL) ask(question);
  else result = resolver->sys->resolve(resolver->sys, host, port, found, LC_ADDRESSES_MAX);
  pthread_mutex_lock(&resolver->lock);

  query = resolver->asked;
  if (query == NULL) { /* canceled meanwhile, and perhaps freed */
    if (ask != NULL) drop(question);
    return;
  }
  resolver->asked = NULL;
  query->result = result;
  if (result > 0) memcpy(query->found, found, (size_t)result * sizeof *found);
  queue_push(&resolver->answered, query, ANSWERED);
  resolver->woken(resolver->user);
}

static void *work(void *argument)
{
  lc_resolver *resolver = argument;

  pthread_mutex_lock(&resolver->lock);
  while (!resolver->is_ending) {
    if (resolver->waiting.first != NULL) {
      ask_next(resolver);
    } else {
      pthread_cond_wait(&resolver->work, &resolver->lock);
    }
  }
  pthread_mutex_unlock(&resolver->lock);
  return NULL;
}

/* A thread begins with the mask of its creator: so no signal ever arrives in this one. */
static int start(lc_resolver *resolver)
{
  sigset_t all, before;
  int error;

  if (resolver->has_thread) return 0;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&resolver->thread, NULL, work, resolver);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  resolver->has_thread = error == 0;
  return -error;
}

lc_resolver *lc_resolver_new(const lc_sys *sys, void (*woken)(void *user), void *user)
{
  lc_resolver *resolver = calloc(1, sizeof *resolver);

  if (resolver == NULL) return NULL;
  resolver->sys = sys;
  resolver->woken = woken;
  resolver->user = user;
  queue_init(&resolver->waiting);
  queue_init(&resolver->answered);
  pthread_mutex_init(&resolver->lock, NULL); /* neither can fail with default attributes */
  pthread_cond_init(&resolver->work, NULL);
  return resolver;
}

static void drop_question(lc_query *query)
{
  if (query->ask != NULL && query->question != NULL) query->drop(query->question);
  query->question = NULL;
}

static void drop_questions(queue *q)
{
  for (lc_query *query; (query = queue_pop(q)) != NULL;) drop_question(query);
}

void lc_resolver_free(lc_resolver *resolver)
{
  if (resolver == NULL) return;
  if (resolver->has_thread) {
    pthread_mutex_lock(&resolver->lock);
    resolver->is_ending = 1;
    pthread_cond_signal(&resolver->work);
    pthread_mutex_unlock(&resolver->lock);
    pthread_join(resolver->thread, NULL);
  }
  drop_questions(&resolver->waiting);
  drop_questions(&resolver->answered);
  pthread_cond_destroy(&resolver->work);
  pthread_mutex_destroy(&resolver->lock);
  free(resolver);
}

int lc_resolver_ask(lc_resolver *resolver, lc_query *query)
{
  int error = start(resolver);

  if (error < 0) return error;
  pthread_mutex_lock(&resolver->lock);
  query->result = LC_AGAIN;
  queue_push(&resolver->waiting, query, WAITING);
  pthread_cond_signal(&resolver->work);
  pthread_mutex_unlock(&resolver->lock);
  return 0;
}

void lc_resolver_cancel(lc_resolver *resolver, lc_query *query)
{
  pthread_mutex_lock(&resolver->lock);
  switch (query->stage) {
    case WAITING: queue_remove(&resolver->waiting, query); break;
    case ASKED: /* the thread has the question and drops it */
      resolver->asked = NULL;
      query->stage = IDLE;
      query->question = NULL;
      break;
    case ANSWERED: queue_remove(&resolver->answered, query); break;
    default: /* never asked, or answered already */ break;
  }
  drop_question(query);
  pthread_mutex_unlock(&resolver->lock);
}

/* One at a time, for a callback may cancel the next one, or ask again. What
 * comes while we are at it is left for the next turn. */
void lc_resolver_deliver(lc_resolver *resolver)
{
  unsigned due = 0;

  pthread_mutex_lock(&resolver->lock);
  for (const lc_query *query = resolver->answered.first; query != NULL; query = query->next) due++;
  while (due-- > 0) {
    lc_query *query = queue_pop(&resolver->answered);

    if (query == NULL) break;
    pthread_mutex_unlock(&resolver->lock);
    query->answered(query);
    pthread_mutex_lock(&resolver->lock);
  }
  pthread_mutex_unlock(&resolver->lock);
}
