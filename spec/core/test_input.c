/* test_input.c - reads: what they give, what they leave, and whose bytes they are. */
#include <stdlib.h>
#include <unistd.h>

#include "conn/conn.h"
#include "world.h"

static void assert_slice(const lc_slice *slice, const char *text)
{
  assert_int_equal(slice->length, strlen(text));
  assert_memory_equal(slice->data, text, slice->length);
}

/* Turns until a read of the test's kind has something to say. */
#define READ_UNTIL(w, result, call) TURN_UNTIL(w, ((result) = (call)) != LC_AGAIN)

static void read_some_gives_what_is_there_up_to_a_limit(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_read_some(one->conn, 10, &slice), LC_AGAIN);
  peer_say(peer, "hello");
  READ_UNTIL(w, result, lc_conn_read_some(one->conn, 3, &slice));
  assert_int_equal(result, 0);
  assert_slice(&slice, "hel");
  assert_int_equal(lc_conn_read_some(one->conn, 10, &slice), 0);
  assert_slice(&slice, "lo");
  assert_int_equal(lc_conn_read_some(one->conn, 10, &slice), LC_AGAIN);
  peer_close(peer);
}

static void read_into_gives_what_is_buffered_first(void **state)
{
  world *w = *state;
  lc_slice slice;
  lc_conn_stats stats;
  char into[8];
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_read_into(one->conn, into, sizeof into), LC_AGAIN);
  peer_say(peer, "hello");
  READ_UNTIL(w, result, lc_conn_read_some(one->conn, 3, &slice));
  assert_int_equal(lc_conn_read_into(one->conn, into, sizeof into), 2);
  assert_memory_equal(into, "lo", 2);
  peer_say(peer, "0123456789");
  READ_UNTIL(w, result, (int)lc_conn_read_into(one->conn, into, sizeof into));
  assert_int_equal(result, sizeof into);
  assert_memory_equal(into, "01234567", sizeof into);
  assert_int_equal(lc_conn_read_into(one->conn, into, sizeof into), 2);
  assert_int_equal(lc_conn_read_into(one->conn, into, sizeof into), LC_AGAIN);
  lc_conn_stats_get(one->conn, &stats);
  assert_int_equal(stats.received, 15);
  peer_close(peer);
  READ_UNTIL(w, result, (int)lc_conn_read_into(one->conn, into, sizeof into));
  assert_int_equal(result, LC_EOF);
  lc_conn_close(one->conn, 0, "test");
  assert_int_equal(lc_conn_read_into(one->conn, into, sizeof into), LC_CLOSED);
}

static void read_exact_waits_for_all_of_it(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "abc");
  TURN_UNTIL(w, lc_conn_await(one->conn) == 0);
  assert_int_equal(lc_conn_read_exact(one->conn, 5, &slice), LC_AGAIN);
  peer_say(peer, "defg");
  READ_UNTIL(w, result, lc_conn_read_exact(one->conn, 5, &slice));
  assert_slice(&slice, "abcde");
  lc_conn_buffered(one->conn, &slice);
  assert_slice(&slice, "fg");
  peer_close(peer);
}

static void read_exact_of_nothing_succeeds_at_once(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_read_exact(one->conn, 0, &slice), 0);
  assert_slice(&slice, "");
  peer_close(peer);
}

static void read_exact_beyond_max_read_is_too_long_and_consumes_nothing(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer;
  w->options.settings.max_read = 100;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "kept");
  TURN_UNTIL(w, lc_conn_await(one->conn) == 0);
  assert_int_equal(lc_conn_read_exact(one->conn, 101, &slice), LC_TOO_LONG);
  lc_conn_buffered(one->conn, &slice);
  assert_slice(&slice, "kept");
  peer_close(peer);
}

static void a_delimiter_is_found_across_the_borders_of_packets(void **state)
{
  static const char *const pieces[] = {"ab\r", "\r", "\ncd\r", "\n"};
  static const char *const lines[] = {NULL, NULL, "ab\r\r\n", "cd\r\n"}; /* when each has come */
  world *w = *state;
  lc_conn_stats stats;
  lc_slice slice;
  uint64_t said = 0;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    peer_say(peer, pieces[i]);
    said += strlen(pieces[i]);
    do {
      world_turn(w);
      result = lc_conn_read_until(one->conn, "\r\n", 2, 100, &slice);
      lc_conn_stats_get(one->conn, &stats);
    } while (stats.received < said);
    assert_int_equal(result, lines[i] ? 0 : LC_AGAIN);
    if (lines[i]) assert_slice(&slice, lines[i]);
  }
  peer_close(peer);
}

