/* resolver.c - threads that ask libc for addresses, and the queues between them and the loop.
 *
 *                ask              thread              thread           deliver
 *   IDLE ------------> WAITING ----------> ASKED ----------> ANSWERED ------------> IDLE
 *                         |                  |                  |      (`answered`)
 *                         `------ cancel ----+------------------`---> IDLE
 *
 * A query is in the queue of its stage. A thread works on copies, and remembers the ticket of the
 * query. When libc has answered and `asked` has no query with this ticket, the query was canceled.
 * It may have been freed, so the thread touches neither the query nor the loop.
 *
 * A thread begins when a query waits and there is room, and ends when it has nothing to do. A call
 * of libc cannot be cut short, so threads are detached, and no code waits for one. The last thread,
 * or the owner, frees the resolver. `lock` guards the fields below it, and the resolver's fields of
 * the queries.
 */
#include "loop/resolver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE, WAITING, ASKED, ANSWERED };

/* Two limits. A thread whose query was canceled stays busy while the name servers are silent, and
 * must not take the place of a thread whose answer is wanted. */
enum { AT_ONCE = 16, THREADS_MOST = 128 };

#define STACK_SIZE (1024 * 1024) /* modules of nsswitch need more than the minimum */

typedef struct queue {
  lc_query *first;
  lc_query **end;
} queue;

struct lc_resolver {
  const lc_sys *sys;
  void (*woken)(void *user);
  void *user;

  pthread_mutex_t lock;
  queue waiting;
  queue asked;
  queue answered;
  uint64_t tickets;
  unsigned threads;   /* each holds the resolver, as its owner does */
  unsigned abandoned; /* threads whose query was canceled */
  int is_ownerless;
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
  if (!*link) q->end = link;
  query->next = NULL;
  query->stage = IDLE;
}

static lc_query *queue_pop(queue *q)
{
  lc_query *query = q->first;
  if (query) queue_remove(q, query);
  return query;
}

static lc_query *queue_find(const queue *q, uint64_t ticket)
{
  lc_query *query = q->first;
  while (query && query->ticket != ticket) query = query->next;
  return query;
}

static void drop_question(lc_query *query)
{
  if (query->ask && query->question) query->drop(query->question);
  query->question = NULL;
}

static void release(lc_resolver *resolver)
{
  pthread_mutex_destroy(&resolver->lock);
  free(resolver);
}

/* --------------------------------------------------------------- the threads -- */

/* Asks for the first waiting query. Called with the lock, which is released while libc works. */
static void ask_next(lc_resolver *resolver)
{
  lc_query *query = queue_pop(&resolver->waiting);
  lc_address found[LC_ADDRESSES_MAX];
  char host[sizeof query->host];
  uint16_t port = query->port;
  uint64_t ticket = query->ticket = ++resolver->tickets;
  void (*ask)(void *) = query->ask, (*drop)(void *) = query->drop;
  void *question = query->question;
  int result = 0;
  memcpy(host, query->host, sizeof host);
  queue_push(&resolver->asked, query, ASKED);
  pthread_mutex_unlock(&resolver->lock);
  if (ask) ask(question);
  else result = resolver->sys->resolve(resolver->sys, host, port, found, LC_ADDRESSES_MAX);
  pthread_mutex_lock(&resolver->lock);
  query = queue_find(&resolver->asked, ticket);
  if (!query) { /* canceled meanwhile, and perhaps freed */
    resolver->abandoned--;
    if (ask) drop(question);
    return;
  }
  queue_remove(&resolver->asked, query);
  query->result = result;
  if (result > 0) memcpy(query->found, found, (size_t)result * sizeof *found);
  queue_push(&resolver->answered, query, ANSWERED);
  resolver->woken(resolver->user);
}

static unsigned useful(const lc_resolver *resolver)
{
  return resolver->threads - resolver->abandoned;
}

