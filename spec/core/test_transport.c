/* test_transport.c - bytes that do not cross as they are: over the odd transport. */
#include <unistd.h>

#include "odd_world.h"

enum { LARGE = 600 * 1000 };

static char large[LARGE]; /* no two stretches of it are alike */

static int fill_large(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 7 + i / 251);
  return 0;
}

/* -------------------------------------------------------------------- bytes -- */

/* Of the one connection that echoes: what was read and not written. */
static struct {
  char bytes[4096];
  size_t start, end;
} unsaid;

static int say(seen *one)
{
  while (unsaid.start < unsaid.end) {
    struct iovec piece = {unsaid.bytes + unsaid.start, unsaid.end - unsaid.start};
    ssize_t took = lc_conn_write(one->conn, &piece, 1);
    if (took < 0) return 0;
    unsaid.start += (size_t)took;
    if (unsaid.start == unsaid.end) break;
    lc_conn_wait_write(one->conn, LC_NEVER);
    return 0;
  }
  lc_conn_end_write(one->conn);
  return 1;
}

static void echo(seen *one, unsigned what)
{
  lc_slice slice;
  if (what & LC_ENDED) return;
  while (say(one)) {
    int result = lc_conn_read_some(one->conn, sizeof unsaid.bytes, &slice);
    if (result == LC_AGAIN) {
      lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
      return;
    }
    if (result < 0) {
      lc_conn_finish(one->conn, "ended");
      return;
    }
    memcpy(unsaid.bytes, slice.data, slice.length);
    unsaid.start = 0;
    unsaid.end = slice.length;
  }
}

static void echo_first(seen *one) { echo(one, LC_READABLE); }

static void serve_echo(world *w)
{
  unsaid.start = unsaid.end = 0;
  w->opened = echo_first;
  w->ready = echo;
  world_serve(w);
}

static void a_line_is_echoed_and_both_ends_say_their_last_words(void **state)
{
  world *w = *state;
  odd_peer *peer;
  serve_echo(w);
  const seen *one = odd_meet(w, &peer);
  odd_peer_say(peer, "hello", 5);
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "hello"));
  odd_finish_sending(peer);
  PUMP_UNTIL(w, peer, peer->heard_last && peer->heard_end && one->closed);
  assert_int_equal(world_verdict(one).code, 0);
  assert_int_equal(lc_server_report(w->server)->sent, 5);
  odd_peer_free(peer);
}

static void echo_much(world *w, int is_slow)
{
  odd_peer *peer;
  serve_echo(w);
  seen *one = odd_meet(w, &peer);
  odd_buffer_little(one);
  peer->is_slow = is_slow;
  odd_peer_say(peer, large, LARGE);
  PUMP_UNTIL(w, peer, peer->heard_length >= LARGE);
  assert_memory_equal(peer->heard, large, LARGE);
  odd_finish_sending(peer);
  PUMP_UNTIL(w, peer, peer->heard_end && one->closed);
  assert_int_equal(peer->heard_length, LARGE);
  assert_int_equal(world_verdict(one).code, 0);
  odd_peer_free(peer);
}

static void much_is_echoed_whole_and_in_order(void **state) { echo_much(*state, 0); }

static void much_is_echoed_where_each_side_calls_the_other(void **state)
{
  odd.call_every = 1000;
  echo_much(*state, 0);
}

static void much_is_echoed_to_a_slow_peer(void **state)
{
  odd.call_every = 50 * 1000;
  echo_much(*state, 1);
}

static void much_is_written_at_once_in_many_pieces(void **state)
{
  world *w = *state;
  odd_peer *peer;
  enum { PIECES = 200 };
  struct iovec pieces[PIECES];
  world_serve(w);
  const seen *one = odd_meet(w, &peer);
  for (int i = 0; i < PIECES; i++) pieces[i] = (struct iovec){large + i * 300, 300};
  assert_int_equal(lc_conn_write(one->conn, pieces, PIECES), PIECES * 300);
  PUMP_UNTIL(w, peer, peer->heard_length == PIECES * 300);
  assert_memory_equal(peer->heard, large, PIECES * 300);
  odd_peer_free(peer);
}

static void much_is_read_by_a_slow_reader(void **state)
{
  world *w = *state;
  odd_peer *peer;
  size_t read = 0;
  lc_slice slice;
  world_serve(w);
  const seen *one = odd_meet(w, &peer);
  odd_peer_say(peer, large, LARGE);
  odd_peer_sign(peer, ODD_LAST);
  for (int result = LC_AGAIN; result != LC_EOF;) {
    size_t before = read;
    PUMP_UNTIL(w, peer, (result = lc_conn_read_some(one->conn, 5000, &slice)) != LC_AGAIN);
    for (; result == 0 && read < before + 5000;
         result = lc_conn_read_some(one->conn, 5000, &slice)) {
      assert_memory_equal(slice.data, large + read, slice.length);
      read += slice.length;
    }
    if (result == 0) read += slice.length;
    world_turn(w);
  }
  assert_int_equal(read, LARGE);
  odd_peer_free(peer);
}

