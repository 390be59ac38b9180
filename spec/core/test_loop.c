/* test_loop.c - turns: which events are delivered, in which order, how many, and which are not. */
#include "loop/loop.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "world.h"

static char order[WORLD_TEXT]; /* what happened, a letter each */

static void happened(char letter)
{
  size_t length = strlen(order);
  assert_true(length + 1 < sizeof order);
  order[length] = letter;
  order[length + 1] = 0;
}

static int set_up(void **state)
{
  order[0] = 0;
  return world_set_up(state);
}

/* A pipe, the reading end watched. */
typedef struct tube {
  lc_watch watch;
  int write_end;
  int events;
  void (*then)(struct tube *tube);
} tube;

static void tube_ready(lc_watch *watch, uint32_t events)
{
  tube *one = LC_OWNER(watch, tube, watch);
  (void)events;
  one->events++;
  happened('e');
  if (one->then) one->then(one);
}

static void tube_open(world *w, tube *one)
{
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  *one = (tube){.watch = {.fd = ends[0], .ready = tube_ready}, .write_end = ends[1]};
  assert_int_equal(lc_loop_watch(w->loop, &one->watch, LC_POLL_IN | LC_POLL_EDGE), 0);
}

static void tube_close(world *w, tube *one)
{
  lc_loop_unwatch(w->loop, &one->watch);
  peer_close(one->watch.fd);
  peer_close(one->write_end);
}

static void poke(const tube *one) { assert_int_equal(write(one->write_end, "x", 1), 1); }

/* ---------------------------------------------------------------- watches -- */

static void an_event_is_told_once_for_each_edge(void **state)
{
  world *w = *state;
  tube one;
  tube_open(w, &one);
  world_turn(w);
  assert_int_equal(one.events, 0);
  poke(&one);
  world_turn(w);
  world_turn(w); /* not read, and yet not told again */
  assert_int_equal(one.events, 1);
  poke(&one);
  world_turn(w);
  assert_int_equal(one.events, 2);
  tube_close(w, &one);
}

static void an_unwatched_descriptor_is_silent_and_stays_open(void **state)
{
  world *w = *state;
  tube one;
  tube_open(w, &one);
  poke(&one);
  lc_loop_unwatch(w->loop, &one.watch);
  lc_loop_unwatch(w->loop, &one.watch); /* twice is harmless */
  world_turn(w);
  assert_int_equal(one.events, 0);
  poke(&one);
  tube_close(w, &one);
}

static world *in; /* for those called without one */
static tube pair[2], heir;

static void replace_the_other(tube *one)
{
  tube *other = one == &pair[0] ? &pair[1] : &pair[0];
  int number = other->watch.fd;
  tube_close(in, other);
  tube_open(in, &heir);
  assert_true(heir.watch.fd == number || heir.write_end == number); /* it was reused */
}

/* Both have an event in the same batch; the first closes the second and opens another in its
 * place. */
static void an_event_for_a_closed_descriptor_is_not_given_to_its_heir(void **state)
{
  in = *state;
  for (int i = 0; i < 2; i++) {
    tube_open(in, &pair[i]);
    pair[i].then = replace_the_other;
  }
  poke(&pair[0]);
  poke(&pair[1]);
  world_turn(in);
  assert_int_equal(pair[0].events + pair[1].events, 1);
  assert_int_equal(heir.events, 0);
  poke(&heir);
  world_turn(in);
  assert_int_equal(heir.events, 1); /* its own event reaches it */
  tube_close(in, pair[0].events ? &pair[0] : &pair[1]);
  tube_close(in, &heir);
}

static void hundreds_of_watches_are_told_apart(void **state)
{
  enum { MANY = 200 };
  world *w = *state;
  tube *many = calloc(MANY, sizeof *many);
  assert_non_null(many);
  for (int i = 0; i < MANY; i++) tube_open(w, &many[i]);
  for (int i = 0; i < MANY; i += 2) poke(&many[i]);
  for (int left = MANY; left > 0; left -= LC_EVENTS_PER_TURN) world_turn(w);
  for (int i = 0; i < MANY; i++) assert_int_equal(many[i].events, i % 2 == 0);
  for (int i = 0; i < MANY; i++) tube_close(w, &many[i]);
  free(many);
}

/* ------------------------------------------------------- timers, jobs, turns -- */

static void fired(lc_timer *timer, lc_time now)
{
  (void)timer, (void)now;
  happened('t');
}

static void job_ran(lc_job *job)
{
  (void)job;
  happened('j');
}

static int turn_ran(void *user)
{
  int *again = user;
  happened('r');
  return (*again)-- > 0;
}

static void a_turn_does_events_then_timers_then_jobs_then_the_embedders_share(void **state)
{
  world *w = *state;
  tube one;
  lc_timer timer = {0};
  lc_job job;
  int again = 0;
  tube_open(w, &one);
  assert_int_equal(lc_timer_open(w->loop, &timer, fired), 0);
  lc_job_init(&job, job_ran);
  lc_loop_on_turn(w->loop, turn_ran, &again);
  lc_job_queue(w->loop, &job);
  lc_timer_set(w->loop, &timer, lc_loop_now(w->loop));
  poke(&one);
  world_turn(w);
  assert_string_equal(order, "etjr");
  lc_loop_on_turn(w->loop, NULL, NULL);
  lc_timer_close(w->loop, &timer);
  tube_close(w, &one);
}

