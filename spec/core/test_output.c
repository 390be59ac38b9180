/* test_output.c - writes: gathered, queued, bounded, in order, and never lost without a word. */
#include <stdlib.h>
#include <unistd.h>

#include "conn/conn.h"
#include "world.h"

enum { BLOCK = 64 * 1024 };

static size_t unsent(const seen *one)
{
  lc_conn_stats stats;
  lc_conn_stats_get(one->conn, &stats);
  return stats.unsent;
}

static uint64_t sent(const seen *one)
{
  lc_conn_stats stats;
  lc_conn_stats_get(one->conn, &stats);
  return stats.sent;
}

static void small_writes_are_gathered_and_leave_with_the_turn(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "one ");
  world_write(one, "two ");
  assert_int_equal(sent(one), 0);
  assert_int_equal(unsent(one), 8);
  world_turn(w);
  assert_int_equal(sent(one), 8);
  world_expect(w, peer, "one two ");
  peer_close(peer);
}

static void a_flush_sends_at_once_and_tells_when_the_kernel_has_it(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "now");
  assert_int_equal(lc_conn_flush(one->conn), 0);
  assert_int_equal(sent(one), 3);
  assert_int_equal(lc_conn_flush(one->conn), 0); /* nothing left: true at once */
  world_expect(w, peer, "now");
  peer_close(peer);
}

static void without_gathering_each_write_leaves_at_once(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.gather = 0;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "unbuffered");
  assert_int_equal(sent(one), 10);
  world_expect(w, peer, "unbuffered");
  peer_close(peer);
}

static void the_bytes_of_two_connections_do_not_mix(void **state)
{
  world *w = *state;
  int peers[2];
  world_serve(w);
  seen *a = world_accept(w, &peers[0]), *b = world_accept(w, &peers[1]);
  for (int i = 0; i < 3; i++) {
    world_write(a, "a");
    world_write(b, "b");
  }
  world_expect(w, peers[0], "aaa");
  world_expect(w, peers[1], "bbb");
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void pieces_are_written_in_their_order_however_many(void **state)
{
  enum { MANY = 200 };
  world *w = *state;
  struct iovec pieces[MANY];
  char expected[MANY * 2 + 1] = "";
  int peer, first = 0;
  w->options.settings.gather = 0;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  for (int i = 0; i < MANY; i++) {
    expected[i] = (char)('a' + i % 26);
    pieces[i] = (struct iovec){&expected[i], 1};
  }
  while (first < MANY) {
    ssize_t took = lc_conn_write(one->conn, pieces + first, MANY - first);
    assert_true(took > 0);
    first += (int)took;
  }
  world_expect(w, peer, expected);
  peer_close(peer);
}

static void an_empty_write_is_accepted(void **state)
{
  world *w = *state;
  struct iovec nothing = {NULL, 0};
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_write(one->conn, &nothing, 1), 0);
  assert_int_equal(lc_conn_write(one->conn, NULL, 0), 0);
  peer_close(peer);
}

static void a_peer_that_does_not_read_bounds_what_is_accepted(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t taken = world_fill(one), received = 0;
  assert_true(unsent(one) <= w->options.settings.gather); /* the rest is the kernel's */
  assert_int_equal(lc_conn_flush(one->conn), LC_AGAIN);
  lc_conn_wait_write(one->conn, LC_NEVER);
  one->ready = 0;
  TURN_UNTIL(w, (received += peer_skip(peer), one->ready & LC_WRITABLE));
  lc_conn_end_write(one->conn);
  TURN_UNTIL(w, (received += peer_skip(peer)) == taken); /* every byte that was accepted */
  assert_int_equal(unsent(one), 0);
  peer_close(peer);
}

static void a_writer_that_waits_too_long_is_told(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_fill(one);
  lc_time due = lc_loop_now(w->loop) + 20 * LC_MILLISECOND;
  lc_conn_wait_write(one->conn, due);
  TURN_UNTIL(w, one->ready & LC_WRITE_TIMEOUT);
  assert_true(lc_loop_now(w->loop) >= due);
  peer_close(peer);
}

static void gathered_bytes_that_never_leave_end_in_a_timeout(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.write_timeout = 30 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_fill(one);
  TURN_UNTIL(w, one->ready & LC_ENDED);
  assert_int_equal(lc_conn_error(one->conn), LC_TIMEOUT);
  assert_int_equal(lc_conn_write(one->conn, NULL, 0), LC_TIMEOUT); /* told by the next operation */
  peer_close(peer);
}

