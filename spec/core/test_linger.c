/* test_linger.c - how long the end of a connection may take: its bounds in time and in bytes. */

#include "world.h"

static void linger_0_resets_at_once(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "never sent");
  lc_conn_close(one->conn, 0, "test");
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSED);
  assert_int_equal(world_verdict(one).code, LC_CLOSED);
  assert_int_equal(world_verdict(one).unacked, 10);
  world_expect_sight(w, peer, PEER_RESET);
  TURN_UNTIL(w, one->closed);
  assert_string_equal(one->states, " closed");
  peer_close(peer);
}

static void a_positive_linger_ends_on_time_when_the_peer_stays(void **state)
{
  world *w = *state;
  lc_time linger = world_seconds(1) / 10;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "heard");
  lc_time began = lc_loop_now(w->loop);
  lc_conn_close(one->conn, linger, "test");
  TURN_UNTIL(w, one->closed);
  assert_true(lc_loop_now(w->loop) - began >= linger);
  assert_true(lc_loop_now(w->loop) - began < world_seconds(5));
  assert_int_equal(world_verdict(one).code, 0); /* every byte and our FIN were acknowledged */
  world_expect(w, peer, "heard");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_peer_that_never_reads_is_reset_when_the_linger_is_over(void **state)
{
  world *w = *state;
  char heard[4096];
  peer_sight sight;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t written = world_fill(one);
  lc_conn_close(one->conn, 50 * LC_MILLISECOND, "test");
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, LC_TIMEOUT);
  assert_true(world_verdict(one).unacked > 0 && world_verdict(one).unacked <= written);
  while ((sight = peer_look(peer)) == PEER_DATA) peer_take(peer, heard, sizeof heard);
  assert_int_equal(sight, PEER_RESET); /* half a reply does not look like a whole one */
  peer_close(peer);
}

static void one_that_is_let_go_closes_at_once_and_the_peer_still_gets_everything(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "heard");
  assert_int_equal(lc_conn_let_go(one->conn), 0); /* it is not closing */
  lc_conn_close(one->conn, 1000 * LC_SECOND, "test");
  assert_int_equal(lc_conn_let_go(one->conn), 1);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSED);
  assert_int_equal(lc_conn_let_go(one->conn), 0);
  TURN_UNTIL(w, one->closed);
  world_expect(w, peer, "heard");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void one_with_bytes_to_send_is_not_let_go(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_fill(one);
  lc_conn_close(one->conn, 1000 * LC_SECOND, "test");
  assert_int_equal(lc_conn_let_go(one->conn), 0);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSING);
  lc_conn_abort(one->conn, "test");
  TURN_UNTIL(w, one->closed);
  peer_close(peer);
}

static void a_linger_ends_early_only_once_the_peer_has_everything(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t written = world_fill(one);
  assert_int_equal(lc_conn_end_linger(one->conn), 0); /* it is not closing */
  lc_conn_close(one->conn, 1000 * LC_SECOND, "test");
  assert_int_equal(lc_conn_end_linger(one->conn), 0);
  char heard[4096];
  for (size_t got = 0; got < written;) {
    TURN_UNTIL(w, peer_look(peer) == PEER_DATA);
    got += (size_t)peer_take(peer, heard, sizeof heard);
  }
  world_expect_sight(w, peer, PEER_EOF);
  TURN_UNTIL(w, lc_conn_end_linger(one->conn));
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSED);
  assert_int_equal(world_verdict(one).code, 0);
  TURN_UNTIL(w, one->closed);
  peer_close(peer);
}

static void a_negative_linger_takes_the_settings_time(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.linger = 50 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_time began = lc_loop_now(w->loop);
  lc_conn_close(one->conn, LC_LINGER_BACKGROUND, "test");
  TURN_UNTIL(w, one->closed);
  assert_true(lc_loop_now(w->loop) - began >= 50 * LC_MILLISECOND);
  assert_true(lc_loop_now(w->loop) - began < world_seconds(2.5));
  peer_close(peer);
}

static void a_shorter_linger_shortens_and_a_longer_one_does_not_prolong(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_time began = lc_loop_now(w->loop);
  lc_conn_close(one->conn, 1000 * LC_SECOND, "first");
  lc_conn_close(one->conn, 40 * LC_MILLISECOND, "second");
  lc_conn_close(one->conn, 1000 * LC_SECOND, "third");
  lc_conn_close(one->conn, LC_LINGER_BACKGROUND, "fourth");
  TURN_UNTIL(w, one->closed);
  assert_true(lc_loop_now(w->loop) - began >= 40 * LC_MILLISECOND);
  assert_string_equal(one->cause, "first"); /* what began it is what ended it */
  peer_close(peer);
}

static void a_flood_during_the_linger_is_cut_at_the_byte_limit(void **state)
{
  world *w = *state;
  size_t flooded = 0;
  int peer;
  w->options.settings.linger_bytes = 256 * 1024;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_close(one->conn, 1000 * LC_SECOND, "test");
  TURN_UNTIL(w, (flooded += peer_flood(peer, 256 * 1024), one->closed));
  assert_true(flooded > 256 * 1024);
  peer_close(peer);
}

static void a_flood_does_not_hold_up_the_others(void **state)
{
  world *w = *state;
  char text[8];
  int peers[2];
  w->options.settings.linger_bytes = UINT64_C(1) << 40;
  world_serve(w);
  seen *flooded = world_accept(w, &peers[0]), *other = world_accept(w, &peers[1]);
  lc_conn_close(flooded->conn, 1000 * LC_SECOND, "test");
  for (int i = 0; i < 50; i++) {
    peer_flood(peers[0], 4 * 1024 * 1024);
    peer_say(peers[1], "x");
    assert_string_equal(world_read(other, text, sizeof text), "x");
  }
  assert_int_equal(flooded->closed, 0);
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void a_handler_that_returned_gets_write_timeout_for_what_it_wrote(void **state)
{
  world *w = *state;
  size_t received = 0;
  int peer;
  w->options.settings.linger = 20 * LC_MILLISECOND;
  w->options.settings.write_timeout = world_seconds(5);
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t written = world_fill(one);
  lc_conn_finish(one->conn, "finished");
  world_turn_for(w, 60 * LC_MILLISECOND); /* longer than linger: the peer may be slow */
  assert_int_equal(one->closed, 0);
  TURN_UNTIL(w, (received += peer_skip(peer), peer_look(peer) == PEER_EOF));
  assert_int_equal(received, written);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(linger_0_resets_at_once),
    WORLD_TEST(a_positive_linger_ends_on_time_when_the_peer_stays),
    WORLD_TEST(a_peer_that_never_reads_is_reset_when_the_linger_is_over),
    WORLD_TEST(one_that_is_let_go_closes_at_once_and_the_peer_still_gets_everything),
    WORLD_TEST(one_with_bytes_to_send_is_not_let_go),
    WORLD_TEST(a_linger_ends_early_only_once_the_peer_has_everything),
    WORLD_TEST(a_negative_linger_takes_the_settings_time),
    WORLD_TEST(a_shorter_linger_shortens_and_a_longer_one_does_not_prolong),
    WORLD_TEST(a_flood_during_the_linger_is_cut_at_the_byte_limit),
    WORLD_TEST(a_flood_does_not_hold_up_the_others),
    WORLD_TEST(a_handler_that_returned_gets_write_timeout_for_what_it_wrote),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
