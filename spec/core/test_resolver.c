/* test_resolver.c - questions on another thread: order, cancelling at every stage, an orderly end.
 *
 * The kernel's table is real but for `resolve`, which here waits at a gate, so
 * that a test can stop the resolver's thread in the middle of a question. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "resolver.h"

#define TIME_LIMIT 60 /* seconds for the whole file, then SIGALRM ends it */

/* ------------------------------------------------------------ the stand-in -- */

/* Everything is guarded by `lock`; `changed` tells of any change. */
typedef struct gate {
  lc_sys sys;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int is_shut;     /* questions wait in `resolve` */
  int inside;      /* how many do */
  int asked;       /* how many came in all */
  int has_signals; /* a question was asked with signals not blocked */
  char last_host[LC_HOST_MAX + 1];
} gate;

static int all_signals_are_blocked(void)
{
  static const int some[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM, SIGPIPE};
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
    if (!sigismember(&mask, some[i])) return 0;
  }
  return 1;
}

/* Answers "none" with a failure, and anything else with two addresses that bear the port. */
static int gated_resolve(const lc_sys *sys, const char *host, uint16_t port, lc_address *found,
                         int capacity)
{
  gate *g = sys->state;
  int none = strcmp(host, "none") == 0;
  pthread_mutex_lock(&g->lock);
  strcpy(g->last_host, host);
  g->asked++;
  g->inside++;
  if (!all_signals_are_blocked()) g->has_signals = 1;
  pthread_cond_broadcast(&g->changed);
  while (g->is_shut) pthread_cond_wait(&g->changed, &g->lock);
  g->inside--;
  pthread_cond_broadcast(&g->changed);
  pthread_mutex_unlock(&g->lock);

  if (none) return LC_HOST_NOT_FOUND;
  memset(found, 0, 2 * sizeof *found);
  for (int i = 0; i < 2 && i < capacity; i++) {
    found[i].of.in.sin_family = AF_INET;
    found[i].of.in.sin_port = htons((uint16_t)(port + i));
    found[i].length = sizeof found[i].of.in;
  }
  return 2;
}

static void gate_set(gate *g, int is_shut)
{
  pthread_mutex_lock(&g->lock);
  g->is_shut = is_shut;
  pthread_cond_broadcast(&g->changed);
  pthread_mutex_unlock(&g->lock);
}

/* Waits until `asked` questions have come, and the last of them stands inside. */
static void gate_wait(gate *g, int asked)
{
  pthread_mutex_lock(&g->lock);
  while (g->asked < asked || g->inside == 0) pthread_cond_wait(&g->changed, &g->lock);
  pthread_mutex_unlock(&g->lock);
}

static int gate_asked(gate *g)
{
  int asked;
  pthread_mutex_lock(&g->lock);
  asked = g->asked;
  pthread_mutex_unlock(&g->lock);
  return asked;
}

/* --------------------------------------------------------------- the loop -- */

static gate g;
static int wake_fd;
static lc_resolver *resolver;
static pthread_t loop_thread;
static lc_query *answers[16]; /* in the order they came */
static int answer_count;

static void woken(void *user) { g.sys.wake(&g.sys, *(int *)user); }

static void note_answer(lc_query *query)
{
  assert_true(pthread_equal(pthread_self(), loop_thread));
  assert_true(answer_count < 16);
  answers[answer_count++] = query;
}

static int start(int is_shut)
{
  memset(&g, 0, sizeof g);
  g.sys = *lc_sys_linux();
  g.sys.state = &g;
  g.sys.resolve = gated_resolve;
  g.is_shut = is_shut;
  pthread_mutex_init(&g.lock, NULL);
  pthread_cond_init(&g.changed, NULL);
  answer_count = 0;
  loop_thread = pthread_self();
  wake_fd = g.sys.wake_create(&g.sys);
  resolver = lc_resolver_new(&g.sys, woken, &wake_fd);
  return wake_fd >= 0 && resolver != NULL ? 0 : -1;
}

