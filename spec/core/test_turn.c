/* test_turn.c - how long a turn may take: what it leaves over, what comes first in the next turn,
 * and what the embedder hears of it.
 *
 * The clock is ours, and stands still: work takes as long as the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"

enum { MANY = 100, TURNS_AT_MOST = 1000 };

#define TURN (5 * LC_MILLISECOND)

/* One loop, its clock, and what has happened. */
typedef struct place {
  lc_sys sys;
  lc_loop *loop;
  lc_time now;
  int has_ticks;
  unsigned reads; /* of the clock */
  lc_time each;   /* how long a piece of work takes */
  unsigned done[2];
  unsigned turns;

  lc_server *server[2];
  lc_shutdown *shutdown;
  int peers[2][MANY];
  unsigned reached[2][LC_STEPS];
  unsigned rest[LC_STEPS]; /* how often the rest was to be looked at */

  lc_time told;
  lc_part parts[LC_PARTS];
  unsigned count;
  const char *doing;
} place;

static place here;

static lc_time our_now(const lc_sys *sys)
{
  place *p = sys->state;
  p->reads++;
  return p->now;
}

static uint64_t our_ticks(const lc_sys *sys)
{
  const place *p = sys->state;
  return p->has_ticks ? 3 * (uint64_t)p->now : 0;
}

static int set_up(void **state)
{
  int error = 0;
  here = (place){.sys = *lc_sys_linux(), .now = 1000 * LC_SECOND, .each = LC_MILLISECOND};
  here.sys.state = &here;
  here.sys.now = our_now;
  here.sys.ticks = our_ticks;
  here.loop = lc_loop_new(&here.sys, &error);
  assert_non_null(here.loop);
  *state = &here;
  return 0;
}

static int tear_down(void **state)
{
  place *p = *state;
  lc_shutdown_free(p->shutdown);
  lc_loop_free(p->loop);
  for (int i = 0; i < 2; i++)
    for (int peer = 0; peer < MANY; peer++)
      if (p->peers[i][peer]) close(p->peers[i][peer]);
  return 0;
}

/* How long it took. */
static lc_time turn(place *p)
{
  lc_time before = p->now;
  assert_int_equal(lc_loop_turn(p->loop, 0), 0);
  assert_true(++p->turns < TURNS_AT_MOST);
  return p->now - before;
}

/* A turn with work of one kind takes no longer than it may, but for the last piece. */
static void bounded_turn(place *p) { assert_true(turn(p) <= TURN + p->each); }

/* ---------------------------------------------------------------- timers -- */

typedef struct slow_timer {
  lc_timer timer;
  unsigned number;
} slow_timer;

static slow_timer timers[MANY];

static void timer_fires(lc_timer *timer, lc_time now)
{
  slow_timer *one = LC_OWNER(timer, slow_timer, timer);
  assert_int_equal(one->number, here.done[0]); /* those that were left over come first */
  assert_true(now <= here.now);
  here.done[0]++;
  here.now += here.each;
}

static void set_timers(place *p)
{
  for (unsigned i = 0; i < MANY; i++) {
    timers[i] = (slow_timer){.number = i};
    assert_int_equal(lc_timer_open(p->loop, &timers[i].timer, timer_fires), 0);
    lc_timer_set(p->loop, &timers[i].timer, p->now - MANY + i);
  }
}

static void timers_that_are_due_are_left_over_and_come_first(void **state)
{
  place *p = *state;
  set_timers(p);
  bounded_turn(p);
  assert_true(p->done[0] >= 1 && p->done[0] < MANY);
  assert_true(lc_loop_next(p->loop) <= p->now); /* the next turn does not wait */
  while (p->done[0] < MANY) bounded_turn(p);
}

static void short_timers_too(void **state)
{
  place *p = *state;
  p->each = LC_MILLISECOND / 10;
  set_timers(p);
  while (p->done[0] < MANY) bounded_turn(p);
  assert_true(p->turns >= 2);
}

/* ------------------------------------------------------------------ jobs -- */

static lc_job jobs[MANY], restless;

static void job_runs(lc_job *job)
{
  assert_ptr_equal(job, &jobs[here.done[1]]);
  here.done[1]++;
  here.now += here.each;
}

static void queue_jobs(place *p)
{
  for (unsigned i = 0; i < MANY; i++) {
    lc_job_init(&jobs[i], job_runs);
    lc_job_queue(p->loop, &jobs[i]);
  }
}

/* It holds the loop each turn, and is never done. */
static void restless_job(lc_job *job)
{
  here.now += 2 * TURN;
  lc_job_queue(here.loop, job);
}

static void jobs_are_left_over_and_come_before_new_ones(void **state)
{
  place *p = *state;
  queue_jobs(p);
  bounded_turn(p);
  assert_true(p->done[1] >= 1 && p->done[1] < MANY);
  assert_true(lc_loop_next(p->loop) == 0);
  lc_job_init(&restless, restless_job);
  lc_job_queue(p->loop, &restless);
  while (p->done[1] < MANY) assert_true(turn(p) <= TURN + 2 * TURN);
}

