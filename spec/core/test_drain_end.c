/* test_drain_end.c - the end of the ladder of one server: what it cancels, what it resets, and what it waits for. */
#include "world.h"

static void finish_at_cancel(world *w, lc_step step)
{
  for (int i = 0; step == LC_STEP_CANCEL && i < w->count; i++) {
    lc_server_count_canceled(w->server, w->conns[i].conn);
    lc_server_count_canceled(w->server, w->conns[i].conn); /* once each */
    lc_conn_finish(w->conns[i].conn, "canceled");
  }
}

static void the_embedder_cancels_and_it_is_counted(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.grace = world_seconds(1);
  w->step = finish_at_cancel;
  world_serve(w);
  world_accept_busy(w, &peer);
  world_drain_within(w, world_seconds(1) + 100 * LC_MILLISECOND);
  world_expect_sight(w, peer, PEER_EOF); /* an end in order: there is time left */
  peer_close(peer);
  TURN_UNTIL_DONE(w);
  assert_string_equal(w->steps, " stop drain cancel done");
  assert_int_equal(lc_server_report(w->server)->canceled, 1);
  assert_int_equal(lc_server_report(w->server)->finished, 0);
}

/* The world listens to steps, and that decides nothing. */
static void a_server_closes_what_is_left_at_cancel_whoever_listens(void **state)
{
  world *w = *state;
  int peer;
  w->options.closes_at_cancel = 1;
  w->options.drain.grace = world_seconds(1);
  world_serve(w);
  world_accept_busy(w, &peer);
  world_drain_within(w, world_seconds(1) + 100 * LC_MILLISECOND);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL_DONE(w);
  assert_string_equal(w->steps, " stop drain cancel done");
}

/* `draining` is told in both cases. */
static void an_idle_one_is_closed_unless_the_embedder_has_taken_that_on(void **state)
{
  world *w = *state;
  int peer;
  w->options.closes_idle = 0;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "hello");
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  world_drain_within(w, world_seconds(10));
  TURN_UNTIL(w, one->draining);
  world_turn_for(w, 50 * LC_MILLISECOND);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  lc_conn_finish(one->conn, "by hand");
  world_expect_sight(w, peer, PEER_DATA);
  peer_skip(peer);
  peer_close(peer);
  TURN_UNTIL_DONE(w);
  assert_int_equal(one->draining, 1);
}

static void who_is_left_at_the_end_is_reset_on_time(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.grace = 50 * LC_MILLISECOND;
  world_serve(w);
  world_accept_busy(w, &peer);
  lc_time began = lc_loop_clock(w->loop);
  world_drain_within(w, 250 * LC_MILLISECOND);
  TURN_UNTIL_DONE(w);
  lc_time took = lc_loop_clock(w->loop) - began;
  assert_true(took >= 250 * LC_MILLISECOND && took < world_seconds(5));
  assert_string_equal(w->steps, " stop drain cancel kill done");
  assert_int_equal(peer_look(peer), PEER_RESET); /* not a clean end */
  assert_int_equal(lc_server_report(w->server)->reset_by_us, 1);
  peer_close(peer);
}

static void tasks_are_waited_for_like_connections(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_hold(one->conn);
  lc_server_hold(w->server);
  lc_conn_abort(one->conn, "test");
  world_drain_within(w, 200 * LC_MILLISECOND);
  world_turn_for(w, 400 * LC_MILLISECOND);
  assert_int_equal(lc_server_step(w->server), LC_STEP_KILL); /* cannot be done before they are */
  lc_conn_release(one->conn);
  world_turn(w);
  assert_int_equal(lc_server_step(w->server), LC_STEP_KILL);
  lc_server_release(w->server);
  world_turn(w);
  assert_int_equal(lc_server_step(w->server), LC_STEP_DONE);
  peer_close(peer);
}

static void a_detached_one_is_counted_until_it_is_released_or_killed(void **state)
{
  world *w = *state;
  int peers[2], fds[2];
  world_serve(w);
  for (int i = 0; i < 2; i++)
    assert_int_equal(lc_conn_detach(world_accept(w, &peers[i])->conn, &fds[i]), 0);
  world_drain_within(w, 300 * LC_MILLISECOND);
  world_turn_for(w, 150 * LC_MILLISECOND);
  lc_conn_release_detached(w->conns[0].conn);
  lc_conn_release_detached(w->conns[0].conn); /* again */
  world_turn(w);
  assert_int_equal(lc_server_count(w->server, LC_STATES), 1);
  TURN_UNTIL_DONE(w); /* the ladder does not wait for ever */
  for (int i = 0; i < 2; i++) {
    peer_close(fds[i]);
    peer_close(peers[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(the_embedder_cancels_and_it_is_counted),
    WORLD_TEST(a_server_closes_what_is_left_at_cancel_whoever_listens),
    WORLD_TEST(an_idle_one_is_closed_unless_the_embedder_has_taken_that_on),
    WORLD_TEST(who_is_left_at_the_end_is_reset_on_time),
    WORLD_TEST(tasks_are_waited_for_like_connections),
    WORLD_TEST(a_detached_one_is_counted_until_it_is_released_or_killed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