static void a_post_goes_out_between_two_writes(void **state)
{
  world *w = *state;
  struct iovec piece = {"posted", 6};
  size_t received = 0;
  char text[16] = "";
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t taken = world_fill(one);
  lc_conn_wait_write(one->conn, LC_NEVER); /* a write is half-way through */
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), 0);
  TURN_UNTIL(w, (received += peer_skip(peer)) == taken);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(peer_look(peer), PEER_QUIET); /* not before the write has ended */
  world_write(one, "whole");
  lc_conn_end_write(one->conn);
  TURN_UNTIL(w, (received += peer_take(peer, text + (received - taken), 11)) == taken + 11);
  assert_string_equal(text, "wholeposted");
  peer_close(peer);
}

static void posts_are_bounded_and_all_or_nothing(void **state)
{
  world *w = *state;
  struct iovec piece = {"0123456789", 10};
  size_t received = 0;
  int peer;
  w->options.settings.max_queue = w->options.settings.gather + 25;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t taken = world_fill(one);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), 0);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), 0);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), LC_FULL);
  TURN_UNTIL(w, (received += peer_skip(peer)) == taken + 20);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), 0); /* there is room again */
  world_expect(w, peer, "0123456789");
  peer_close(peer);
}

static void a_post_that_would_be_refused_has_the_queue_sent_first(void **state)
{
  world *w = *state;
  struct iovec piece = {"0123456789", 10};
  size_t received = 0;
  int peer;
  w->options.settings.max_queue = 25;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  for (int i = 0; i < 10; i++) assert_int_equal(lc_conn_post(one->conn, &piece, 1), 0);
  for (int i = 0; i < 1000 && received < 80; i++) received += peer_skip(peer);
  assert_true(received >= 80); /* no turn of the loop in between */
  peer_close(peer);
}

/* No event needs to come when it was the post that found room. */
static void a_post_that_has_the_queue_sent_tells_the_writer_who_waits(void **state)
{
  world *w = *state;
  struct iovec piece = {"0123456789", 10};
  size_t received = 0;
  int peer;
  w->options.settings.max_queue = w->options.settings.gather;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t taken = world_fill(one);
  lc_conn_wait_write(one->conn, LC_NEVER);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), LC_FULL);
  one->ready = 0;
  int result = LC_FULL;
  for (int i = 0; i < 1000 && result == LC_FULL; i++) {
    received += peer_skip(peer);
    result = lc_conn_post(one->conn, &piece, 1);
  }
  assert_int_equal(result, 0);
  TURN_UNTIL(w, one->ready & LC_WRITABLE);
  lc_conn_end_write(one->conn);
  TURN_UNTIL(w, (received += peer_skip(peer)) == taken + 10);
  peer_close(peer);
}

static void writing_after_the_peer_reset_fails_and_says_so(void **state)
{
  world *w = *state;
  int peer;
  struct iovec piece = {"x", 1};
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_reset(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), LC_RESET);
  assert_int_equal(lc_conn_flush(one->conn), LC_RESET);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), LC_RESET);
}

static void writing_after_the_writing_half_was_shut_is_closed(void **state)
{
  world *w = *state;
  struct iovec piece = {"x", 1};
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "last words");
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_WR), 0);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_WR), 0); /* again */
  world_expect(w, peer, "last words");
  world_expect_sight(w, peer, PEER_EOF);
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), LC_CLOSED);
  peer_say(peer, "we still listen");
  char text[32];
  assert_string_equal(world_read(one, text, sizeof text), "we still listen");
  peer_close(peer);
}

static void shutting_the_writing_half_waits_for_what_is_queued(void **state)
{
  world *w = *state;
  size_t received = 0;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t taken = world_fill(one);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_WR), LC_AGAIN);
  TURN_UNTIL(
    w, (received += peer_skip(peer), (result = lc_conn_shutdown(one->conn, SHUT_WR)) != LC_AGAIN));
  assert_int_equal(result, 0);
  TURN_UNTIL(w, (received += peer_skip(peer), peer_look(peer) == PEER_EOF));
  assert_int_equal(received, taken);
  peer_close(peer);
}

/* Fills the connection, and has `posted` posted while somebody waits for everything to be sent. */
static size_t fill_and_post(world *w, seen *one)
{
  struct iovec piece = {"posted", 6};
  size_t taken = world_fill(one);
  lc_conn_wait_write(one->conn, LC_NEVER);
  assert_int_equal(lc_conn_post(one->conn, &piece, 1), 0);
  world_turn(w);
  return taken;
}

static void shutting_the_writing_half_waits_for_what_is_posted_meanwhile(void **state)
{
  world *w = *state;
  size_t received = 0;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t taken = fill_and_post(w, one);
  TURN_UNTIL(
    w, (received += peer_skip(peer), (result = lc_conn_shutdown(one->conn, SHUT_WR)) != LC_AGAIN));
  assert_int_equal(result, 0);
  lc_conn_end_write(one->conn);
  TURN_UNTIL(w, (received += peer_skip(peer), peer_look(peer) == PEER_EOF));
  assert_int_equal(received, taken + 6);
  assert_int_equal(lc_conn_error(one->conn), 0);
  peer_close(peer);
}

