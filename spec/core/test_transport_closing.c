/* test_transport_closing.c - how connections over the odd transport end. */
#include "odd_world.h"

static void an_idle_connection_is_dismissed_with_its_farewell(void **state)
{
  world *w = *state;
  odd_peer *peer;
  w->options.drain.quiet = 0;
  odd.waits_for_last = 1;
  world_serve(w);
  const seen *one = odd_meet_waiting(w, &peer, LC_WAIT_AWAIT);
  assert_int_equal(lc_conn_set_farewell(one->conn, "bye", 3), 0);
  assert_int_equal(lc_server_shutdown(w->server, w->sys->now(w->sys) + world_seconds(20)), 0);
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "bye") && peer->heard_last && peer->heard_end);
  peer_finish(peer->fd);
  PUMP_UNTIL(w, peer, lc_server_step(w->server) == LC_STEP_DONE);
  assert_int_equal(world_verdict(one).code, 0);
  assert_int_equal(lc_server_report(w->server)->closed_idle, 1);
  odd_peer_free(peer);
}

static void finish_all(world *w, lc_step step)
{
  if (step != LC_STEP_CANCEL) return;
  for (lc_conn *conn = NULL; (conn = lc_server_next(w->server, conn));)
    lc_conn_finish(conn, "canceled");
}

static void work_is_canceled_and_what_stays_is_killed(void **state)
{
  world *w = *state;
  odd_peer *good, *bad;
  odd.waits_for_last = 1;
  w->options.drain.grace = 200 * LC_MILLISECOND;
  w->step = finish_all;
  world_serve(w);
  const seen *one = odd_meet(w, &good), *other = odd_meet(w, &bad);
  bad->keeps_last = 1;
  odd_peer_say(good, "x", 1);
  odd_peer_say(bad, "x", 1);
  PUMP_UNTIL(w, good, lc_conn_await(one->conn) == 0);
  PUMP_UNTIL(w, bad, lc_conn_await(other->conn) == 0);
  lc_server_shutdown(w->server, w->sys->now(w->sys) + 2 * LC_SECOND);
  PUMP_UNTIL(w, good, good->heard_end);
  peer_finish(good->fd);
  PUMP_UNTIL(w, bad, bad->error == ECONNRESET);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
  assert_int_equal(world_verdict(one).code, 0);
  assert_int_not_equal(world_verdict(other).code, 0);
  assert_string_equal(other->states, " active closing closed");
  odd_peer_free(good);
  odd_peer_free(bad);
}

static void a_strict_close_ends_in_time_where_no_last_word_comes(void **state)
{
  world *w = *state;
  odd_peer *peer;
  odd.waits_for_last = 1;
  world_serve(w);
  const seen *one = odd_meet(w, &peer);
  peer->keeps_last = 1;
  world_write((seen *)(uintptr_t)one, "text");
  lc_conn_close(one->conn, 100 * LC_MILLISECOND, "enough");
  PUMP_UNTIL(w, peer, one->closed && peer->error);
  assert_int_equal(peer->error, ECONNRESET);
  assert_int_equal(world_verdict(one).code, LC_TIMEOUT);
  odd_peer_free(peer);
}

static void max_age_ends_it_at_its_next_idle_moment(void **state)
{
  world *w = *state;
  odd_peer *peer;
  w->options.settings.max_age = 100 * LC_MILLISECOND;
  world_serve(w);
  const seen *one = odd_meet_waiting(w, &peer, LC_WAIT_AWAIT);
  PUMP_UNTIL(w, peer, peer->heard_end);
  assert_string_equal(one->cause, "max age");
  peer_finish(peer->fd);
  odd_until_gone(w, peer);
}

static void half_a_connection_is_shut_when_its_bytes_have_left(void **state)
{
  world *w = *state;
  odd_peer *peer;
  int result;
  world_serve(w);
  seen *one = odd_meet(w, &peer);
  size_t written = odd_fill_up(w, one, peer);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_WR), LC_AGAIN);
  lc_conn_wait_write(one->conn, LC_NEVER);
  peer->is_deaf = 0;
  one->ready = 0;
  PUMP_UNTIL(w, peer, one->ready & LC_WRITABLE);
  PUMP_UNTIL(w, peer, (result = lc_conn_shutdown(one->conn, SHUT_WR)) != LC_AGAIN);
  assert_int_equal(result, 0);
  PUMP_UNTIL(w, peer, peer->heard_end);
  assert_int_equal(peer->heard_length, written);
  odd_peer_say(peer, "y", 1);
  odd_peer_pump(peer);
  assert_true(peer->heard_last);
  lc_conn_abort(one->conn, "enough");
  odd_peer_free(peer);
}