static void a_timer_is_never_early_and_ends_the_wait(void **state)
{
  world *w = *state;
  lc_timer timer = {0};
  lc_time due = lc_loop_clock(w->loop) + 20 * LC_MILLISECOND;
  assert_int_equal(lc_timer_open(w->loop, &timer, fired), 0);
  lc_timer_set(w->loop, &timer, due);
  assert_true(lc_loop_next(w->loop) == due);
  while (!*order) assert_int_equal(lc_loop_turn(w->loop, LC_NEVER), 0);
  assert_true(lc_loop_now(w->loop) >= due);
  assert_true(lc_loop_now(w->loop) < due + world_seconds(5));
  assert_true(lc_loop_next(w->loop) == LC_NEVER);
  lc_timer_close(w->loop, &timer);
}

static void a_cleared_timer_does_not_fire(void **state)
{
  world *w = *state;
  lc_timer timer = {0};
  assert_int_equal(lc_timer_open(w->loop, &timer, fired), 0);
  lc_timer_set(w->loop, &timer, lc_loop_now(w->loop));
  lc_timer_clear(w->loop, &timer);
  world_turn(w);
  assert_string_equal(order, "");
  lc_timer_close(w->loop, &timer);
}

static void job_queues_itself(lc_job *job)
{
  happened('j');
  if (strlen(order) < 3) lc_job_queue(in->loop, job);
}

static void a_job_that_queues_itself_runs_once_a_turn(void **state)
{
  lc_job job;
  in = *state;
  lc_job_init(&job, job_queues_itself);
  lc_job_queue(in->loop, &job);
  lc_job_queue(in->loop, &job); /* once, however often it is queued */
  assert_true(lc_loop_next(in->loop) == 0);
  world_turn(in);
  assert_string_equal(order, "j");
  assert_int_equal(lc_loop_turn(in->loop, LC_NEVER), 0); /* does not wait: there is work */
  assert_string_equal(order, "jj");
  world_turn(in);
  world_turn(in);
  assert_string_equal(order, "jjj");
}

static lc_job victim;

static void job_cancels_the_victim(lc_job *job)
{
  (void)job;
  happened('c');
  lc_job_cancel(&victim);
}

static void a_job_canceled_by_the_one_before_it_does_not_run(void **state)
{
  world *w = *state;
  lc_job job, zero = {0};
  lc_job_cancel(&zero); /* never initialised: harmless */
  lc_job_init(&job, job_cancels_the_victim);
  lc_job_init(&victim, job_ran);
  lc_job_queue(w->loop, &job);
  lc_job_queue(w->loop, &victim);
  world_turn(w);
  assert_string_equal(order, "c");
  assert_false(lc_job_is_queued(&victim));
}

static void while_the_embedder_has_more_the_loop_does_not_wait(void **state)
{
  world *w = *state;
  int again = 2;
  lc_loop_on_turn(w->loop, turn_ran, &again);
  for (int i = 0; i < 3; i++) assert_int_equal(lc_loop_turn(w->loop, LC_NEVER), 0);
  assert_string_equal(order, "rrr");
  assert_true(lc_loop_next(w->loop) == LC_NEVER);
  lc_loop_on_turn(w->loop, NULL, NULL);
}

static void a_bounded_turn_waits_no_longer_than_asked(void **state)
{
  world *w = *state;
  lc_time began = lc_loop_clock(w->loop), took;
  assert_int_equal(lc_loop_turn(w->loop, 20 * LC_MILLISECOND), 0);
  took = lc_loop_clock(w->loop) - began;
  assert_true(took >= 20 * LC_MILLISECOND && took < world_seconds(5));
}

static void turns_and_events_are_counted(void **state)
{
  world *w = *state;
  lc_loop_stats before, after;
  lc_timer timer = {0};
  tube one;
  tube_open(w, &one);
  lc_loop_stats_get(w->loop, &before);
  assert_int_equal(lc_timer_open(w->loop, &timer, fired), 0);
  lc_timer_set(w->loop, &timer, LC_NEVER - 1);
  poke(&one);
  world_turn(w);
  lc_loop_stats_get(w->loop, &after);
  assert_int_equal(after.turns - before.turns, 1);
  assert_int_equal(after.events - before.events, 1);
  assert_int_equal(after.timers - before.timers, 1);
  assert_true(after.longest_turn > 0);
  lc_loop_stats_reset(w->loop);
  lc_loop_stats_get(w->loop, &after);
  assert_int_equal(after.longest_turn, 0);
  lc_timer_close(w->loop, &timer);
  tube_close(w, &one);
}

/* --------------------------------------------------- from outside the loop -- */

static void *wake_later(void *loop)
{
  usleep(20000);
  lc_loop_wake(loop);
  return NULL;
}

