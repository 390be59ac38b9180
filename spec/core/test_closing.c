/* test_closing.c - the end of one connection: the order, the verdict, and once only. */
#include <stdlib.h>
#include <unistd.h>

#include "world.h"

/* --------------------------------------------------------------- the order -- */

static void what_was_written_comes_first_then_the_fin_then_we_wait_for_the_peers(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "reply");
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSING);
  world_expect(w, peer, "reply");
  world_expect_sight(w, peer, PEER_EOF);
  world_turn_for(w, 30 * LC_MILLISECOND);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSING); /* the peer's FIN is wanted */
  peer_finish(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
  assert_int_equal(world_verdict(one).unacked, 0);
  assert_string_equal(one->states, " closing closed");
  assert_string_equal(one->cause, "test");
  peer_close(peer);
}

static void on_unix_sockets_likewise(void **state)
{
  world *w = *state;
  int peer;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "reply");
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  world_expect(w, peer, "reply");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
}

static void an_unread_upload_does_not_cost_the_client_the_reply(void **state)
{
  world *w = *state;
  size_t uploaded = 0;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  uploaded += peer_flood(peer, 512 * 1024);
  world_turn(w);
  world_write(one, "early reply");
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  TURN_UNTIL(w, (uploaded += peer_flood(peer, 512 * 1024 - uploaded)) == 512 * 1024);
  world_expect(w, peer, "early reply");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
}

/* The peer has finished, so nothing is received any more that would tell of the reset. */
static void a_reset_behind_the_peers_fin_ends_it_at_once(void **state)
{
  static char bytes[200 * 1024]; /* more than the peer's kernel takes */
  world *w = *state;
  int peer, room = sizeof bytes;
  lc_slice slice;
  struct iovec piece = {bytes, sizeof bytes};
  world_serve(w);
  seen *one = world_accept(w, &peer);
  int fd = lc_conn_fd(one->conn);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
  peer_finish(peer);
  TURN_UNTIL(w, lc_conn_read_some(one->conn, 1, &slice) == LC_EOF);
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), sizeof bytes);
  lc_conn_close(one->conn, LC_LINGER_BACKGROUND, "test");
  world_turn_for(w, 10 * LC_MILLISECOND);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSING);
  peer_close(peer); /* with unread bytes: a reset */
  lc_time began = lc_loop_clock(w->loop);
  TURN_UNTIL(w, one->closed);
  assert_true(lc_loop_clock(w->loop) - began < world_seconds(1));
  assert_int_equal(world_verdict(one).code, LC_RESET);
}

static void a_queue_larger_than_the_kernels_is_sent_before_the_fin(void **state)
{
  world *w = *state;
  size_t received = 0;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t written = world_fill(one);
  lc_conn_close(one->conn, world_seconds(10), "test");
  TURN_UNTIL(w, (received += peer_skip(peer), peer_look(peer) == PEER_EOF));
  assert_int_equal(received, written);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
}

static void who_waits_is_woken_and_every_operation_says_closed(void **state)
{
  world *w = *state;
  char byte = 0;
  struct iovec piece = {&byte, 1};
  lc_slice slice;
  int peer, fd;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  lc_conn_close(one->conn, LC_SECOND, "test");
  assert_int_equal(one->ready & LC_ENDED, 0); /* not from inside the call */
  world_turn(w);
  assert_int_equal(one->ready & LC_ENDED, LC_ENDED);
  assert_int_equal(lc_conn_error(one->conn), LC_CLOSED);
  assert_int_equal(lc_conn_read_some(one->conn, 1, &slice), LC_CLOSED);
  assert_int_equal(lc_conn_await(one->conn), LC_CLOSED);
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), LC_CLOSED);
  assert_int_equal(lc_conn_flush(one->conn), LC_CLOSED);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), LC_CLOSED);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_RDWR), LC_CLOSED);
  assert_int_equal(lc_conn_detach(one->conn, &fd), LC_CLOSED);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), LC_CLOSED); /* and after the end */
}

static void settings_changed_meanwhile_do_not_make_the_linger_longer(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_fill(one);
  lc_conn_close(one->conn, 100 * LC_MILLISECOND, "test");
  lc_settings settings = *lc_conn_settings(one->conn);
  settings.write_timeout = 3600 * LC_SECOND;
  assert_int_equal(lc_conn_set_settings(one->conn, &settings), 0);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, LC_TIMEOUT);
  peer_close(peer);
}

static void the_farewell_is_for_those_whom_the_ladder_closes(void **state)
{
  world *w = *state;
  int peers[2];
  w->options.drain.quiet = 0;
  world_serve(w);
  seen *idle = world_accept(w, &peers[0]), *other = world_accept(w, &peers[1]);
  for (int i = 0; i < 2; i++) {
    seen *one = &w->conns[i];
    assert_int_equal(lc_conn_set_farewell(one->conn, "ignored", 7), 0);
    assert_int_equal(lc_conn_set_farewell(one->conn, "bye\n", 4), 0);
    peer_say(peers[i], "x");
    world_swallow(one);
    world_write(one, "y");
  }
  lc_conn_close(other->conn, LC_SECOND, "test");
  lc_conn_wait(idle->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_now(w->loop) + 5 * LC_SECOND), 0);
  world_expect(w, peers[0], "ybye\n");
  world_expect(w, peers[1], "y");
  for (int i = 0; i < 2; i++) {
    world_expect_sight(w, peers[i], PEER_EOF);
    peer_close(peers[i]);
  }
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
}