static unsigned embedders;

static int embedder_works(void *user)
{
  place *p = user;
  lc_loop_share(p->loop, "embedder");
  do {
    embedders++;
    p->now += p->each;
  } while (!lc_loop_share_is_over(p->loop));
  return 1;
}

static void none_starves_another(void **state)
{
  place *p = *state;
  embedders = 0;
  p->each = LC_MILLISECOND / 4;
  set_timers(p);
  queue_jobs(p);
  lc_job_init(&restless, restless_job);
  lc_job_queue(p->loop, &restless);
  lc_loop_on_turn(p->loop, embedder_works, p);
  for (int i = 0; i < 200; i++) turn(p);
  assert_int_equal(p->done[0], MANY);
  assert_int_equal(p->done[1], MANY);
  assert_true(embedders >=
              400); /* with a millisecond of its own each turn, whatever the job takes */
}

/* ----------------------------------------------------------------- walks -- */

static void conn_reached(lc_conn *conn, lc_step step, void *user)
{
  place *p = user;
  int which = lc_conn_server(conn) == p->server[1];
  p->reached[which][step]++;
  p->now += p->each;
}

static int all_reached(lc_server *server, lc_step step, void *user)
{
  place *p = user;
  assert_int_equal(p->reached[server == p->server[1]][step], MANY);
  return p->rest[step]++ < 2; /* it is asked again while there is more */
}

static void conn_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)conn, (void)what, (void)user;
}

static const lc_events EVENTS = {
  .ready = conn_ready, .reached = conn_reached, .reached_all = all_reached};

static void open_server(place *p, int which)
{
  int error = 0;
  p->has_ticks = 1;
  lc_server_options options;
  lc_server_options_init(&options);
  options.closes_at_cancel = 0;
  p->server[which] = lc_server_new(p->loop, &options, &EVENTS, p, &error);
  assert_non_null(p->server[which]);
  for (int i = 0; i < MANY; i++) {
    int ends[2];
    lc_conn *conn;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(lc_conn_adopt(p->server[which], ends[0], NULL, &conn), 0);
    lc_conn_hold(conn); /* somebody works for it */
    p->peers[which][i] = ends[1];
  }
}

static void the_walks_of_a_ladder_are_done_in_shares_and_to_their_end(void **state)
{
  place *p = *state;
  open_server(p, 0);
  lc_server_shutdown(p->server[0], p->now + 10 * LC_SECOND);
  lc_server_advance(p->server[0], LC_STEP_KILL);
  while (p->rest[LC_STEP_KILL] < 3) bounded_turn(p);
  assert_true(p->turns >= 20); /* 300 pieces of 1 ms */
  for (lc_step step = LC_STEP_DRAIN; step <= LC_STEP_KILL; step++) {
    assert_int_equal(p->reached[0][step], MANY);
    assert_int_equal(p->rest[step], 3);
  }
  assert_int_equal(lc_server_count(p->server[0], LC_STATE_CLOSED), MANY);
}

static void the_walks_of_two_ladders_take_turns(void **state)
{
  place *p = *state;
  p->rest[LC_STEP_DRAIN] = 2;
  for (int i = 0; i < 2; i++) {
    open_server(p, i);
    lc_server_shutdown(p->server[i], p->now + 100 * LC_SECOND);
  }
  while (p->reached[0][LC_STEP_DRAIN] < MANY) bounded_turn(p);
  assert_true(p->reached[1][LC_STEP_DRAIN] > MANY / 3);
}

static void a_ladders_step_is_not_late_whatever_else_is_due(void **state)
{
  place *p = *state;
  open_server(p, 0);
  p->each = LC_MILLISECOND / 10;
  lc_server_shutdown(p->server[0], p->now + 50 * LC_MILLISECOND);
  while (p->rest[LC_STEP_DRAIN] < 3) turn(p);
  p->now += 50 * LC_MILLISECOND;
  p->each = LC_MILLISECOND;
  set_timers(p); /* all of them due before the ladder's */
  queue_jobs(p);
  turn(p);
  assert_int_equal(lc_server_step(p->server[0]), LC_STEP_KILL);
}

static void past_the_deadline_of_the_process_nothing_is_put_off(void **state)
{
  place *p = *state;
  int error = 0;
  open_server(p, 0);
  p->each = LC_MILLISECOND / 10;
  p->shutdown = lc_shutdown_new(p->loop, NULL, NULL, NULL, &error);
  assert_non_null(p->shutdown);
  lc_shutdown_begin(p->shutdown, p->now, LC_SECOND);
  for (int i = 0; i < 10; i++) turn(p);
  p->rest[LC_STEP_CANCEL] = p->rest[LC_STEP_KILL] = 2;
  p->now += 2 * LC_SECOND;
  p->each = LC_MILLISECOND;
  queue_jobs(p);
  for (int i = 0; i < 3; i++) turn(p);
  assert_int_equal(p->reached[0][LC_STEP_KILL], MANY);
  assert_int_equal(p->done[1], MANY);
}

/* --------------------------------------------------------------- the clock -- */

