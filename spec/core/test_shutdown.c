/* test_shutdown.c - the ladder of the whole process: its clock, its signals, its hooks. */
#include <stdio.h>
#include <unistd.h>

#include "world.h"

static char steps[WORLD_TEXT];
static lc_shutdown *ladder;

static void on_step(lc_step step, void *user)
{
  size_t length = strlen(steps);
  (void)user;
  snprintf(steps + length, sizeof steps - length, " %s", lc_step_name(step));
}

static const lc_shutdown_events EVENTS = {.step = on_step};

static lc_drain_options options_of(lc_time timeout)
{
  lc_server_options options;
  lc_server_options_init(&options);
  options.drain.timeout = timeout;
  return options.drain;
}

static void begin(world *w, const lc_drain_options *options)
{
  int error = 0;
  steps[0] = 0;
  ladder = lc_shutdown_new(w->loop, options, &EVENTS, NULL, &error);
  assert_non_null(ladder);
}

static int tear_down(void **state)
{
  lc_shutdown_free(ladder);
  ladder = NULL;
  return world_tear_down(state);
}

static int is_done(void) { return lc_shutdown_step(ladder) == LC_STEP_DONE; }

static void without_servers_it_goes_through_at_once(void **state)
{
  world *w = *state;
  begin(w, NULL);
  assert_true(lc_shutdown_deadline(ladder) == LC_NEVER);
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), -1);
  assert_string_equal(steps, ""); /* not from inside the call */
  TURN_UNTIL(w, is_done());
  assert_string_equal(steps, " unready stop drain hooks done");
}

static void there_is_one_for_each_loop(void **state)
{
  world *w = *state;
  int error = 0;
  begin(w, NULL);
  assert_null(lc_shutdown_new(w->loop, NULL, &EVENTS, NULL, &error));
  assert_int_equal(error, -EBUSY);
}

static void all_servers_are_stopped_and_waited_for_but_not_the_outbound_one(void **state)
{
  world *w = *state;
  world second, outbound;
  begin(w, NULL);
  world_serve(w);
  world_begin(&second, w->sys);
  world_begin(&outbound, w->sys);
  second.loop = outbound.loop = w->loop;
  outbound.options.is_outbound = 1;
  world_serve(&second);
  assert_int_equal(world_new_server(&outbound, 0), 0);
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), -1);
  TURN_UNTIL(w, is_done());
  assert_int_equal(lc_server_step(w->server), LC_STEP_DONE);
  assert_int_equal(lc_server_step(second.server), LC_STEP_DONE);
  assert_int_equal(lc_server_step(outbound.server), LC_STEP_SERVING);
  lc_server_free(second.server);
  lc_server_free(outbound.server);
}

static void the_clock_starts_when_the_signal_came_and_everything_fits_into_it(void **state)
{
  world *w = *state;
  lc_drain_options options = options_of(500 * LC_MILLISECOND);
  int peer;
  begin(w, &options);
  world_serve(w);
  world_accept_busy(w, &peer);
  lc_time began = lc_loop_clock(w->loop) - 200 * LC_MILLISECOND; /* it was a while ago */
  lc_shutdown_begin(ladder, began, -1);
  assert_true(lc_shutdown_began(ladder) == began);
  assert_true(lc_shutdown_deadline(ladder) == began + 500 * LC_MILLISECOND);
  TURN_UNTIL(w, is_done());
  lc_time took = lc_loop_clock(w->loop) - began;
  assert_true(took >= 500 * LC_MILLISECOND && took < world_seconds(5));
  assert_string_equal(steps, " unready stop drain cancel kill hooks done");
  assert_int_equal(peer_look(peer), PEER_RESET);
  peer_close(peer);
}

static void time_for_hooks_is_kept_back_when_there_are_any(void **state)
{
  world *w = *state;
  lc_drain_options options = options_of(LC_SECOND);
  int peer;
  begin(w, &options);
  world_serve(w);
  world_accept_busy(w, &peer);
  lc_shutdown_set_hooks(ladder, 1);
  lc_time began = lc_loop_clock(w->loop);
  lc_shutdown_begin(ladder, began, -1);
  TURN_UNTIL(w, lc_shutdown_step(ladder) == LC_STEP_KILL);
  assert_true(lc_shutdown_step_at(ladder, LC_STEP_KILL) - began >= 800 * LC_MILLISECOND);
  assert_true(lc_shutdown_step_at(ladder, LC_STEP_CANCEL) - began >= 700 * LC_MILLISECOND);
  TURN_UNTIL(w, is_done());
  peer_close(peer);
}

