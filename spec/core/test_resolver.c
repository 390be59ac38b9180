/* test_resolver.c - questions on other threads: several at once, cancelling at every stage, an end
 * that waits for none.
 *
 * The kernel's table is real but for `resolve`, which here waits at a gate, so
 * that a test can stop the resolver's threads in the middle of a question. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate.h"
#include "loop/resolver.h"

#define TIME_LIMIT 60 /* seconds for the whole file, then SIGALRM ends it */

/* --------------------------------------------------------------- the loop -- */

enum { AT_ONCE = 16, THREADS_MOST = 128 }; /* the resolver's own bounds */

static gate g = GATE_INIT;
static int wake_fd;
static lc_resolver *resolver;
static pthread_t loop_thread;
static int threads_before;
static lc_query *answers[64]; /* in the order they came */
static int answer_count;

static void woken(void *user) { g.sys.wake(&g.sys, *(int *)user); }

static void note_answer(lc_query *query)
{
  assert_true(pthread_equal(pthread_self(), loop_thread));
  assert_true(answer_count < 64);
  answers[answer_count++] = query;
}

/* Waits until there are `count` threads more than before the test; those that ended are still
 * counted for a while. */
static void threads_wait(int count)
{
  for (int i = 0; i < 10000 && gate_threads() != threads_before + count; i++) usleep(1000);
  assert_int_equal(gate_threads(), threads_before + count);
}

static int start(int is_shut)
{
  gate_open(&g, is_shut);
  answer_count = 0;
  loop_thread = pthread_self();
  threads_before = gate_threads();
  wake_fd = g.sys.wake_create(&g.sys);
  resolver = lc_resolver_new(&g.sys, woken, &wake_fd);
  return wake_fd >= 0 && resolver != NULL ? 0 : -1;
}

static int with_open_gate(void **state)
{
  (void)state;
  return start(0);
}

static int with_shut_gate(void **state)
{
  (void)state;
  return start(1);
}