/* ------------------------------------------------------------- the verdict -- */

static void a_reset_in_the_linger_is_told_when_bytes_were_lost(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_fill(one);
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  world_turn(w);
  peer_reset(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, LC_RESET);
  assert_true(world_verdict(one).unacked > 0);
}

static void a_reset_after_everything_was_acknowledged_takes_nothing_back(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "delivered");
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  world_expect(w, peer, "delivered");
  world_expect_sight(w, peer, PEER_EOF);
  TURN_UNTIL(w, w->sys->unacked(w->sys, lc_conn_fd(one->conn)) == 0); /* the FIN is, too */
  peer_reset(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
}

static void a_unix_peer_that_left_without_reading_did_not_get_it(void **state)
{
  world *w = *state;
  int peer;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "unread");
  assert_int_equal(lc_conn_flush(one->conn), 0);
  peer_close(peer);
  lc_conn_close(one->conn, LC_SECOND, "test");
  TURN_UNTIL(w, one->closed);
  assert_int_not_equal(world_verdict(one).code, 0);
}

static void a_unix_peer_that_half_closed_and_left_without_reading_did_not_get_it_either(
  void **state)
{
  world *w = *state;
  lc_conn_stats stats;
  int peer;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "unread");
  assert_int_equal(lc_conn_flush(one->conn), 0);
  lc_conn_stats_get(one->conn, &stats);
  assert_true(stats.unacked == LC_UNKNOWN);
  peer_finish(peer);
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  world_turn_for(w, 10 * LC_MILLISECOND);
  assert_int_equal(one->closed, 0);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, LC_RESET);
  assert_true(world_verdict(one).unacked == LC_UNKNOWN);
}

static void there_is_no_verdict_before_the_end(void **state)
{
  world *w = *state;
  lc_verdict verdict;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_verdict(one->conn, &verdict), LC_AGAIN);
  lc_conn_close(one->conn, LC_SECOND, "test");
  assert_int_equal(lc_conn_verdict(one->conn, &verdict), LC_AGAIN);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(lc_conn_verdict(one->conn, &verdict), 0);
}

/* --------------------------------------------------- once, whoever and when -- */

static void closing_aborting_and_shutting_in_any_order_end_it_once(void **state)
{
  world *w = *state;
  world_serve(w);
  for (unsigned mix = 0; mix < 64; mix++) { /* three of four operations, in every order */
    int peer, index = w->count;
    seen *one = world_accept(w, &peer);
    for (unsigned rest = mix, i = 0; i < 3; i++, rest /= 4) {
      if (rest % 4 == 0) lc_conn_close(one->conn, 20 * LC_MILLISECOND, "close");
      if (rest % 4 == 1) lc_conn_abort(one->conn, "abort");
      if (rest % 4 == 2) (void)lc_conn_shutdown(one->conn, SHUT_RDWR);
      if (rest % 4 == 3) lc_conn_finish(one->conn, "finish");
      if (mix % 2) world_turn(w);
    }
    peer_close(peer);
    lc_conn_close(one->conn, 20 * LC_MILLISECOND, "close");
    TURN_UNTIL(w, one->closed);
    world_turn(w);
    assert_int_equal(one->closed, 1);
    lc_conn_unref(one->conn);
    w->count = index; /* its place is free again */
  }
  assert_int_equal(lc_server_count(w->server, LC_STATES), 0);
}

static void both_ends_may_close_at_the_same_moment(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "x");
  peer_finish(peer);
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
  peer_close(peer);
}

static void close_from_ready(seen *one, unsigned what)
{
  if (what & LC_READABLE) lc_conn_close(one->conn, LC_SECOND, "from ready");
}

static void it_may_be_closed_from_its_own_callback(void **state)
{
  world *w = *state;
  int peer;
  w->ready = close_from_ready;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  peer_say(peer, "x");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
}

static void abort_the_other(seen *one, unsigned what)
{
  world *w = one->in;
  if (!(what & LC_READABLE)) return;
  w->ready = NULL;
  for (int i = 0; i < 2; i++)
    if (&w->conns[i] != one) lc_conn_abort(w->conns[i].conn, "by the other");
}