static void a_last_word_that_takes_turns_ends_all_writing(void **state)
{
  world *w = *state;
  odd_peer *peer;
  struct iovec piece = {"more", 4};
  odd.waits_for_last = 1;
  world_serve(w);
  seen *one = odd_meet(w, &peer);
  peer->keeps_last = 1;
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_WR), LC_AGAIN);
  lc_conn_wait_write(one->conn, LC_NEVER);
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), LC_CLOSED);
  PUMP_UNTIL(w, peer, peer->heard_last);
  assert_false(peer->heard_end);
  one->ready = 0;
  odd_peer_sign(peer, ODD_LAST);
  PUMP_UNTIL(w, peer, one->ready & LC_WRITABLE);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_WR), 0);
  PUMP_UNTIL(w, peer, peer->heard_end);
  odd_peer_free(peer);
}

static void no_farewell_follows_the_last_word(void **state)
{
  world *w = *state;
  odd_peer *peer;
  odd.waits_for_last = 1;
  world_serve(w);
  seen *one = odd_meet(w, &peer);
  peer->keeps_last = 1;
  assert_int_equal(lc_conn_set_farewell(one->conn, "bye", 3), 0);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_WR), LC_AGAIN);
  lc_conn_dismiss(one->conn, "enough");
  odd_peer_sign(peer, ODD_LAST);
  PUMP_UNTIL(w, peer, peer->heard_end);
  assert_int_equal(peer->heard_length, 0);
  odd_peer_free(peer);
}

static void what_comes_too_late_is_told(void **state)
{
  world *w = *state;
  odd_peer *peer;
  w->options.drain.quiet = 0;
  world_serve(w);
  const seen *one = odd_meet_waiting(w, &peer, LC_WAIT_AWAIT);
  peer->keeps_last = 1;
  lc_server_shutdown(w->server, w->sys->now(w->sys) + world_seconds(20));
  PUMP_UNTIL(w, peer, peer->heard_last);
  odd_peer_say(peer, "too late", 8);
  odd_finish_sending(peer);
  PUMP_UNTIL(w, peer, one->closed);
  assert_int_equal(lc_server_report(w->server)->late, 1);
  odd_peer_free(peer);
}

static void a_peer_that_ends_without_its_last_word_has_cut_its_bytes_short(void **state)
{
  world *w = *state;
  odd_peer *peer;
  lc_slice slice;
  int result;
  world_serve(w);
  const seen *one = odd_meet(w, &peer);
  peer_finish(peer->fd);
  PUMP_UNTIL(w, peer, (result = lc_conn_read_some(one->conn, 10, &slice)) != LC_AGAIN);
  assert_int_equal(result, -ECONNABORTED);
  assert_int_equal(lc_conn_error(one->conn), -ECONNABORTED);
  odd_peer_free(peer);
}

static void its_descriptor_is_not_handed_out(void **state)
{
  world *w = *state;
  odd_peer *peer;
  int fd = -1;
  world_serve(w);
  const seen *one = odd_meet(w, &peer);
  assert_int_equal(lc_conn_detach(one->conn, &fd), -EOPNOTSUPP);
  lc_conn_note(one->conn, 1, 1); /* nobody else moves its bytes */
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_NEW);
  odd_peer_free(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    ODD_TEST(an_idle_connection_is_dismissed_with_its_farewell),
    ODD_TEST(work_is_canceled_and_what_stays_is_killed),
    ODD_TEST(a_strict_close_ends_in_time_where_no_last_word_comes),
    ODD_TEST(max_age_ends_it_at_its_next_idle_moment),
    ODD_TEST(half_a_connection_is_shut_when_its_bytes_have_left),
    ODD_TEST(a_last_word_that_takes_turns_ends_all_writing),
    ODD_TEST(no_farewell_follows_the_last_word),
    ODD_TEST(what_comes_too_late_is_told),
    ODD_TEST(a_peer_that_ends_without_its_last_word_has_cut_its_bytes_short),
    ODD_TEST(its_descriptor_is_not_handed_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