static void detaching_waits_for_what_is_posted_meanwhile(void **state)
{
  world *w = *state;
  size_t received = 0;
  int peer, fd, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  size_t taken = fill_and_post(w, one);
  TURN_UNTIL(w,
             (received += peer_skip(peer), (result = lc_conn_detach(one->conn, &fd)) != LC_AGAIN));
  assert_int_equal(result, 0);
  TURN_UNTIL(w, (received += peer_skip(peer)) == taken + 6);
  close(fd);
  lc_conn_release_detached(one->conn);
  peer_close(peer);
}

static void more_than_fits_is_never_gathered(void **state)
{
  world *w = *state;
  char *large = calloc(1, 3 * BLOCK);
  int peer;
  assert_non_null(large);
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_settings settings = *lc_conn_settings(one->conn);
  settings.gather = 4 * BLOCK;
  assert_int_equal(lc_conn_set_settings(one->conn, &settings), 0);
  assert_int_equal(lc_conn_settings(one->conn)->gather, LC_SHARED_BUFFER);
  struct iovec piece = {large, 3 * BLOCK};
  assert_true(lc_conn_write(one->conn, &piece, 1) > 0);
  assert_true(sent(one) > 0);
  peer_close(peer);
  free(large);
}

static void a_large_write_goes_behind_what_was_gathered(void **state)
{
  world *w = *state;
  char *large = malloc(BLOCK + 1), heard[8] = "";
  int peer;
  assert_non_null(large);
  memset(large, 'L', BLOCK);
  large[BLOCK] = 0;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "small ");
  struct iovec piece = {large, BLOCK};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), BLOCK);
  assert_int_equal(sent(one), BLOCK + 6);
  TURN_UNTIL(w, peer_look(peer) == PEER_DATA);
  assert_int_equal(peer_take(peer, heard, 7), 7);
  assert_string_equal(heard, "small L");
  peer_close(peer);
  free(large);
}

static void what_is_written_outside_of_a_turn_is_not_waited_upon(world *w)
{
  int peer;
  seen *one = world_accept(w, &peer);
  world_turn_for(w, 5 * LC_MILLISECOND);
  struct iovec piece = {.iov_base = "now", .iov_len = 3};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), 3);
  assert_true(lc_loop_next(w->loop) == 0); /* for a loop around this one */
  lc_time began = lc_loop_clock(w->loop);
  assert_int_equal(lc_loop_turn(w->loop, world_seconds(5)), 0);
  assert_true(lc_loop_clock(w->loop) - began < world_seconds(4));
  world_expect(w, peer, "now");
  peer_close(peer);
}

static void a_write_outside_of_a_turn_is_sent_before_the_loop_waits(void **state)
{
  world_serve(*state);
  what_is_written_outside_of_a_turn_is_not_waited_upon(*state);
}

static void on_a_unix_socket_likewise(void **state)
{
  world_serve_unix(*state);
  what_is_written_outside_of_a_turn_is_not_waited_upon(*state);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(small_writes_are_gathered_and_leave_with_the_turn),
    WORLD_TEST(a_flush_sends_at_once_and_tells_when_the_kernel_has_it),
    WORLD_TEST(without_gathering_each_write_leaves_at_once),
    WORLD_TEST(the_bytes_of_two_connections_do_not_mix),
    WORLD_TEST(pieces_are_written_in_their_order_however_many),
    WORLD_TEST(an_empty_write_is_accepted),
    WORLD_TEST(a_peer_that_does_not_read_bounds_what_is_accepted),
    WORLD_TEST(a_writer_that_waits_too_long_is_told),
    WORLD_TEST(gathered_bytes_that_never_leave_end_in_a_timeout),
    WORLD_TEST(a_post_goes_out_between_two_writes),
    WORLD_TEST(posts_are_bounded_and_all_or_nothing),
    WORLD_TEST(a_post_that_would_be_refused_has_the_queue_sent_first),
    WORLD_TEST(a_post_that_has_the_queue_sent_tells_the_writer_who_waits),
    WORLD_TEST(writing_after_the_peer_reset_fails_and_says_so),
    WORLD_TEST(writing_after_the_writing_half_was_shut_is_closed),
    WORLD_TEST(shutting_the_writing_half_waits_for_what_is_queued),
    WORLD_TEST(shutting_the_writing_half_waits_for_what_is_posted_meanwhile),
    WORLD_TEST(detaching_waits_for_what_is_posted_meanwhile),
    WORLD_TEST(more_than_fits_is_never_gathered),
    WORLD_TEST(a_large_write_goes_behind_what_was_gathered),
    WORLD_TEST(a_write_outside_of_a_turn_is_sent_before_the_loop_waits),
    WORLD_TEST(on_a_unix_socket_likewise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