static int leave(void **state)
{
  (void)state;
  gate_set(&g, 0);
  lc_resolver_free(resolver);
  threads_wait(0);
  g.sys.close(&g.sys, wake_fd);
  assert_false(g.has_signals);
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

static void several_are_asked_at_once_and_no_more_than_a_few(void **state)
{
  lc_query *queries[40];
  int at_once;
  (void)state;
  for (int i = 0; i < 40; i++) queries[i] = ask("somewhere", (uint16_t)(100 + i));
  lc_resolver_deliver(resolver);
  assert_int_equal(answer_count, 0); /* not before there is one */
  threads_wait(AT_ONCE);
  gate_wait(&g, AT_ONCE);
  at_once = gate_asked(&g);
  assert_int_equal(at_once, AT_ONCE);
  gate_set(&g, 0);
  turn_until(40);
  for (int i = 0; i < 40; i++) {
    assert_int_equal(ntohs(queries[i]->found[0].of.in.sin_port), 100 + i);
    free(queries[i]);
  }
}

static void those_that_wait_are_asked_in_their_order(void **state)
{
  lc_query *queries[AT_ONCE + 3];
  (void)state;
  for (int i = 0; i < AT_ONCE; i++) queries[i] = ask("somewhere", 1);
  gate_wait(&g, AT_ONCE);
  for (int i = AT_ONCE; i < AT_ONCE + 3; i++) queries[i] = ask(i > AT_ONCE ? "later" : "next", 1);
  lc_resolver_cancel(resolver, queries[0]); /* its thread is nobody's: there is room for one */
  gate_wait(&g, AT_ONCE + 1);
  assert_int_equal(gate_asked(&g), AT_ONCE + 1);
  assert_string_equal(g.last_host, "next");
  gate_set(&g, 0);
  turn_until(AT_ONCE + 2);
  for (int i = 0; i < AT_ONCE + 3; i++) free(queries[i]);
}

static void canceled_questions_keep_nobody_waiting(void **state)
{
  lc_query *query;
  (void)state;
  for (int i = 0; i < 3 * AT_ONCE; i++) {
    query = ask("silent", 1);
    gate_wait(&g, i + 1);
    lc_resolver_cancel(resolver, query);
    free(query);
  }
  query = ask("local", 1);
  gate_wait(&g, 3 * AT_ONCE + 1); /* it is asked although none of those before it has returned */
  gate_set(&g, 0);
  turn_until(1);
  assert_ptr_equal(answers[0], query);
  free(query);
}

static void the_threads_are_bounded_also_when_all_was_canceled(void **state)
{
  lc_query *query;
  (void)state;
  for (int i = 0; i < THREADS_MOST; i++) {
    query = ask("silent", 1);
    gate_wait(&g, i + 1);
    lc_resolver_cancel(resolver, query);
    free(query);
  }
  query = ask("local", 1);
  threads_wait(THREADS_MOST);
  assert_int_equal(gate_asked(&g), THREADS_MOST);
  gate_set(&g, 0);
  turn_until(1); /* a thread that comes back takes it */
  free(query);
}

static void a_thread_begins_with_a_question_and_ends_with_its_answer(void **state)
{
  lc_query *query;
  (void)state;
  lc_resolver_deliver(resolver);
  threads_wait(0);
  query = ask("somewhere", 80);
  gate_wait(&g, 1);
  threads_wait(1);
  gate_set(&g, 0);
  turn_until(1);
  threads_wait(0);
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
  lc_query *busy[AT_ONCE], *first, *second, *third, *fourth;
  (void)state;
  for (int i = 0; i < AT_ONCE; i++) busy[i] = ask("busy", 1);
  gate_wait(&g, AT_ONCE);
  first = ask("first", 1);
  second = ask("second", 2);
  third = ask("third", 3);
  lc_resolver_cancel(resolver, third); /* the last: the queue must find its end again */
  free(third);
  fourth = ask("fourth", 4);
  lc_resolver_cancel(resolver, second);
  free(second);
  gate_set(&g, 0);
  turn_until(AT_ONCE + 2);
  assert_int_equal(gate_asked(&g), AT_ONCE + 2);
  for (int i = 0; i < AT_ONCE; i++) free(busy[i]);
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
  (void)state;
  threads_wait(0);                     /* both are answered */
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

/* Whichever of the two is answered first cancels the other. */
static void a_callback_may_cancel_the_next(void **state)
{
  lc_query *first = new_query("first", 1), *second = new_query("second", 2);
  (void)state;
  first->answered = second->answered = cancel_the_other;
  first->user = second;
  second->user = first;
  assert_int_equal(lc_resolver_ask(resolver, first), 0);
  assert_int_equal(lc_resolver_ask(resolver, second), 0);
  gate_wait(&g, 2);
  gate_set(&g, 0);
  threads_wait(0); /* both are answered */
  turn_until(1);
  lc_resolver_deliver(resolver);
  assert_int_equal(answer_count, 1);
  free(answers[0]);
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

static atomic_int dropped;

static void ask_at_the_gate(void *question)
{
  lc_address found[2];
  (void)gate_resolve(&g.sys, question, 1, found, 2);
}

static void drop(void *question)
{
  dropped++;
  free(question);
}

static lc_query *ask_own(const char *host)
{
  lc_query *query = new_query("", 0);
  query->ask = ask_at_the_gate;
  query->drop = drop;
  query->question = strdup(host);
  assert_int_equal(lc_resolver_ask(resolver, query), 0);
  return query;
}

static void freeing_waits_for_no_question_and_calls_nobody_back(void **state)
{
  lc_query *queries[AT_ONCE + 4];
  struct pollfd one;
  (void)state;
  for (int i = 0; i < AT_ONCE + 4; i++) queries[i] = i % 2 ? ask("somewhere", 1) : ask_own("own");
  gate_wait(&g, AT_ONCE);
  dropped = 0;
  lc_resolver_free(resolver); /* returns while the gate is shut */
  resolver = NULL;            /* freeing none, as `leave` does, is harmless */
  assert_int_equal(dropped, 2);
  for (int i = 0; i < AT_ONCE + 4; i++) {
    if (i % 2 == 0) assert_null(queries[i]->question); /* its thread's, or dropped already */
    free(queries[i]);
  }
  gate_set(&g, 0);
  threads_wait(0);
  assert_int_equal(dropped, AT_ONCE / 2 + 2);
  assert_int_equal(gate_asked(&g), AT_ONCE);
  assert_int_equal(answer_count, 0);
  one = (struct pollfd){wake_fd, POLLIN, 0};
  assert_int_equal(poll(&one, 1, 0), 0); /* nor was the loop woken */
}

static void a_question_of_ones_own_is_dropped_once_whenever_it_is_canceled(void **state)
{
  lc_query *query = ask_own("asked"), *answered;
  (void)state;
  dropped = 0;
  gate_wait(&g, 1);
  lc_resolver_cancel(resolver, query);
  assert_int_equal(dropped, 0); /* its thread has it */
  free(query);
  gate_set(&g, 0);
  threads_wait(0);
  assert_int_equal(dropped, 1);
  answered = ask_own("answered");
  turn_until(1);
  assert_int_equal(dropped, 1);
  lc_resolver_cancel(resolver, answered);
  assert_int_equal(dropped, 2);
  free(answered);
}

static void one_that_was_never_asked_can_be_freed(void **state)
{
  (void)state; /* `leave` does it */
}

/* Random asks, cancels and frees against threads that run at full speed. */
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

#define WITH(gate, test) cmocka_unit_test_setup_teardown(test, gate, leave)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH(with_open_gate, an_answer_is_given_on_the_loops_thread),
    WITH(with_shut_gate, several_are_asked_at_once_and_no_more_than_a_few),
    WITH(with_shut_gate, those_that_wait_are_asked_in_their_order),
    WITH(with_shut_gate, canceled_questions_keep_nobody_waiting),
    WITH(with_shut_gate, the_threads_are_bounded_also_when_all_was_canceled),
    WITH(with_shut_gate, a_thread_begins_with_a_question_and_ends_with_its_answer),
    WITH(with_open_gate, the_askers_signal_mask_is_kept),
    WITH(with_shut_gate, a_waiting_question_can_be_canceled),
    WITH(with_shut_gate, a_question_being_asked_can_be_canceled_and_freed),
    WITH(with_shut_gate, a_new_question_in_the_same_place_is_not_mistaken),
    WITH(with_open_gate, an_answered_question_can_be_canceled),
    WITH(with_shut_gate, a_callback_may_cancel_the_next),
    WITH(with_open_gate, a_callback_may_ask_again),
    WITH(with_shut_gate, freeing_waits_for_no_question_and_calls_nobody_back),
    WITH(with_shut_gate, a_question_of_ones_own_is_dropped_once_whenever_it_is_canceled),
    WITH(with_shut_gate, one_that_was_never_asked_can_be_freed),
    WITH(with_open_gate, everyone_is_answered_once_or_not_at_all),
  };

  alarm(TIME_LIMIT);
  gate_begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