static int open_gate(void **state)
{
  (void)state;
  return start(0);
}

static int shut_gate(void **state)
{
  (void)state;
  return start(1);
}

static int stop(void **state)
{
  (void)state;
  gate_set(&g, 0);
  lc_resolver_free(resolver);
  g.sys.close(&g.sys, wake_fd);
  assert_false(g.has_signals);
  pthread_cond_destroy(&g.changed);
  pthread_mutex_destroy(&g.lock);
  return 0;
}

static lc_query *new_query(const char *host, uint16_t port)
{
  lc_query *query = malloc(sizeof *query); /* only what the caller must set is set */
  assert_non_null(query);
  memset(query, 0xa5, sizeof *query);
  strcpy(query->host, host);
  query->port = port;
  query->answered = note_answer;
  query->user = NULL;
  query->ask = query->drop = NULL;
  return query;
}

static lc_query *ask(const char *host, uint16_t port)
{
  lc_query *query = new_query(host, port);
  assert_int_equal(lc_resolver_ask(resolver, query), 0);
  return query;
}

/* Turns until `count` answers have been given, at most five seconds. */
static void turn_until(int count)
{
  struct pollfd one = {wake_fd, POLLIN, 0};
  for (int i = 0; i < 50 && answer_count < count; i++) {
    poll(&one, 1, 100);
    g.sys.wake_clear(&g.sys, wake_fd);
    lc_resolver_deliver(resolver);
  }
  assert_int_equal(answer_count, count);
}

static int thread_count(void)
{
  struct stat status; /* a folder has a link for each folder in it, itself and its parent */
  assert_int_equal(stat("/proc/self/task", &status), 0);
  return (int)status.st_nlink - 2;
}

/* ------------------------------------------------------------------ tests -- */

static void an_answer_is_given_on_the_loops_thread(void **state)
{
  lc_query *query = ask("somewhere", 80);
  (void)state;
  turn_until(1);
  assert_ptr_equal(answers[0], query);
  assert_int_equal(query->result, 2);
  assert_int_equal(ntohs(query->found[0].of.in.sin_port), 80);
  assert_int_equal(ntohs(query->found[1].of.in.sin_port), 81);
  assert_string_equal(g.last_host, "somewhere");
  free(query);
  query = ask("none", 80);
  turn_until(2);
  assert_int_equal(query->result, LC_HOST_NOT_FOUND); /* a failure is an answer too */
  free(query);
}

static void answers_come_in_the_order_of_the_questions(void **state)
{
  lc_query *queries[10];
  (void)state;
  for (int i = 0; i < 10; i++) queries[i] = ask("somewhere", (uint16_t)(100 + i));
  gate_wait(&g, 1);
  lc_resolver_deliver(resolver);
  assert_int_equal(answer_count, 0); /* not before there is one */
  gate_set(&g, 0);
  turn_until(10);
  for (int i = 0; i < 10; i++) {
    assert_ptr_equal(answers[i], queries[i]);
    assert_int_equal(ntohs(queries[i]->found[0].of.in.sin_port), 100 + i);
    free(queries[i]);
  }
}

static void the_thread_begins_with_the_first_question(void **state)
{
  int before;
  lc_query *query;
  (void)state;
  poll(NULL, 0, 50); /* the kernel still counts a thread for a moment after it was joined */
  before = thread_count();
  lc_resolver_deliver(resolver);
  assert_int_equal(thread_count(), before);
  query = ask("somewhere", 80);
  gate_wait(&g, 1);
  assert_int_equal(thread_count(), before + 1);
  gate_set(&g, 0);
  turn_until(1);
  free(query);
  query = ask("somewhere", 80);
  turn_until(2);
  assert_int_equal(thread_count(), before + 1); /* and is the only one */
  free(query);
}

static void the_askers_signal_mask_is_kept(void **state)
{
  sigset_t before, after;
  lc_query *query;
  (void)state;
  sigemptyset(&before);
  sigaddset(&before, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  query = ask("somewhere", 80);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int i = 1; i < NSIG; i++) assert_int_equal(sigismember(&before, i), sigismember(&after, i));
  sigemptyset(&before);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  turn_until(1);
  free(query);
}

