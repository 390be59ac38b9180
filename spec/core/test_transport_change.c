/* test_transport_change.c - a connection in clear that gets another transport in its middle; and what
 * the owner hears of handshakes. */
#include <unistd.h>

#include "conn/transport.h"
#include "odd_world.h"

static odd_transport other;

static int set_up(void **state)
{
  int result = world_set_up(state);
  odd_init(&other);
  return result;
}

/* One that has said "go" in clear, and has heard "ok". */
static seen *meet(world *w, int *fd)
{
  lc_slice slice;
  world_serve(w);
  seen *one = world_accept(w, fd);
  peer_say(*fd, "go");
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 2, &slice) == 0);
  world_write(one, "ok");
  return one;
}

static void what_was_written_goes_out_in_clear_and_the_rest_does_not(void **state)
{
  world *w = *state;
  int fd;
  lc_slice slice;
  seen *one = meet(w, &fd);
  assert_int_equal(lc_conn_set_transport(one->conn, &other.table), 0);
  world_expect(w, fd, "ok");
  world_write(one, "hidden"); /* waits for the handshake */
  assert_int_equal(lc_conn_read_some(one->conn, 10, &slice), LC_AGAIN);
  odd_peer *peer = odd_peer_new(fd, 0);
  one->ready = 0;
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "hidden"));
  assert_int_equal(one->ready & LC_CONNECTED, LC_CONNECTED);
  odd_peer_say(peer, "answer", 6);
  PUMP_UNTIL(w, peer, lc_conn_read_exact(one->conn, 6, &slice) == 0);
  assert_memory_equal(slice.data, "answer", 6);
  lc_conn_stats stats;
  lc_conn_stats_get(one->conn, &stats);
  assert_int_equal(stats.received, 8);
  assert_int_equal(lc_conn_set_transport(one->conn, &other.table), -EALREADY);
  assert_int_equal(lc_server_report(w->server)->handshakes, 1);
  lc_conn_close(one->conn, LC_SECOND, "test");
  PUMP_UNTIL(w, peer, peer->heard_last && peer->heard_end);
  odd_finish_sending(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
  odd_peer_free(peer);
}

static void bytes_in_clear_that_nobody_has_read_forbid_it(void **state)
{
  world *w = *state;
  int fd;
  lc_slice slice;
  world_serve(w);
  seen *one = world_accept(w, &fd);
  peer_say(fd, "go\nslipped in");
  TURN_UNTIL(w, lc_conn_read_until(one->conn, "\n", 1, 100, &slice) == 0);
  assert_int_equal(lc_conn_set_transport(one->conn, &other.table), -EBADMSG);
  assert_int_equal(lc_conn_read_exact(one->conn, 10, &slice), 0); /* the connection is as before */
  peer_close(fd);
}

static void another_version_is_refused(void **state)
{
  world *w = *state;
  int fd;
  seen *one = meet(w, &fd);
  other.table.version++;
  assert_int_equal(lc_conn_set_transport(one->conn, &other.table), -EPROTONOSUPPORT);
  peer_close(fd);
}

static void a_begin_that_fails_leaves_the_connection_as_it_was(void **state)
{
  world *w = *state;
  int fd;
  seen *one = meet(w, &fd);
  odd_fail(&other, ODD_BEGIN, 1, 1, -ENOMEM);
  assert_int_equal(lc_conn_set_transport(one->conn, &other.table), -ENOMEM);
  world_write(one, "!");
  world_expect(w, fd, "ok!");
  peer_close(fd);
}

static void nothing_leaves_in_clear_when_the_handshake_fails(void **state)
{
  world *w = *state;
  int fd;
  seen *one = meet(w, &fd);
  assert_int_equal(lc_conn_set_transport(one->conn, &other.table), 0);
  world_write(one, "hidden");
  lc_conn_set_farewell(one->conn, "farewell", 8);
  peer_say(fd, "what?");
  TURN_UNTIL(w, one->ready & LC_ENDED);
  assert_int_equal(lc_conn_error(one->conn), -EPROTO);
  world_expect(w, fd, "ok");
  world_expect_sight(w, fd, PEER_EOF); /* in order: what the transport said last arrives */
  peer_close(fd);
  TURN_UNTIL(w, one->closed);
}

static void it_has_the_time_of_a_handshake(void **state)
{
  world *w = *state;
  int fd;
  w->options.settings.handshake_timeout = 50 * LC_MILLISECOND;
  seen *one = meet(w, &fd);
  world_turn_for(w, 60 * LC_MILLISECOND); /* counts from the change */
  assert_int_equal(lc_conn_set_transport(one->conn, &other.table), 0);
  lc_time began = lc_loop_clock(w->loop);
  TURN_UNTIL(w, one->ready & LC_ENDED);
  assert_true(lc_loop_clock(w->loop) - began >= 50 * LC_MILLISECOND);
  assert_int_equal(lc_conn_error(one->conn), LC_TIMEOUT);
  peer_close(fd);
}

/* ------------------------------------------------------------ what the owner hears -- */

static void a_handshake_that_fails_is_told_and_counted(void **state)
{
  world *w = *state;
  w->options.transport = &other.table;
  w->options.settings.handshake_timeout = 50 * LC_MILLISECOND;
  world_serve(w);
  int wrong = peer_connect(&w->address), silent = peer_connect(&w->address);
  peer_say(wrong, "what?");
  TURN_UNTIL(w, lc_server_report(w->server)->handshakes_failed == 2);
  assert_string_equal(w->notices, " handshake failed handshake failed");
  assert_int_equal(w->notice.code, LC_TIMEOUT);
  assert_int_equal(w->count, 0);
  peer_close(wrong);
  peer_close(silent);
}

static void too_many_at_once_wait_in_the_kernels_queue(void **state)
{
  world *w = *state;
  w->options.transport = &other.table;
  w->options.max_handshakes = 1;
  world_serve(w);
  int silent = peer_connect(&w->address);
  TURN_UNTIL(w, lc_server_count(w->server, LC_STATE_NEW) == 1);
  odd_peer *peer = odd_come(w);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(lc_server_report(w->server)->accepted, 1);
  peer_close(silent);
  PUMP_UNTIL(w, peer, w->count == 1 && odd_peer_is_open(peer));
  odd_peer_free(peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(what_was_written_goes_out_in_clear_and_the_rest_does_not),
    TEST(bytes_in_clear_that_nobody_has_read_forbid_it),
    TEST(another_version_is_refused),
    TEST(a_begin_that_fails_leaves_the_connection_as_it_was),
    TEST(nothing_leaves_in_clear_when_the_handshake_fails),
    TEST(it_has_the_time_of_a_handshake),
    TEST(a_handshake_that_fails_is_told_and_counted),
    TEST(too_many_at_once_wait_in_the_kernels_queue),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
