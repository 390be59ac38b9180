/* test_transport_by_hand.c - connections that the embedder has accepted or made itself, over the
 * odd transport. */
#include <unistd.h>

#include "odd_world.h"

static void a_connection_that_is_accepted_by_hand_waits_for_its_handshake(void **state)
{
  world *w = *state;
  char text[WORLD_TEXT];
  lc_conn *conn = NULL;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 1), 0);
  assert_int_equal(world_listen(w, NULL), 0);
  odd_peer *peer = odd_come(w);
  peer->at_once = "x";
  TURN_UNTIL(w, lc_server_accept(w->server, &conn) == 0);
  assert_int_equal(lc_conn_await(conn), LC_AGAIN);
  lc_conn_wait(conn, LC_WAIT_READ, LC_NEVER);
  PUMP_UNTIL(w, peer, w->count == 1 && w->conns[0].ready & LC_READABLE);
  assert_string_equal(world_read(&w->conns[0], text, sizeof text), "x");
  odd_peer_free(peer);
}

static void a_failed_handshake_is_told_where_it_was_accepted_by_hand(void **state)
{
  world *w = *state;
  lc_conn *conn = NULL;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 1), 0);
  assert_int_equal(world_listen(w, NULL), 0);
  odd_peer *peer = odd_come(w);
  TURN_UNTIL(w, lc_server_accept(w->server, &conn) == 0);
  lc_conn_wait(conn, LC_WAIT_READ, LC_NEVER);
  peer_say(peer->fd, "nonsense");
  TURN_UNTIL(w, w->count == 1 && w->conns[0].closed);
  assert_true(w->conns[0].ready & LC_ENDED);
  assert_int_equal(lc_conn_error(w->conns[0].conn), -EPROTO);
  odd_peer_free(peer);
}

/* The world's server connects, by odd transport, to a peer. */
static seen *dial(world *w, odd_peer **peer)
{
  lc_conn *conn = NULL;
  lc_address address = world_loopback();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listener, &address.of.any, address.length), 0);
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, &address.of.any, &address.length), 0);
  w->options.is_outbound = 1;
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_conn_connect(w->server, &address, NULL, 1, &conn), 0);
  *peer = odd_peer_new(accept(listener, NULL, NULL), 1);
  close(listener);
  assert_int_equal(w->count, 1); /* it has moved */
  return &w->conns[0];
}

static void an_outbound_connection_is_connected_when_it_is_open(void **state)
{
  world *w = *state;
  odd_peer *peer;
  seen *one = dial(w, &peer);
  world_write(one, "early");
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(one->ready & LC_CONNECTED, 0);
  PUMP_UNTIL(w, peer, one->ready & LC_CONNECTED);
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "early"));
  assert_int_equal(lc_conn_await(one->conn), LC_AGAIN);
  odd_peer_free(peer);
}

static void a_writer_that_waits_for_the_handshake_goes_on_behind_it(void **state)
{
  world *w = *state;
  odd_peer *peer;
  seen *one = dial(w, &peer);
  assert_int_equal(lc_conn_write(one->conn, &(struct iovec){"", 0}, 1), 0);
  size_t written = world_fill(one);
  lc_conn_wait_write(one->conn, LC_NEVER);
  PUMP_UNTIL(w, peer, one->ready & LC_WRITABLE);
  lc_conn_end_write(one->conn);
  PUMP_UNTIL(w, peer, peer->heard_length == written);
  odd_peer_free(peer);
}

static void an_outbound_connection_fails_with_its_handshake(void **state)
{
  world *w = *state;
  odd_peer *peer;
  const seen *one = dial(w, &peer);
  peer_say(peer->fd, "nonsense");
  TURN_UNTIL(w, one->closed);
  assert_int_equal(lc_conn_error(one->conn), -EPROTO);
  assert_int_equal(one->ready & LC_CONNECTED, 0);
  assert_true(one->ready & LC_ENDED);
  odd_peer_free(peer);
}

static void an_adopted_descriptor_shakes_hands_too(void **state)
{
  world *w = *state;
  int pair[2];
  lc_conn *conn = NULL;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_conn_adopt(w->server, pair[0], NULL, &conn), 0);
  odd_peer *peer = odd_peer_new(pair[1], 0);
  seen *one = &w->conns[0];
  PUMP_UNTIL(w, peer, one->ready & LC_READABLE);
  world_write(one, "hello");
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "hello"));
  assert_true(odd_peer_is_open(peer));
  odd_peer_free(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    ODD_TEST(a_connection_that_is_accepted_by_hand_waits_for_its_handshake),
    ODD_TEST(a_failed_handshake_is_told_where_it_was_accepted_by_hand),
    ODD_TEST(an_outbound_connection_is_connected_when_it_is_open),
    ODD_TEST(a_writer_that_waits_for_the_handshake_goes_on_behind_it),
    ODD_TEST(an_outbound_connection_fails_with_its_handshake),
    ODD_TEST(an_adopted_descriptor_shakes_hands_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