/* Both have bytes in the same batch; the first aborts the second: no event for a closed one. */
static void an_event_of_the_same_batch_does_not_reach_one_that_was_closed(void **state)
{
  world *w = *state;
  int peers[2];
  world_serve(w);
  for (int i = 0; i < 2; i++)
    lc_conn_wait(world_accept(w, &peers[i])->conn, LC_WAIT_READ, LC_NEVER);
  world_turn_for(w, 10 * LC_MILLISECOND);
  for (int i = 0; i < 2; i++) w->conns[i].ready = 0;
  w->ready = abort_the_other;
  for (int i = 0; i < 2; i++) peer_say(peers[i], "x");
  TURN_UNTIL(w, w->conns[0].closed || w->conns[1].closed);
  seen *dead = w->conns[0].closed ? &w->conns[0] : &w->conns[1];
  assert_int_equal(dead->ready, LC_ENDED); /* that it is over, and nothing else */
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void the_reading_half_may_be_shut_and_the_peers_fin_is_still_waited_for(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_RD), 0);
  world_write(one, "reply");
  lc_conn_close(one->conn, world_seconds(10), "test");
  TURN_UNTIL(w, w->sys->unacked(w->sys, lc_conn_fd(one->conn)) == 0);
  world_turn_for(w, 10 * LC_MILLISECOND);
  assert_int_equal(one->closed, 0);
  peer_say(peer, "unasked"); /* would meet a closed socket, and be answered with a reset */
  world_turn_for(w, 30 * LC_MILLISECOND);
  world_expect(w, peer, "reply");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
}

/* A read that waits on a connection which has begun to close must not write where the closing
 * counts. */
static void wait_while_closing(world *w, lc_wait wait)
{
  int peer;
  lc_conn_stats stats;
  seen *one = world_accept(w, &peer);
  lc_settings settings = *lc_conn_settings(one->conn);
  settings.read_timeout = 7 * LC_SECOND;
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  lc_conn_wait(one->conn, wait, LC_NEVER);
  assert_int_equal(lc_conn_set_settings(one->conn, &settings), 0);
  lc_conn_stats_get(one->conn, &stats);
  assert_true(stats.late == 0);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
}

static void a_wait_on_a_closing_connection_disturbs_nothing(void **state)
{
  world *w = *state;
  world_serve(w);
  wait_while_closing(w, LC_WAIT_READ);
  wait_while_closing(w, LC_WAIT_AWAIT);
}

/* What is read of a connection while a move is told belongs to the state it has moved to. */
static uint64_t late_seen;

static void look_at_late(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user)
{
  lc_conn_stats stats;
  (void)from, (void)to, (void)cause, (void)user;
  lc_conn_stats_get(conn, &stats);
  late_seen |= stats.late;
}

static void move_on(world *w, lc_time linger)
{
  static const lc_events events = {.state = look_at_late};
  int error = 0;
  lc_conn *conn;
  lc_server *server = lc_server_new(w->loop, NULL, &events, NULL, &error);
  assert_int_equal(lc_conn_connect(server, &w->address, NULL, 1, &conn), 0);
  world_turn_for(w, 5 * LC_MILLISECOND);
  lc_conn_wait(conn, LC_WAIT_READ, lc_loop_clock(w->loop) + LC_SECOND);
  late_seen = 0;
  lc_conn_close(conn, linger, "test");
  assert_true(late_seen == 0);
  lc_server_free(server);
}

static void each_state_shows_its_own_figures_alone(void **state)
{
  world *w = *state;
  world_serve(w);
  move_on(w, LC_SECOND);
  move_on(w, LC_LINGER_BACKGROUND);
  move_on(w, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(what_was_written_comes_first_then_the_fin_then_we_wait_for_the_peers),
    WORLD_TEST(on_unix_sockets_likewise),
    WORLD_TEST(an_unread_upload_does_not_cost_the_client_the_reply),
    WORLD_TEST(a_reset_behind_the_peers_fin_ends_it_at_once),
    WORLD_TEST(a_queue_larger_than_the_kernels_is_sent_before_the_fin),
    WORLD_TEST(who_waits_is_woken_and_every_operation_says_closed),
    WORLD_TEST(settings_changed_meanwhile_do_not_make_the_linger_longer),
    WORLD_TEST(the_farewell_is_for_those_whom_the_ladder_closes),
    WORLD_TEST(a_reset_in_the_linger_is_told_when_bytes_were_lost),
    WORLD_TEST(a_reset_after_everything_was_acknowledged_takes_nothing_back),
    WORLD_TEST(a_unix_peer_that_left_without_reading_did_not_get_it),
    WORLD_TEST(a_unix_peer_that_half_closed_and_left_without_reading_did_not_get_it_either),
    WORLD_TEST(there_is_no_verdict_before_the_end),
    WORLD_TEST(closing_aborting_and_shutting_in_any_order_end_it_once),
    WORLD_TEST(both_ends_may_close_at_the_same_moment),
    WORLD_TEST(it_may_be_closed_from_its_own_callback),
    WORLD_TEST(an_event_of_the_same_batch_does_not_reach_one_that_was_closed),
    WORLD_TEST(the_reading_half_may_be_shut_and_the_peers_fin_is_still_waited_for),
    WORLD_TEST(a_wait_on_a_closing_connection_disturbs_nothing),
    WORLD_TEST(each_state_shows_its_own_figures_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
