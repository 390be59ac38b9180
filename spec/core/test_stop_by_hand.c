/* test_stop_by_hand.c - stopping a listener whose clients the embedder accepts itself, one call at
 * a time. */
#include "world.h"

static void accept_by_hand(world *w, int is_unix)
{
  w->address = is_unix ? world_unix_name() : world_loopback();
  assert_int_equal(world_new_server(w, 1), 0);
  assert_int_equal(world_listen(w, NULL), 0);
}

static void without_a_queue_it_does_not_wait_for_the_embedder(void **state)
{
  world *w = *state;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    accept_by_hand(w, is_unix);
    world_stop_listening(w);
    assert_true(world_listener_report(w).lossless || !world_stops_lossless(w));
    lc_server_free(w->server);
    w->server = NULL;
  }
}

static void queue_up(world *w, int is_unix, int *peers, int count)
{
  accept_by_hand(w, is_unix);
  for (int i = 0; i < count; i++) peers[i] = peer_connect(&w->address);
}

static void stop_with_a_queue(world *w, int is_unix, int *peers, int count)
{
  int told = w->count;
  queue_up(w, is_unix, peers, count);
  world_stop_listening(w);
  assert_int_equal(lc_server_unclaimed(w->server), count);
  assert_int_equal(w->count, told); /* the embedder has heard of none */
}

static void end_with_peers(world *w, const int *peers, int count)
{
  lc_server_free(w->server);
  w->server = NULL;
  for (int i = 0; i < count; i++) peer_close(peers[i]);
}

/* The bytes of a connection that has just been handed out. */
static void expect_said(world *w, lc_conn *conn, const char *text)
{
  lc_slice slice;
  TURN_UNTIL(w, lc_conn_await(conn) != LC_AGAIN);
  assert_int_equal(lc_conn_read_some(conn, 10, &slice), 0);
  assert_int_equal(slice.length, strlen(text));
  assert_memory_equal(slice.data, text, slice.length);
}

static void queued_clients_are_accepted_and_handed_out_in_order(void **state)
{
  enum { MANY = 20 };
  world *w = *state;
  lc_conn *conn;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    int peers[MANY];
    char text[] = "?";
    stop_with_a_queue(w, is_unix, peers, MANY);
    for (int i = 0; i < MANY; i++) {
      text[0] = (char)('a' + i);
      peer_say(peers[i], text);
    }
    for (int i = 0; i < MANY; i++) {
      text[0] = (char)('a' + i);
      assert_int_equal(lc_server_accept(w->server, &conn), 0);
      assert_int_equal(lc_conn_state(conn), LC_STATE_NEW);
      expect_said(w, conn, text);
    }
    assert_int_equal(lc_server_accept(w->server, &conn), LC_CLOSED);
    assert_int_equal(lc_server_report(w->server)->accepted, MANY);
    assert_true(world_listener_report(w).lossless || !world_stops_lossless(w));
    end_with_peers(w, peers, MANY);
  }
}

static void a_queued_client_is_closed_when_it_is_silent_and_waits_when_it_has_spoken(void **state)
{
  enum { SILENT, SPEAKS, SILENT_TOO, LEAVES, SPEAKS_AND_FINISHES, MANY };
  world *w = *state;
  lc_conn *conn;
  w->options.drain.quiet = 50 * LC_MILLISECOND;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    int peers[MANY];
    lc_loop_stats before, after;
    queue_up(w, is_unix, peers, MANY);
    peer_say(peers[SPEAKS], "x");
    peer_say(peers[SPEAKS_AND_FINISHES], "y");
    peer_finish(peers[SPEAKS_AND_FINISHES]);
    peer_finish(peers[LEAVES]);
    lc_server_shutdown(w->server, lc_time_add(lc_loop_clock(w->loop), 20 * LC_SECOND));
    world_expect_sight(w, peers[SILENT], PEER_EOF);
    world_expect_sight(w, peers[SILENT_TOO], PEER_EOF);
    world_expect_sight(w, peers[LEAVES], PEER_EOF);
    assert_int_equal(lc_server_unclaimed(w->server), 2);
    lc_loop_stats_get(w->loop, &before);
    world_turn_for(w, 4 * w->options.drain.quiet);
    lc_loop_stats_get(w->loop, &after);
    assert_true(after.turns - before.turns < 100); /* a client that waits costs nothing */
    assert_int_equal(lc_server_accept(w->server, &conn), 0);
    expect_said(w, conn, "x");
    lc_conn_finish(conn, "test");
    assert_int_equal(lc_server_accept(w->server, &conn), 0);
    expect_said(w, conn, "y");
    assert_true(lc_conn_is_finished(conn));
    lc_conn_finish(conn, "test");
    assert_int_equal(lc_server_accept(w->server, &conn), LC_CLOSED);
    for (int i = 0; i < MANY; i++) peer_close(peers[i]);
    TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
    assert_int_equal(lc_server_report(w->server)->closed_idle, 3);
    assert_int_equal(lc_server_report(w->server)->finished, 2);
    assert_true(lc_server_report(w->server)->lossless || !world_stops_lossless(w));
    end_with_peers(w, NULL, 0);
  }
}