static void a_line_over_its_limit_is_too_long_whether_it_ends_or_not(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "123456\n");
  READ_UNTIL(w, result, lc_conn_read_until(one->conn, "\n", 1, 6, &slice));
  assert_int_equal(result, LC_TOO_LONG);
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 7, &slice), 0); /* it was left */
  assert_slice(&slice, "123456\n");
  peer_say(peer, "123456");
  READ_UNTIL(w, result, lc_conn_read_until(one->conn, "\n", 1, 6, &slice));
  assert_int_equal(result, LC_TOO_LONG);
  peer_close(peer);
}

static void many_lines_in_one_packet_come_one_by_one(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "a\n\nbc\n");
  READ_UNTIL(w, result, lc_conn_read_until(one->conn, "\n", 1, 100, &slice));
  assert_slice(&slice, "a\n");
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 100, &slice), 0);
  assert_slice(&slice, "\n");
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 100, &slice), 0);
  assert_slice(&slice, "bc\n");
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 100, &slice), LC_AGAIN);
  peer_close(peer);
}

static void at_the_end_what_was_left_stays_readable(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "no newline");
  peer_close(peer);
  READ_UNTIL(w, result, lc_conn_read_until(one->conn, "\n", 1, 100, &slice));
  assert_int_equal(result, LC_EOF);
  assert_int_equal(lc_conn_read_exact(one->conn, 100, &slice), LC_EOF);
  lc_conn_buffered(one->conn, &slice);
  assert_slice(&slice, "no newline");
  lc_conn_take(one->conn, 3);
  assert_int_equal(lc_conn_read_some(one->conn, 100, &slice), 0);
  assert_slice(&slice, "newline");
  assert_int_equal(lc_conn_read_some(one->conn, 100, &slice), LC_EOF);
  assert_int_equal(lc_conn_await(one->conn), LC_EOF);
}

static void read_all_ends_with_the_peer_and_obeys_its_limit(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peers[2], result;
  world_serve(w);
  seen *fits = world_accept(w, &peers[0]), *over = world_accept(w, &peers[1]);
  for (int i = 0; i < 2; i++) {
    peer_say(peers[i], "0123456789");
    peer_close(peers[i]);
  }
  READ_UNTIL(w, result, lc_conn_read_all(fits->conn, 10, &slice));
  assert_int_equal(result, 0);
  assert_slice(&slice, "0123456789");
  READ_UNTIL(w, result, lc_conn_read_all(over->conn, 9, &slice));
  assert_int_equal(result, LC_TOO_LONG);
}

static void megabytes_arrive_unchanged(void **state)
{
  enum { SIZE = 3 * 1024 * 1024 };
  world *w = *state;
  lc_slice slice;
  int peer, result;
  size_t sent = 0;
  char *bytes = malloc(SIZE);
  assert_non_null(bytes);
  for (size_t i = 0; i < SIZE; i++) bytes[i] = (char)(i * 31 >> 3);
  world_serve(w);
  seen *one = world_accept(w, &peer);
  do {
    ssize_t took = send(peer, bytes + sent, SIZE - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took > 0) sent += (size_t)took;
    world_turn(w);
    result = lc_conn_read_exact(one->conn, SIZE, &slice);
  } while (result == LC_AGAIN);
  assert_int_equal(result, 0);
  assert_int_equal(slice.length, SIZE);
  assert_memory_equal(slice.data, bytes, SIZE);
  peer_close(peer);
  free(bytes);
}