/* ---------------------------------------------------- one direction needs the other -- */

static void a_read_that_has_to_write_goes_on_when_there_is_room(void **state)
{
  world *w = *state;
  odd_peer *peer;
  world_serve(w);
  seen *one = odd_meet(w, &peer);
  size_t written = odd_fill_up(w, one, peer);
  odd_peer_sign(peer, ODD_CALL);
  odd_peer_say(peer, "request", 7);
  PUMP_UNTIL(w, peer, one->ready & LC_READABLE);
  assert_int_equal(lc_conn_await(one->conn), LC_AGAIN);
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_not_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  one->ready = 0;
  peer->is_deaf = 0;
  char text[WORLD_TEXT] = "";
  lc_slice slice;
  PUMP_UNTIL(w, peer, one->ready & LC_READABLE);
  for (int result = 0; strlen(text) < 7;) {
    PUMP_UNTIL(w, peer, (result = lc_conn_read_some(one->conn, 7, &slice)) != LC_AGAIN);
    assert_int_equal(result, 0);
    strncat(text, slice.data, slice.length);
  }
  assert_string_equal(text, "request");
  PUMP_UNTIL(w, peer, peer->heard_length == written && peer->answers == 1);
  odd_peer_free(peer);
}

/* The event of room is the only one, for the request is no more in the kernel. */
static void a_connection_is_not_idle_while_its_read_has_to_write(void **state)
{
  world *w = *state;
  odd_peer *peer;
  lc_slice slice;
  odd.is_greedy = 1;
  world_serve(w);
  seen *one = odd_meet_waiting(w, &peer, LC_WAIT_AWAIT);
  odd_buffer_little(one);
  odd_peer_go_deaf(peer);
  world_write(one, "hello");
  TURN_UNTIL(w, lc_conn_state(one->conn) == LC_STATE_IDLE);
  do {
    peer_flood(lc_conn_fd(one->conn), SIZE_MAX); /* behind the transport's back */
    world_turn_for(w, 50 * LC_MILLISECOND);
  } while (peer_flood(lc_conn_fd(one->conn), 1));
  odd_peer_sign(peer, ODD_CALL);
  odd_peer_say(peer, "request", 7);
  one->ready = 0;
  PUMP_UNTIL(w, peer, one->ready & LC_READABLE);
  assert_int_equal(lc_conn_await(one->conn), LC_AGAIN);
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  one->ready = 0;
  TURN_UNTIL(w, (peer_skip(peer->fd), one->ready & LC_READABLE));
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 7, &slice) == 0);
  assert_memory_equal(slice.data, "request", 7);
  odd_peer_free(peer);
}

/* A write that waits for the peer's answer; what the peer says meanwhile is for the reader. */
static seen *call_and_wait(world *w, odd_peer **peer)
{
  odd.call_every = 10;
  w->options.settings.gather = 0;
  w->options.drain.quiet = 0;
  world_serve(w);
  seen *one = odd_meet_waiting(w, peer, LC_WAIT_AWAIT);
  odd_peer_say(*peer, "q", 1);
  odd_peer_pump(*peer);
  world_swallow(one);
  assert_int_equal(lc_conn_await(one->conn), LC_AGAIN);
  (*peer)->is_mute = 1;
  world_write(one, "0123456789");
  PUMP_UNTIL(w, *peer, (*peer)->called == 1);
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  return one;
}

static void answer_behind(odd_peer *peer, const char *text)
{
  odd_peer_say(peer, text, strlen(text));
  odd_peer_sign(peer, ODD_ANSWER);
  peer->is_mute = 0;
  odd_peer_pump(peer);
}

static void a_write_that_has_to_read_goes_on_when_the_answer_comes(void **state)
{
  world *w = *state;
  odd_peer *peer;
  char text[WORLD_TEXT];
  seen *one = call_and_wait(w, &peer);
  struct iovec piece = {"abcdefghij", 10};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), 0);
  lc_conn_wait_write(one->conn, LC_NEVER);
  one->ready = 0;
  answer_behind(peer, "x");
  PUMP_UNTIL(w, peer, (one->ready & (LC_READABLE | LC_WRITABLE)) == (LC_READABLE | LC_WRITABLE));
  world_write(one, "abcdefghij");
  lc_conn_end_write(one->conn);
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "0123456789abcdefghij"));
  assert_string_equal(world_read(one, text, sizeof text), "x");
  odd_peer_free(peer);
}