static void another_thread_can_end_the_wait(void **state)
{
  world *w = *state;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, wake_later, w->loop), 0);
  assert_int_equal(lc_loop_turn(w->loop, LC_NEVER), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_wake_before_the_turn_is_not_lost(void **state)
{
  world *w = *state;
  lc_loop_wake(w->loop);
  assert_int_equal(lc_loop_turn(w->loop, LC_NEVER), 0);
}

static void the_pollfd_is_readable_when_there_is_something_to_do(void **state)
{
  world *w = *state;
  struct pollfd one = {lc_loop_pollfd(w->loop), POLLIN, 0};
  assert_int_equal(poll(&one, 1, 0), 0);
  lc_loop_wake(w->loop);
  assert_int_equal(poll(&one, 1, 5000), 1);
  world_turn(w);
  assert_int_equal(poll(&one, 1, 0), 0);
}

static unsigned signals_seen;

static void signal_seen(void *user, int number, unsigned count, lc_time at)
{
  lc_loop *loop = user;
  assert_int_equal(number, SIGUSR1);
  assert_true(at > 0 && at <= lc_loop_clock(loop));
  signals_seen += count;
  if (signals_seen >= 3) assert_int_equal(lc_loop_signal(loop, SIGUSR1, NULL, NULL), 0);
}

static void signals_are_told_in_a_turn_and_may_be_stopped_there(void **state)
{
  world *w = *state;
  signals_seen = 0;
  assert_int_equal(lc_loop_signal(w->loop, SIGUSR1, signal_seen, w->loop), 0);
  raise(SIGUSR1);
  raise(SIGUSR1);
  assert_int_equal(signals_seen, 0);
  world_turn(w);
  assert_int_equal(signals_seen, 2);
  raise(SIGUSR1);
  world_turn(w);
  assert_int_equal(signals_seen, 3);
  assert_int_equal(lc_loop_signal(w->loop, SIGUSR1, NULL, NULL), 0); /* again: nothing to stop */
}

static void a_signal_has_one_owner_and_some_have_none(void **state)
{
  world *w = *state;
  int error = 0;
  lc_loop *second = lc_loop_new(NULL, &error);
  assert_non_null(second);
  assert_int_equal(lc_loop_signal(w->loop, SIGUSR2, signal_seen, w->loop), 0);
  assert_int_equal(lc_loop_signal(second, SIGUSR2, signal_seen, second), -EBUSY);
  assert_int_equal(lc_loop_signal(second, SIGKILL, signal_seen, second), -EINVAL);
  assert_int_equal(lc_loop_signal(w->loop, SIGUSR2, NULL, NULL), 0);
  assert_int_equal(lc_loop_signal(second, SIGUSR2, signal_seen, second), 0);
  lc_loop_free(second); /* gives the signal back too */
  assert_int_equal(lc_loop_signal(w->loop, SIGUSR2, signal_seen, w->loop), 0);
}

/* --------------------------------------------------------------- look-ups -- */

static void answered(lc_query *query)
{
  happened('a');
  *(int *)query->user = query->result;
}

static void a_name_is_looked_up_beside_the_loop(void **state)
{
  world *w = *state;
  int result = 0;
  lc_query query = {.host = "127.0.0.1", .port = 80, .answered = answered, .user = &result};
  assert_int_equal(lc_resolve(w->loop, &query), 0);
  assert_string_equal(order, "");
  TURN_UNTIL(w, *order);
  assert_int_equal(result, 1);
  assert_int_equal(query.found[0].of.in.sin_port, htons(80));
}

static void a_loop_may_end_while_a_name_is_looked_up(void **state)
{
  world *w = *state;
  lc_query query = {.host = "127.0.0.1", .port = 80, .answered = answered};
  lc_resolve_cancel(w->loop, &query); /* never asked: harmless */
  assert_int_equal(lc_resolve(w->loop, &query), 0);
  lc_loop_free(w->loop);
  w->loop = NULL;
  assert_string_equal(order, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(an_event_is_told_once_for_each_edge),
    TEST(an_unwatched_descriptor_is_silent_and_stays_open),
    TEST(an_event_for_a_closed_descriptor_is_not_given_to_its_heir),
    TEST(hundreds_of_watches_are_told_apart),
    TEST(a_turn_does_events_then_timers_then_jobs_then_the_embedders_share),
    TEST(a_timer_is_never_early_and_ends_the_wait),
    TEST(a_cleared_timer_does_not_fire),
    TEST(a_job_that_queues_itself_runs_once_a_turn),
    TEST(a_job_canceled_by_the_one_before_it_does_not_run),
    TEST(while_the_embedder_has_more_the_loop_does_not_wait),
    TEST(a_bounded_turn_waits_no_longer_than_asked),
    TEST(turns_and_events_are_counted),
    TEST(another_thread_can_end_the_wait),
    TEST(a_wake_before_the_turn_is_not_lost),
    TEST(the_pollfd_is_readable_when_there_is_something_to_do),
    TEST(signals_are_told_in_a_turn_and_may_be_stopped_there),
    TEST(a_signal_has_one_owner_and_some_have_none),
    TEST(a_name_is_looked_up_beside_the_loop),
    TEST(a_loop_may_end_while_a_name_is_looked_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