static void a_waiting_question_can_be_canceled(void **state)
{
  lc_query *first = ask("first", 1), *second, *third, *fourth;
  (void)state;
  gate_wait(&g, 1);
  second = ask("second", 2);
  third = ask("third", 3);
  lc_resolver_cancel(resolver, third); /* the last: the queue must find its end again */
  free(third);
  fourth = ask("fourth", 4);
  lc_resolver_cancel(resolver, second);
  free(second);
  gate_set(&g, 0);
  turn_until(2);
  assert_ptr_equal(answers[0], first);
  assert_ptr_equal(answers[1], fourth);
  assert_int_equal(gate_asked(&g), 2); /* the canceled ones were never asked */
  free(first);
  free(fourth);
}

static void a_question_being_asked_can_be_canceled_and_freed(void **state)
{
  lc_query *query = ask("first", 1);
  (void)state;
  gate_wait(&g, 1);
  lc_resolver_cancel(resolver, query);
  lc_resolver_cancel(resolver, query); /* twice is harmless */
  free(query);
  gate_set(&g, 0);
  query = ask("second", 2);
  turn_until(1);
  assert_ptr_equal(answers[0], query);
  assert_int_equal(ntohs(query->found[0].of.in.sin_port), 2);
  free(query);
}

static void a_new_question_in_the_same_place_is_not_mistaken(void **state)
{
  lc_query *query = ask("none", 1);
  (void)state;
  gate_wait(&g, 1);
  lc_resolver_cancel(resolver, query);
  strcpy(query->host, "somewhere"); /* while the thread still has the old one in hand */
  query->port = 7;
  assert_int_equal(lc_resolver_ask(resolver, query), 0);
  gate_set(&g, 0);
  turn_until(1);
  assert_int_equal(query->result, 2);
  assert_int_equal(ntohs(query->found[0].of.in.sin_port), 7);
  free(query);
}

static void an_answered_question_can_be_canceled(void **state)
{
  lc_query *first = ask("first", 1), *second = ask("second", 2);
  struct pollfd one = {wake_fd, POLLIN, 0};
  (void)state;
  for (int i = 0; i < 5000 && gate_asked(&g) < 2; i++) usleep(1000);
  assert_int_equal(poll(&one, 1, 5000), 1);
  lc_resolver_cancel(resolver, first); /* its answer is there and not delivered */
  free(first);
  turn_until(1);
  assert_ptr_equal(answers[0], second);
  lc_resolver_cancel(resolver, second); /* after the answer: nothing */
  free(second);
}

static void cancel_the_other(lc_query *query)
{
  lc_query *other = query->user;
  note_answer(query);
  lc_resolver_cancel(resolver, other);
  free(other);
}

static void a_callback_may_cancel_the_next(void **state)
{
  lc_query *first = new_query("first", 1), *second = new_query("second", 2), *third;
  (void)state;
  first->answered = cancel_the_other;
  first->user = second;
  assert_int_equal(lc_resolver_ask(resolver, first), 0);
  assert_int_equal(lc_resolver_ask(resolver, second), 0);
  third = ask("third", 3);
  gate_wait(&g, 1);
  gate_set(&g, 0);
  for (int i = 0; i < 5000 && gate_asked(&g) < 3; i++) usleep(1000);
  turn_until(2);
  assert_ptr_equal(answers[0], first);
  assert_ptr_equal(answers[1], third);
  free(first);
  free(third);
}

static void ask_again(lc_query *query)
{
  note_answer(query);
  if (answer_count < 5) assert_int_equal(lc_resolver_ask(resolver, query), 0);
}

static void a_callback_may_ask_again(void **state)
{
  lc_query *query = new_query("somewhere", 1);
  (void)state;
  query->answered = ask_again;
  assert_int_equal(lc_resolver_ask(resolver, query), 0);
  turn_until(5);
  assert_int_equal(gate_asked(&g), 5);
  free(query);
}