static void unready_lasts_for_delay_and_still_accepts(void **state)
{
  world *w = *state;
  lc_drain_options options = options_of(20 * LC_SECOND);
  int peer;
  options.delay = 100 * LC_MILLISECOND;
  begin(w, &options);
  world_serve(w);
  lc_time began = lc_loop_clock(w->loop);
  lc_shutdown_begin(ladder, began, -1);
  world_turn(w);
  assert_int_equal(lc_shutdown_step(ladder), LC_STEP_UNREADY);
  seen *one = world_accept(w, &peer);
  lc_conn_abort(one->conn, "enough");
  TURN_UNTIL(w, lc_shutdown_step(ladder) > LC_STEP_UNREADY);
  assert_true(lc_loop_clock(w->loop) - began >= 100 * LC_MILLISECOND);
  peer_close(peer);
}

static void a_delay_without_end_lasts_until_cancel(void **state)
{
  world *w = *state;
  lc_drain_options options = options_of(LC_SECOND);
  options.delay = LC_NEVER;
  begin(w, &options);
  world_serve(w);
  lc_time began = lc_loop_clock(w->loop);
  lc_shutdown_begin(ladder, began, -1);
  TURN_UNTIL(w, lc_shutdown_step(ladder) > LC_STEP_UNREADY);
  assert_true(lc_loop_clock(w->loop) - began >= 900 * LC_MILLISECOND);
  TURN_UNTIL(w, is_done());
}

static void held_it_stays_on_hooks_and_not_beyond_the_deadline(void **state)
{
  world *w = *state;
  lc_drain_options options = options_of(400 * LC_MILLISECOND);
  begin(w, &options);
  lc_shutdown_hold(ladder);
  lc_time began = lc_loop_clock(w->loop);
  lc_shutdown_begin(ladder, began, -1);
  TURN_UNTIL(w, is_done());
  assert_true(lc_loop_clock(w->loop) - began >= 400 * LC_MILLISECOND);
  lc_shutdown_release(ladder);
}

static void released_it_goes_on_at_once(void **state)
{
  world *w = *state;
  begin(w, NULL);
  lc_shutdown_hold(ladder);
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), -1);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(lc_shutdown_step(ladder), LC_STEP_UNREADY); /* before-shutdown functions run */
  lc_shutdown_release(ladder);
  TURN_UNTIL(w, is_done());
}

static void while_work_is_guarded_the_drain_goes_on(void **state)
{
  world *w = *state;
  begin(w, NULL);
  lc_shutdown_guard(ladder);
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), -1);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(lc_shutdown_step(ladder), LC_STEP_DRAIN);
  lc_shutdown_unguard(ladder);
  TURN_UNTIL(w, is_done());
  assert_int_equal(lc_shutdown_step_at(ladder, LC_STEP_CANCEL), 0);
}

static void after_cancel_a_guard_holds_nothing(void **state)
{
  world *w = *state;
  lc_drain_options options = options_of(200 * LC_MILLISECOND);
  begin(w, &options);
  lc_shutdown_guard(ladder);
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), -1);
  TURN_UNTIL(w, is_done());
  assert_true(lc_shutdown_step_at(ladder, LC_STEP_CANCEL) > 0);
  lc_shutdown_unguard(ladder);
}

static void a_further_call_may_only_shorten(void **state)
{
  world *w = *state;
  int peer;
  begin(w, NULL);
  world_serve(w);
  world_accept_busy(w, &peer);
  lc_time began = lc_loop_clock(w->loop);
  lc_shutdown_begin(ladder, began, 1000 * LC_SECOND);
  world_turn(w);
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), 200 * LC_MILLISECOND);
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), 1000 * LC_SECOND);
  assert_true(lc_shutdown_began(ladder) == began);
  TURN_UNTIL(w, is_done());
  assert_true(lc_loop_clock(w->loop) - began < world_seconds(9));
  lc_shutdown_begin(ladder, lc_loop_clock(w->loop), 0); /* done: nothing happens */
  world_turn(w);
  assert_true(is_done());
  peer_close(peer);
}

/* ---------------------------------------------------------------- signals -- */