static void a_frame_that_the_transport_keeps_has_not_been_flushed(void **state)
{
  world *w = *state;
  odd_peer *peer;
  lc_conn_stats stats;
  size_t written = 0;
  w->options.settings.gather = 0;
  world_serve(w);
  seen *one = odd_meet_waiting(w, &peer, LC_WAIT_AWAIT);
  odd_buffer_little(one);
  do {
    world_write(one, "x");
    written++;
  } while (lc_conn_flush(one->conn) == 0);
  lc_conn_stats_get(one->conn, &stats);
  assert_int_equal(stats.unsent, 0);
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_not_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  PUMP_UNTIL(w, peer, peer->heard_length == written);
  TURN_UNTIL(w, lc_conn_state(one->conn) == LC_STATE_IDLE);
  odd_peer_free(peer);
}

/* Waits until the kernel has the bytes, without a turn of the loop. */
static void until_arrived(world *w, const seen *one)
{
  while (w->sys->unread(w->sys, lc_conn_fd(one->conn)) < 4) usleep(1000);
}

static void the_reader_hears_of_bytes_that_a_write_has_received(void **state)
{
  world *w = *state;
  odd_peer *peer;
  char text[WORLD_TEXT];
  seen *one = call_and_wait(w, &peer);
  answer_behind(peer, "abc");
  until_arrived(w, one);
  one->ready = 0;
  struct iovec piece = {"posted", 6};
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), 0);
  lc_loop_flush(w->loop);
  PUMP_UNTIL(w, peer, one->ready & LC_READABLE);
  for (size_t held = 0; held < 3; held = strlen(text)) {
    lc_slice slice;
    TURN_UNTIL(w, lc_conn_read_exact(one->conn, 3, &slice) == 0);
    memcpy(text, slice.data, 3);
    text[3] = 0;
  }
  assert_string_equal(text, "abc");
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "0123456789posted"));
  odd_peer_free(peer);
}

static void the_writer_hears_of_an_answer_that_a_read_has_received(void **state)
{
  world *w = *state;
  odd_peer *peer;
  lc_slice slice;
  seen *one = call_and_wait(w, &peer);
  struct iovec piece = {"abcdefghij", 10};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), 0);
  lc_conn_wait_write(one->conn, LC_NEVER);
  answer_behind(peer, "xyz");
  until_arrived(w, one);
  one->ready = 0;
  while (lc_conn_read_some(one->conn, 10, &slice) == 0) continue;
  TURN_UNTIL(w, one->ready & LC_WRITABLE);
  world_write(one, "abcdefghij");
  lc_conn_end_write(one->conn);
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "0123456789abcdefghij"));
  odd_peer_free(peer);
}

static void a_drain_does_not_cut_a_request_that_lies_in_the_transport(void **state)
{
  world *w = *state;
  odd_peer *peer;
  lc_slice slice;
  seen *one = call_and_wait(w, &peer);
  answer_behind(peer, "abc");
  until_arrived(w, one);
  assert_int_equal(lc_server_shutdown(w->server, w->sys->now(w->sys) + world_seconds(20)), 0);
  struct iovec piece = {"p", 1};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), 1);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  world_turn_for(w, 50 * LC_MILLISECOND); /* the handler is slow */
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 3, &slice) == 0);
  assert_memory_equal(slice.data, "abc", 3);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  world_write(one, "done");
  lc_conn_finish(one->conn, "answered");
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "0123456789pdone"));
  odd_finish_sending(peer);
  odd_until_gone(w, peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    ODD_TEST(a_line_is_echoed_and_both_ends_say_their_last_words),
    ODD_TEST(much_is_echoed_whole_and_in_order),
    ODD_TEST(much_is_echoed_where_each_side_calls_the_other),
    ODD_TEST(much_is_echoed_to_a_slow_peer),
    ODD_TEST(much_is_written_at_once_in_many_pieces),
    ODD_TEST(much_is_read_by_a_slow_reader),
    ODD_TEST(a_read_that_has_to_write_goes_on_when_there_is_room),
    ODD_TEST(a_connection_is_not_idle_while_its_read_has_to_write),
    ODD_TEST(a_write_that_has_to_read_goes_on_when_the_answer_comes),
    ODD_TEST(a_frame_that_the_transport_keeps_has_not_been_flushed),
    ODD_TEST(the_reader_hears_of_bytes_that_a_write_has_received),
    ODD_TEST(the_writer_hears_of_an_answer_that_a_read_has_received),
    ODD_TEST(a_drain_does_not_cut_a_request_that_lies_in_the_transport),
  };
  return cmocka_run_group_tests(tests, fill_large, NULL);
}