static void two_connections_that_share_the_buffer_keep_their_own_bytes(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peers[2], result;
  world_serve(w);
  seen *a = world_accept(w, &peers[0]), *b = world_accept(w, &peers[1]);
  for (int round = 0; round < 3; round++) {
    peer_say(peers[0], "first");
    TURN_UNTIL(w, lc_conn_await(a->conn) == 0); /* has the shared buffer, with something in it */
    peer_say(peers[1], "second");
    READ_UNTIL(w, result, lc_conn_read_some(b->conn, 2, &slice));
    assert_slice(&slice, "se");
    assert_int_equal(lc_conn_read_some(a->conn, 100, &slice), 0);
    assert_slice(&slice, "first");
    assert_int_equal(lc_conn_read_some(b->conn, 100, &slice), 0);
    assert_slice(&slice, "cond");
  }
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void an_idle_connection_holds_no_buffer(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peers[2], result;
  world_serve(w);
  seen *a = world_accept(w, &peers[0]), *b = world_accept(w, &peers[1]);
  peer_say(peers[0], "x");
  TURN_UNTIL(w, lc_conn_await(a->conn) == 0);
  peer_say(peers[1], "y");
  READ_UNTIL(w, result, lc_conn_read_some(b->conn, 10, &slice)); /* moves a's byte out */
  assert_int_equal(lc_conn_read_some(a->conn, 10, &slice), 0);
  lc_conn_wait(a->conn, LC_WAIT_AWAIT, LC_NEVER);
  lc_conn_wait(b->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_null(a->conn->in);
  assert_null(b->conn->in);
  assert_null(w->loop->input_tenant);
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void a_fin_behind_the_data_is_seen_without_another_event(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "last");
  peer_finish(peer);
  READ_UNTIL(w, result, lc_conn_read_some(one->conn, 100, &slice));
  assert_slice(&slice, "last");
  READ_UNTIL(w, result, lc_conn_read_some(one->conn, 100, &slice));
  assert_int_equal(result, LC_EOF);
  world_write(one, "still heard\n"); /* half-closed: the answer is still wanted */
  world_expect(w, peer, "still heard\n");
  peer_close(peer);
}

/* TCP's urgent data: recv stops in front of the urgent byte, and passes over it; no event tells of
 * what lies behind. */
static void an_urgent_byte_holds_up_nothing_behind_it(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  for (int i = 0; i < 3; i++) {
    peer_say(peer, "abc");
    assert_int_equal(send(peer, "!", 1, MSG_OOB), 1);
    peer_say(peer, "defg");
    READ_UNTIL(w, result, lc_conn_read_exact(one->conn, 7, &slice));
    assert_int_equal(result, 0);
    assert_slice(&slice, "abcdefg");
    assert_int_equal(lc_conn_read_some(one->conn, 10, &slice), LC_AGAIN);
  }
  assert_int_equal(send(peer, "!", 1, MSG_OOB), 1); /* and nothing else */
  world_turn_for(w, 10 * LC_MILLISECOND);
  assert_int_equal(lc_conn_read_some(one->conn, 10, &slice), LC_AGAIN);
  peer_say(peer, "end");
  peer_finish(peer);
  READ_UNTIL(w, result, lc_conn_read_all(one->conn, 100, &slice));
  assert_slice(&slice, "end");
  peer_close(peer);
}

static void after_shutting_the_reading_half_reads_end_at_once(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer, is_unix;
  for (is_unix = 0; is_unix < 2; is_unix++) {
    (is_unix ? world_serve_unix : world_serve)(w);
    seen *one = world_accept(w, &peer);
    lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
    one->ready = 0;
    assert_int_equal(lc_conn_shutdown(one->conn, SHUT_RD), 0);
    assert_int_equal(lc_conn_shutdown(one->conn, SHUT_RD), 0); /* again */
    TURN_UNTIL(w, one->ready & LC_READABLE);                   /* who waits is told */
    assert_int_equal(lc_conn_read_some(one->conn, 1, &slice), LC_EOF);
    world_write(one, "reply");
    world_expect(w, peer, "reply");
    peer_close(peer);
    lc_server_free(w->server);
    w->server = NULL;
  }
}

static void a_reset_fails_every_read_from_then_on(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  peer_reset(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(one->ready & LC_ENDED, LC_ENDED);
  assert_int_equal(lc_conn_read_some(one->conn, 1, &slice), LC_RESET);
  assert_int_equal(lc_conn_read_exact(one->conn, 1, &slice), LC_RESET);
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 9, &slice), LC_RESET);
  assert_int_equal(lc_conn_read_all(one->conn, 9, &slice), LC_RESET);
  assert_int_equal(lc_conn_await(one->conn), LC_RESET);
}

/* --------------------------------------------------------------- deadlines -- */

static void a_read_deadline_is_told_and_leaves_the_connection_usable(void **state)
{
  world *w = *state;
  char text[16];
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_time due = lc_loop_now(w->loop) + 20 * LC_MILLISECOND;
  lc_conn_wait(one->conn, LC_WAIT_READ, due);
  TURN_UNTIL(w, one->ready & LC_READ_TIMEOUT);
  assert_true(lc_loop_now(w->loop) >= due);
  peer_say(peer, "late");
  assert_string_equal(world_read(one, text, sizeof text), "late");
  peer_close(peer);
}

static void a_deadline_in_the_past_fires_at_once_and_a_cleared_one_never(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_set_deadline(one->conn, lc_loop_now(w->loop) - 1);
  assert_int_equal(lc_conn_read_some(one->conn, 1, &slice), LC_TIMEOUT);
  lc_conn_set_deadline(one->conn, lc_loop_now(w->loop) + 20 * LC_MILLISECOND);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  lc_conn_set_deadline(one->conn, LC_NEVER);
  one->ready = 0;
  world_turn_for(w, 40 * LC_MILLISECOND);
  assert_int_equal(one->ready, 0);
  peer_close(peer);
}

static void a_deadline_moved_while_a_read_waits_takes_effect(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_wait(one->conn, LC_WAIT_READ, lc_loop_now(w->loop) + 1000 * LC_SECOND);
  lc_conn_set_deadline(one->conn, lc_loop_now(w->loop) + 10 * LC_MILLISECOND);
  TURN_UNTIL(w, one->ready & LC_READ_TIMEOUT);
  peer_close(peer);
}

static void a_drip_does_not_prolong_the_deadline_of_a_read(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer;
  w->options.settings.read_timeout = 50 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_time began = lc_loop_now(w->loop);
  while (!(one->ready & LC_READ_TIMEOUT)) { /* a byte every few milliseconds, never the line */
    if (lc_conn_read_until(one->conn, "\n", 1, 10000, &slice) == LC_AGAIN)
      lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
    peer_say(peer, "x");
    world_turn_for(w, 5 * LC_MILLISECOND);
    assert_true(lc_loop_now(w->loop) - began < world_seconds(10));
  }
  assert_true(lc_loop_now(w->loop) - began >= 50 * LC_MILLISECOND);
  peer_close(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(read_some_gives_what_is_there_up_to_a_limit),
    WORLD_TEST(read_into_gives_what_is_buffered_first),
    WORLD_TEST(read_exact_waits_for_all_of_it),
    WORLD_TEST(read_exact_of_nothing_succeeds_at_once),
    WORLD_TEST(read_exact_beyond_max_read_is_too_long_and_consumes_nothing),
    WORLD_TEST(a_delimiter_is_found_across_the_borders_of_packets),
    WORLD_TEST(a_line_over_its_limit_is_too_long_whether_it_ends_or_not),
    WORLD_TEST(many_lines_in_one_packet_come_one_by_one),
    WORLD_TEST(at_the_end_what_was_left_stays_readable),
    WORLD_TEST(read_all_ends_with_the_peer_and_obeys_its_limit),
    WORLD_TEST(megabytes_arrive_unchanged),
    WORLD_TEST(two_connections_that_share_the_buffer_keep_their_own_bytes),
    WORLD_TEST(an_idle_connection_holds_no_buffer),
    WORLD_TEST(a_fin_behind_the_data_is_seen_without_another_event),
    WORLD_TEST(an_urgent_byte_holds_up_nothing_behind_it),
    WORLD_TEST(after_shutting_the_reading_half_reads_end_at_once),
    WORLD_TEST(a_reset_fails_every_read_from_then_on),
    WORLD_TEST(a_read_deadline_is_told_and_leaves_the_connection_usable),
    WORLD_TEST(a_deadline_in_the_past_fires_at_once_and_a_cleared_one_never),
    WORLD_TEST(a_deadline_moved_while_a_read_waits_takes_effect),
    WORLD_TEST(a_drip_does_not_prolong_the_deadline_of_a_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