static void signals_escalate_and_those_close_together_count_once(void **state)
{
  world *w = *state;
  int peer;
  begin(w, NULL);
  world_serve(w);
  world_accept_busy(w, &peer);
  lc_shutdown_set_hooks(ladder, 1);
  lc_time first = lc_loop_clock(w->loop);
  lc_shutdown_signal(ladder, first);
  lc_shutdown_signal(ladder, first + 50 * LC_MILLISECOND); /* the same finger */
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(lc_shutdown_step(ladder), LC_STEP_DRAIN);
  lc_shutdown_signal(ladder, first + 200 * LC_MILLISECOND);
  TURN_UNTIL(w, lc_shutdown_step(ladder) != LC_STEP_DRAIN);
  assert_int_equal(lc_shutdown_step(ladder), LC_STEP_CANCEL);
  assert_int_equal(lc_shutdown_skips_hooks(ladder), 0);
  lc_shutdown_signal(ladder, first + 400 * LC_MILLISECOND);
  TURN_UNTIL(w, is_done());
  assert_true(lc_shutdown_skips_hooks(ladder));
  assert_string_equal(steps, " unready stop drain cancel kill hooks done");
  peer_close(peer);
}

static void a_signal_joins_a_shutdown_under_way(void **state)
{
  world *w = *state;
  int peer;
  begin(w, NULL);
  world_serve(w);
  world_accept_busy(w, &peer);
  lc_time began = lc_loop_clock(w->loop);
  lc_shutdown_begin(ladder, began, -1);
  world_turn(w);
  lc_shutdown_signal(ladder, lc_loop_clock(w->loop));
  world_turn(w);
  assert_int_equal(lc_shutdown_step(ladder), LC_STEP_DRAIN); /* the first: it drains already */
  assert_true(lc_shutdown_began(ladder) == began);
  lc_server_advance(w->server, LC_STEP_KILL);
  TURN_UNTIL(w, is_done());
  peer_close(peer);
}

static void hooks_under_way_hear_of_a_third_signal_in_a_turn(void **state)
{
  world *w = *state;
  begin(w, NULL);
  lc_shutdown_hold(ladder);
  lc_time first = lc_loop_clock(w->loop);
  lc_shutdown_signal(ladder, first);
  lc_shutdown_signal(ladder, first + LC_SECOND);
  TURN_UNTIL(w, lc_shutdown_step(ladder) == LC_STEP_HOOKS);
  steps[0] = 0;
  lc_shutdown_signal(ladder, first + 2 * LC_SECOND);
  assert_string_equal(steps, ""); /* not from inside the call */
  TURN_UNTIL(w, steps[0]);
  assert_string_equal(steps, " kill");
  lc_shutdown_release(ladder);
  TURN_UNTIL(w, is_done());
  assert_string_equal(steps, " kill done");
}

static void begun_again_from_a_step_it_does_no_harm(void **state)
{
  world *w = *state;
  begin(w, NULL);
  world_serve(w);
  for (int i = 0; i < 50 && !is_done(); i++) {
    lc_shutdown_begin(ladder, lc_loop_clock(w->loop), 5 * LC_SECOND);
    assert_int_equal(lc_loop_turn(w->loop, 10 * LC_MILLISECOND), 0);
  }
  TURN_UNTIL(w, is_done());
  assert_string_equal(steps, " unready stop drain hooks done");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(without_servers_it_goes_through_at_once),
    TEST(there_is_one_for_each_loop),
    TEST(all_servers_are_stopped_and_waited_for_but_not_the_outbound_one),
    TEST(the_clock_starts_when_the_signal_came_and_everything_fits_into_it),
    TEST(time_for_hooks_is_kept_back_when_there_are_any),
    TEST(unready_lasts_for_delay_and_still_accepts),
    TEST(a_delay_without_end_lasts_until_cancel),
    TEST(held_it_stays_on_hooks_and_not_beyond_the_deadline),
    TEST(released_it_goes_on_at_once),
    TEST(while_work_is_guarded_the_drain_goes_on),
    TEST(after_cancel_a_guard_holds_nothing),
    TEST(a_further_call_may_only_shorten),
    TEST(signals_escalate_and_those_close_together_count_once),
    TEST(a_signal_joins_a_shutdown_under_way),
    TEST(hooks_under_way_hear_of_a_third_signal_in_a_turn),
    TEST(begun_again_from_a_step_it_does_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