static void the_clock_is_read_after_sixteen_short_pieces(void **state)
{
  place *p = *state;
  p->each = 0;
  queue_jobs(p);
  turn(p); /* it finds out that they are short */
  p->done[1] = 0;
  queue_jobs(p);
  p->reads = 0;
  turn(p);
  assert_int_equal(p->done[1], MANY);
  assert_true(p->reads <= 2 + MANY / 16 + 1);
}

static void a_long_piece_among_short_ones_is_seen_at_once_by_ticks(void **state)
{
  place *p = *state;
  p->each = 0;
  p->has_ticks = 1;
  queue_jobs(p);
  turn(p);
  p->done[1] = 0;
  queue_jobs(p);
  p->each = 2 * LC_MILLISECOND;
  bounded_turn(p);
}

/* ----------------------------------------------------------------- telling -- */

static void describe(lc_part *part, void *user)
{
  const place *p = user;
  part->kind = p->doing;
  part->id = 7;
  snprintf(part->text, sizeof part->text, "the place");
}

static void held(lc_time took, const lc_part *parts, unsigned count, void *user)
{
  place *p = user;
  p->told = took;
  p->count = count;
  memcpy(p->parts, parts, count * sizeof *parts);
}

static const lc_turn_events TELLING = {.describe = describe, .held = held};

static int embedder_takes_long(void *user)
{
  place *p = user;
  lc_loop_share(p->loop, "tasks");
  p->doing = "task";
  for (int i = 0; i < 3; i++) {
    p->now += 40 * LC_MILLISECOND;
    lc_loop_share_is_over(p->loop);
  }
  lc_loop_share(p->loop, "callbacks");
  p->doing = "callback";
  p->now += 50 * LC_MILLISECOND;
  if (p->each == TURN) lc_loop_told(p->loop, "callback", 7);
  lc_loop_share_is_over(p->loop);
  return 0;
}

static void a_long_turn_is_told_with_its_longest_parts(void **state)
{
  place *p = *state;
  p->each = 10 * LC_MILLISECOND;
  queue_jobs(p);
  lc_loop_watch_turns(p->loop, 150 * LC_MILLISECOND, &TELLING, p);
  lc_loop_on_turn(p->loop, embedder_takes_long, p);
  lc_time took = turn(p);
  assert_true(p->told == took);
  assert_true(p->count >= 3);
  assert_string_equal(p->parts[0].kind, "task");
  assert_true(p->parts[0].took == 120 * LC_MILLISECOND);
  assert_string_equal(p->parts[0].text, "the place");
  assert_string_equal(p->parts[1].kind, "callback");
  assert_true(p->parts[1].took == 50 * LC_MILLISECOND);
  assert_string_equal(p->parts[2].kind, "jobs");
}

static void what_has_been_told_by_itself_does_not_count(void **state)
{
  place *p = *state;
  p->each = TURN;
  lc_loop_watch_turns(p->loop, 150 * LC_MILLISECOND, &TELLING, p);
  lc_loop_on_turn(p->loop, embedder_takes_long, p);
  turn(p); /* 170 ms, of which 50 are told */
  assert_true(p->told == 0);
  lc_loop_watch_turns(p->loop, 110 * LC_MILLISECOND, &TELLING, p);
  lc_loop_on_turn(p->loop, embedder_takes_long, p);
  turn(p);
  assert_true(p->told == 170 * LC_MILLISECOND);
  for (unsigned i = 0; i < p->count; i++) assert_string_not_equal(p->parts[i].kind, "callback");
}

static void small_parts_that_add_up_are_told_by_their_kind(void **state)
{
  place *p = *state;
  p->each = LC_MILLISECOND / 10;
  queue_jobs(p);
  lc_loop_watch_turns(p->loop, LC_MILLISECOND, &TELLING, p);
  lc_time took = turn(p);
  assert_true(p->told == took);
  assert_string_equal(p->parts[0].kind, "jobs");
  assert_true(p->parts[0].took >= took / 2);
  assert_string_equal(p->parts[0].text, "");
}

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    PLACE_TEST(timers_that_are_due_are_left_over_and_come_first),
    PLACE_TEST(short_timers_too),
    PLACE_TEST(jobs_are_left_over_and_come_before_new_ones),
    PLACE_TEST(none_starves_another),
    PLACE_TEST(the_walks_of_a_ladder_are_done_in_shares_and_to_their_end),
    PLACE_TEST(the_walks_of_two_ladders_take_turns),
    PLACE_TEST(a_ladders_step_is_not_late_whatever_else_is_due),
    PLACE_TEST(past_the_deadline_of_the_process_nothing_is_put_off),
    PLACE_TEST(the_clock_is_read_after_sixteen_short_pieces),
    PLACE_TEST(a_long_piece_among_short_ones_is_seen_at_once_by_ticks),
    PLACE_TEST(a_long_turn_is_told_with_its_longest_parts),
    PLACE_TEST(what_has_been_told_by_itself_does_not_count),
    PLACE_TEST(small_parts_that_add_up_are_told_by_their_kind),
  };
  alarm(60);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