static void a_silent_client_that_holds_up_others_is_dismissed_after_quiet(void **state)
{
  world *w = *state;
  lc_conn *conn, *next;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    int peers[2];
    w->options.drain.quiet = 20 * LC_MILLISECOND;
    queue_up(w, is_unix, peers, 2);
    peer_say(peers[1], "x");
    assert_int_equal(lc_server_accept(w->server, &conn), 0);
    lc_conn_wait(conn, LC_WAIT_LINES, LC_NEVER);
    lc_server_shutdown(w->server, lc_time_add(lc_loop_clock(w->loop), 20 * LC_SECOND));
    world_expect_sight(w, peers[0], PEER_EOF);
    assert_int_equal(lc_server_accept(w->server, &next), 0);
    expect_said(w, next, "x");
    end_with_peers(w, peers, 2);
  }
}

static void a_client_that_has_left_is_not_handed_out_and_not_lost(void **state)
{
  world *w = *state;
  lc_conn *conn;
  int peers[2];
  stop_with_a_queue(w, 0, peers, 2);
  peer_say(peers[1], "x");
  peer_reset(peers[0]);
  TURN_UNTIL(w, lc_server_unclaimed(w->server) == 1);
  assert_int_equal(lc_server_accept(w->server, &conn), 0);
  expect_said(w, conn, "x");
  assert_true(world_listener_report(w).lossless || !world_stops_lossless(w));
  end_with_peers(w, peers + 1, 1);
}

static void queued_clients_are_served_when_the_embedder_serves_from_now_on(void **state)
{
  enum { MANY = 20 };
  world *w = *state;
  int peers[MANY];
  stop_with_a_queue(w, 0, peers, MANY);
  lc_server_serve(w->server, 1);
  assert_int_equal(w->count, 0); /* callbacks come from a turn */
  TURN_UNTIL(w, w->count == MANY);
  assert_int_equal(lc_server_unclaimed(w->server), 0);
  end_with_peers(w, peers, MANY);
}

static void a_client_that_is_never_handed_out_is_lost(void **state)
{
  world *w = *state;
  for (int is_retired = 0; is_retired < 2; is_retired++) {
    for (int is_unix = 0; is_unix < 2; is_unix++) {
      enum { MANY = 20 };
      int peers[MANY];
      w->notices[0] = 0;
      stop_with_a_queue(w, is_unix, peers, MANY);
      for (int i = 0; i < MANY; i++) peer_say(peers[i], "x");
      if (is_retired) lc_server_retire(w->server);
      else lc_server_advance(w->server, LC_STEP_CANCEL);
      TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
      assert_false(world_listener_report(w).lossless);
      assert_false(world_listener_report(w).is_unknown);
      assert_false(lc_server_report(w->server)->lossless);
      assert_int_equal(lc_server_report(w->server)->reset_by_us, is_retired ? 0 : MANY);
      assert_string_equal(w->notices + strlen(w->notices) - 20, " client not accepted");
      for (int i = 0; i < MANY; i++) assert_int_equal(peer_look(peers[i]), PEER_RESET);
      end_with_peers(w, peers, MANY);
    }
  }
}

static void cut_short_with_a_client_queued_it_is_not_lossless(void **state)
{
  world *w = *state;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    accept_by_hand(w, is_unix);
    int peer = peer_connect(&w->address);
    lc_server_shutdown(w->server, lc_time_add(lc_loop_clock(w->loop), 400 * LC_MILLISECOND));
    TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
    assert_false(world_listener_report(w).lossless);
    assert_false(lc_server_report(w->server)->lossless);
    lc_server_free(w->server);
    w->server = NULL;
    peer_close(peer);
  }
}

static void retired_with_a_client_queued_it_is_not_lossless(void **state)
{
  world *w = *state;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    for (int queued = 0; queued < 2; queued++) {
      accept_by_hand(w, is_unix);
      int peer = queued ? peer_connect(&w->address) : -1;
      lc_server_retire(w->server);
      assert_int_equal(world_listener_report(w).lossless, !queued);
      assert_int_equal(lc_server_report(w->server)->lossless, !queued);
      lc_server_free(w->server);
      w->server = NULL;
      if (queued) peer_close(peer);
    }
  }
}

static void retired_while_it_settles_it_was_cut_short(void **state)
{
  world *w = *state;
  accept_by_hand(w, 0);
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  world_turn(w);
  assert_true(lc_server_is_listening(w->server));
  lc_server_retire(w->server);
  assert_false(lc_server_is_listening(w->server));
  assert_false(world_listener_report(w).lossless);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(without_a_queue_it_does_not_wait_for_the_embedder),
    WORLD_TEST(queued_clients_are_accepted_and_handed_out_in_order),
    WORLD_TEST(a_queued_client_is_closed_when_it_is_silent_and_waits_when_it_has_spoken),
    WORLD_TEST(a_silent_client_that_holds_up_others_is_dismissed_after_quiet),
    WORLD_TEST(a_client_that_has_left_is_not_handed_out_and_not_lost),
    WORLD_TEST(queued_clients_are_served_when_the_embedder_serves_from_now_on),
    WORLD_TEST(a_client_that_is_never_handed_out_is_lost),
    WORLD_TEST(cut_short_with_a_client_queued_it_is_not_lossless),
    WORLD_TEST(retired_with_a_client_queued_it_is_not_lossless),
    WORLD_TEST(retired_while_it_settles_it_was_cut_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