static void *open_later(void *unused)
{
  (void)unused;
  usleep(20000);
  gate_set(&g, 0);
  return NULL;
}

static void freeing_waits_for_the_question_and_drops_the_others(void **state)
{
  lc_query *first = ask("first", 1), *second = ask("second", 2);
  pthread_t thread;
  (void)state;
  gate_wait(&g, 1);
  assert_int_equal(pthread_create(&thread, NULL, open_later, NULL), 0);
  lc_resolver_free(resolver);
  resolver = NULL;               /* freeing none, as `stop` does, is harmless */
  assert_int_equal(g.inside, 0); /* the thread is gone: nobody else looks */
  assert_int_equal(g.asked, 1);
  assert_int_equal(answer_count, 0);
  pthread_join(thread, NULL);
  free(first);
  free(second);
}

static void one_that_was_never_asked_can_be_freed(void **state)
{
  (void)state; /* `stop` does it */
}

/* Random asks, cancels and frees against a thread that runs at full speed. */
#define CROWD 32

static int outcome[CROWD];
static unsigned seed = 99;

static void count_answer(lc_query *query)
{
  assert_int_equal(query->result, 2);
  assert_int_equal(ntohs(query->found[0].of.in.sin_port), query->port);
  outcome[query->port % CROWD]++;
}

static void everyone_is_answered_once_or_not_at_all(void **state)
{
  lc_query *crowd[CROWD] = {NULL};
  (void)state;
  for (int step = 0; step < 20000; step++) {
    int i = rand_r(&seed) % CROWD;
    if (crowd[i] == NULL) {
      outcome[i] = 0;
      crowd[i] = new_query("somewhere", (uint16_t)(i + CROWD * (rand_r(&seed) % 1000)));
      crowd[i]->answered = count_answer;
      assert_int_equal(lc_resolver_ask(resolver, crowd[i]), 0);
    } else if (outcome[i] == 1 || rand_r(&seed) % 4 == 0) {
      lc_resolver_cancel(resolver, crowd[i]);
      free(crowd[i]);
      crowd[i] = NULL;
    }
    if (step % 16 == 0) lc_resolver_deliver(resolver);
    for (int k = 0; k < CROWD; k++) assert_true(crowd[k] == NULL || outcome[k] <= 1);
  }
  for (int turn = 0; turn < 5000; turn++) { /* those that are left all get their answer */
    int missing = 0;
    lc_resolver_deliver(resolver);
    for (int k = 0; k < CROWD; k++) missing += crowd[k] != NULL && outcome[k] == 0;
    if (missing == 0) break;
    usleep(1000);
  }
  for (int k = 0; k < CROWD; k++) {
    if (crowd[k] != NULL) assert_int_equal(outcome[k], 1);
    free(crowd[k]);
  }
}

#define WITH(gate, test) cmocka_unit_test_setup_teardown(test, gate, stop)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH(open_gate, an_answer_is_given_on_the_loops_thread),
    WITH(shut_gate, answers_come_in_the_order_of_the_questions),
    WITH(shut_gate, the_thread_begins_with_the_first_question),
    WITH(open_gate, the_askers_signal_mask_is_kept),
    WITH(shut_gate, a_waiting_question_can_be_canceled),
    WITH(shut_gate, a_question_being_asked_can_be_canceled_and_freed),
    WITH(shut_gate, a_new_question_in_the_same_place_is_not_mistaken),
    WITH(open_gate, an_answered_question_can_be_canceled),
    WITH(shut_gate, a_callback_may_cancel_the_next),
    WITH(open_gate, a_callback_may_ask_again),
    WITH(shut_gate, freeing_waits_for_the_question_and_drops_the_others),
    WITH(shut_gate, one_that_was_never_asked_can_be_freed),
    WITH(open_gate, everyone_is_answered_once_or_not_at_all),
  };

  alarm(TIME_LIMIT);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
