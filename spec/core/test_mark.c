/* test_mark.c - which work a drain still hands over: what begins before the connection's mark. */
#include "world.h"

static void drain(world *w)
{
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(10)), 0);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
}

static void pass_the_mark(world *w) { world_turn_for(w, 80 * LC_MILLISECOND); }

static world *serve_with_short_quiet(void **state)
{
  world *w = *state;
  w->options.drain.quiet = 30 * LC_MILLISECOND;
  world_serve(w);
  return w;
}

static void finish(world *w, seen *one, int peer)
{
  lc_conn_finish(one->conn, "finished");
  peer_close(peer);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
}

static int admits(const seen *one, lc_wait wait) { return lc_conn_admit(one->conn, wait) == 0; }

static void what_waits_in_the_kernel_at_the_mark_is_handed_over(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  lc_slice slice;
  seen *one = world_accept_busy(w, &peer);
  world_write(one, "answer");
  peer_say(peer, "second\nthird\n");
  drain(w);
  pass_the_mark(w);
  assert_true(admits(one, LC_WAIT_AWAIT));
  assert_true(admits(one, LC_WAIT_LINES));
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 100, &slice), 0);
  world_write(one, "answer");
  assert_true(admits(one, LC_WAIT_READ)); /* the third lies in our buffer */
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 100, &slice), 0);
  world_write(one, "answer");
  assert_false(admits(one, LC_WAIT_READ));
  finish(w, one, peer);
}

static void behind_it_only_what_belongs_to_earlier_work_is_handed_over(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  seen *one = world_accept_busy(w, &peer); /* something is consumed, and not answered */
  drain(w);
  pass_the_mark(w);
  assert_true(admits(one, LC_WAIT_LINES));
  assert_true(admits(one, LC_WAIT_READ));
  lc_conn_guard(one->conn);
  assert_true(admits(one, LC_WAIT_AWAIT));
  lc_conn_unguard(one->conn);
  lc_conn_answered(one->conn);
  assert_false(admits(one, LC_WAIT_LINES));
  assert_false(admits(one, LC_WAIT_READ));
  finish(w, one, peer);
}

static void await_says_that_nothing_is_under_way(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  seen *one = world_accept_busy(w, &peer);
  drain(w);
  pass_the_mark(w);
  assert_false(admits(one, LC_WAIT_AWAIT));
  finish(w, one, peer);
}

static void a_read_beside_other_tasks_of_the_connection_may_be_part_of_their_work(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  seen *one = world_accept_busy(w, &peer);
  world_write(one, "answer");
  drain(w);
  pass_the_mark(w);
  lc_conn_hold(one->conn);
  lc_conn_hold(one->conn);
  assert_true(admits(one, LC_WAIT_READ));
  lc_conn_release(one->conn);
  lc_conn_release(one->conn);
  assert_false(admits(one, LC_WAIT_READ));
  finish(w, one, peer);
}

static void a_first_byte_in_the_drain_has_quiet_of_its_own(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.quiet = 200 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_hold(one->conn); /* a task works for it: it is not idle */
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  drain(w);
  world_turn_for(w, 120 * LC_MILLISECOND);
  peer_say(peer, "first");
  lc_conn_wait(one->conn, LC_WAIT_NONE, LC_NEVER);
  world_turn(w);
  world_swallow(one);
  lc_time first = lc_loop_now(w->loop);
  world_write(one, "answer");
  world_turn_for(w, 120 * LC_MILLISECOND); /* past drain + quiet */
  if (lc_loop_clock(w->loop) < first + 190 * LC_MILLISECOND)
    assert_true(admits(one, LC_WAIT_LINES));
  world_turn_for(w, 150 * LC_MILLISECOND);
  assert_false(admits(one, LC_WAIT_LINES));
  lc_conn_release(one->conn);
  finish(w, one, peer);
}

static void without_a_drain_everything_is_handed_over(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  seen *one = world_accept_busy(w, &peer);
  world_write(one, "answer");
  pass_the_mark(w);
  assert_true(admits(one, LC_WAIT_AWAIT));
  drain(w);
  finish(w, one, peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(what_waits_in_the_kernel_at_the_mark_is_handed_over),
    WORLD_TEST(behind_it_only_what_belongs_to_earlier_work_is_handed_over),
    WORLD_TEST(await_says_that_nothing_is_under_way),
    WORLD_TEST(a_read_beside_other_tasks_of_the_connection_may_be_part_of_their_work),
    WORLD_TEST(a_first_byte_in_the_drain_has_quiet_of_its_own),
    WORLD_TEST(without_a_drain_everything_is_handed_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