static void *work(void *argument)
{
  lc_resolver *resolver = argument;
  pthread_mutex_lock(&resolver->lock);
  while (resolver->waiting.first && useful(resolver) <= AT_ONCE) ask_next(resolver);
  resolver->threads--;
  int is_last = resolver->is_ownerless && resolver->threads == 0;
  pthread_mutex_unlock(&resolver->lock);
  if (is_last) release(resolver);
  return NULL;
}

/* The creator blocks all signals, and the thread inherits that: no signal arrives in it. */
static int start_thread(lc_resolver *resolver)
{
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return -error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&thread, &attributes, work, resolver);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error == 0) resolver->threads++;
  return -error;
}

/* Called with the lock, when a query has begun to wait or a thread's query was canceled. Where the
 * system gives no more threads, those that run take the waiting queries. Returns -errno when there
 * are none. */
static int start_if_needed(lc_resolver *resolver)
{
  if (!resolver->waiting.first || useful(resolver) >= AT_ONCE) return 0;
  if (resolver->threads >= THREADS_MOST) return 0;
  int error = start_thread(resolver);
  return resolver->threads > 0 ? 0 : error;
}

/* ----------------------------------------------------------- the loop's thread -- */

lc_resolver *lc_resolver_new(const lc_sys *sys, void (*woken)(void *user), void *user)
{
  lc_resolver *resolver = calloc(1, sizeof *resolver);
  if (!resolver) return NULL;
  resolver->sys = sys;
  resolver->woken = woken;
  resolver->user = user;
  queue_init(&resolver->waiting);
  queue_init(&resolver->asked);
  queue_init(&resolver->answered);
  pthread_mutex_init(&resolver->lock, NULL); /* cannot fail with default attributes */
  return resolver;
}

static void drop_questions(queue *q)
{
  for (lc_query *query; (query = queue_pop(q));) drop_question(query);
}

void lc_resolver_free(lc_resolver *resolver)
{
  if (!resolver) return;
  pthread_mutex_lock(&resolver->lock);
  drop_questions(&resolver->waiting);
  drop_questions(&resolver->answered);
  for (lc_query *query; (query = queue_pop(&resolver->asked));) {
    query->question = NULL;
    resolver->abandoned++;
  }
  resolver->is_ownerless = 1;
  int is_last = resolver->threads == 0;
  pthread_mutex_unlock(&resolver->lock);
  if (is_last) release(resolver);
}

int lc_resolver_ask(lc_resolver *resolver, lc_query *query)
{
  pthread_mutex_lock(&resolver->lock);
  query->result = LC_AGAIN;
  queue_push(&resolver->waiting, query, WAITING);
  int error = start_if_needed(resolver);
  if (error < 0) queue_remove(&resolver->waiting, query);
  pthread_mutex_unlock(&resolver->lock);
  return error;
}

void lc_resolver_cancel(lc_resolver *resolver, lc_query *query)
{
  pthread_mutex_lock(&resolver->lock);
  switch (query->stage) {
    case WAITING: queue_remove(&resolver->waiting, query); break;
    case ASKED: /* the thread has the question and drops it */
      queue_remove(&resolver->asked, query);
      query->question = NULL;
      resolver->abandoned++;
      start_if_needed(resolver);
      break;
    case ANSWERED: queue_remove(&resolver->answered, query); break;
    default: /* never asked, or answered already */ break;
  }
  drop_question(query);
  pthread_mutex_unlock(&resolver->lock);
}

/* Delivers one at a time, because a callback may cancel the next one or ask again. Answers that
 * come meanwhile are for the next turn. */
void lc_resolver_deliver(lc_resolver *resolver)
{
  unsigned due = 0;
  pthread_mutex_lock(&resolver->lock);
  for (const lc_query *query = resolver->answered.first; query; query = query->next) due++;
  while (due-- > 0) {
    lc_query *query = queue_pop(&resolver->answered);
    if (!query) break;
    pthread_mutex_unlock(&resolver->lock);
    query->answered(query);
    pthread_mutex_lock(&resolver->lock);
  }
  pthread_mutex_unlock(&resolver->lock);
}
