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

static void a_queued_client_waits_until_the_embedder_accepts_it(void **state)
{
  world *w = *state;
  lc_conn *conn;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    int peers[2];
    accept_by_hand(w, is_unix);
    for (int i = 0; i < 2; i++) peers[i] = peer_connect(&w->address);
    assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
    world_turn_for(w, 400 * LC_MILLISECOND);
    assert_true(lc_server_is_listening(w->server));
    for (int i = 0; i < 2; i++) {
      assert_int_equal(lc_server_accept(w->server, &conn), 0);
      assert_int_equal(lc_conn_state(conn), LC_STATE_NEW);
    }
    TURN_UNTIL(w, !lc_server_is_listening(w->server));
    assert_int_equal(lc_server_report(w->server)->accepted, 2);
    assert_true(world_listener_report(w).lossless || !world_stops_lossless(w));
    lc_server_free(w->server);
    w->server = NULL;
    for (int i = 0; i < 2; i++) peer_close(peers[i]);
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
    WORLD_TEST(a_queued_client_waits_until_the_embedder_accepts_it),
    WORLD_TEST(cut_short_with_a_client_queued_it_is_not_lossless),
    WORLD_TEST(retired_with_a_client_queued_it_is_not_lossless),
    WORLD_TEST(retired_while_it_settles_it_was_cut_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
