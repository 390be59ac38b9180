/* test_protocol.c - a protocol that knows its units: how they arrive, one at a time, and what is
 * kept between two. */
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "conn/guess.h"
#include "frame_world.h"
#include "memory.h"

#define EMBEDDER frame_embedder_of_all

static void say_bytes(int peer, const char *bytes, size_t size)
{
  assert_int_equal(send(peer, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT), size);
}

/* ------------------------------------------------------------------ arriving -- */

static void a_message_byte_by_byte_is_told_when_it_is_whole(void **state)
{
  world *w = *state;
  int peer;
  char text[WORLD_TEXT];
  size_t size = frame_put(text, FRAME_CALL, "slow");
  world_serve(w);
  seen *one = world_accept(w, &peer);
  for (size_t i = 0; i < size; i++) {
    assert_int_equal(EMBEDDER.told, 0);
    say_bytes(peer, text + i, 1);
    TURN_UNTIL(w, one->conn->received == i + 1);
  }
  TURN_UNTIL(w, EMBEDDER.told == 1);
  assert_string_equal(EMBEDDER.words, " slow");
  frame_expect(w, peer, FRAME_ANSWER, "");
  TURN_UNTIL(w, IS_PARKED(one));
  assert_string_equal(one->states, " active idle");
  peer_close(peer);
}

static void pipelined_messages_are_told_one_at_a_time(void **state)
{
  world *w = *state;
  int peer;
  char text[WORLD_TEXT];
  size_t size = frame_put(text, FRAME_CALL, "one");
  size += frame_put(text + size, FRAME_CALL, "two");
  size += frame_put(text + size, FRAME_CALL, "three");
  EMBEDDER.holds = 1;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  say_bytes(peer, text, size);
  for (int i = 1; i <= 3; i++) {
    TURN_UNTIL(w, EMBEDDER.told == i);
    world_turn_for(w, 2 * LC_MILLISECOND);
    assert_int_equal(EMBEDDER.told, i);
    frame_end(one);
  }
  assert_string_equal(EMBEDDER.words, " one two three");
  TURN_UNTIL(w, IS_PARKED(one));
  peer_close(peer);
}

static void what_the_embedder_leaves_of_a_message_is_no_part_of_the_next(void **state)
{
  world *w = *state;
  int peer;
  EMBEDDER.reads = 0;
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  frame_say(peer, FRAME_CALL, "a second one");
  frame_expect(w, peer, FRAME_ANSWER, "");
  TURN_UNTIL(w, IS_PARKED(one));
  assert_int_equal(EMBEDDER.told, 2);
  assert_null(one->conn->in);
  peer_close(peer);
}

/* Each unit of one connection has its turn, in which every other has one too. */
static void a_flood_of_messages_holds_nobody_up(void **state)
{
  enum { FLOOD = 2000 };
  world *w = *state;
  int loud, calm;
  char text[16], *flood = malloc(FLOOD * sizeof text);
  size_t each = frame_put(text, FRAME_CALL, "x");
  for (size_t i = 0; i < FLOOD; i++) memcpy(flood + i * each, text, each);
  world_serve(w);
  frame_parked(w, &calm);
  seen *one = world_accept(w, &loud);
  say_bytes(loud, flood, FLOOD * each);
  TURN_UNTIL(w, EMBEDDER.told > 10);
  int before = EMBEDDER.told;
  world_turn(w);
  assert_in_range(EMBEDDER.told - before, 0, 1);
  frame_say(calm, FRAME_CALL, "calm");
  frame_expect(w, calm, FRAME_ANSWER, "");
  assert_true(EMBEDDER.told < FLOOD);
  TURN_UNTIL(w, EMBEDDER.told == FLOOD + 2);
  assert_int_equal(EMBEDDER.most_open, 1);
  TURN_UNTIL(w, IS_PARKED(one));
  free(flood);
  peer_close(calm);
  peer_close(loud);
}

/* Pings are units of nobody's: the protocol takes them, so many bytes in a turn. */
static void a_flood_that_the_protocol_takes_is_bounded_in_each_turn(void **state)
{
  world *w = *state;
  int peer, size = 4 << 20;
  char text[WORLD_TEXT], ping[WORLD_TEXT];
  memset(text, 'x', sizeof text);
  text[400] = 0;
  size_t each = frame_put(ping, FRAME_PING, text);
  world_serve(w);
  seen *one = world_accept(w, &peer);
  setsockopt(peer, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  setsockopt(lc_conn_fd(one->conn), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  for (int round = 0; round < 40; round++) {
    for (int i = 0; i < 1000; i++)
      if (send(peer, ping, each, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)each) break;
    uint64_t before = one->conn->received;
    world_turn(w);
    assert_true(one->conn->received - before <= 2 * (LC_BYTES_PER_TURN + LC_SHARED_BUFFER));
    peer_skip(peer);
    if (lc_conn_state(one->conn) >= LC_STATE_CLOSING) break; /* a ping was sent in part */
  }
  assert_int_equal(EMBEDDER.told, 0);
  peer_close(peer);
}

/* ----------------------------------------------------------------- large ones -- */

static void send_large(world *w, seen *one, int peer, size_t length)
{
  unsigned char head[FRAME_HEAD + 1];
  size_t done = 0;
  frame_write_head(head, FRAME_CALL, length);
  say_bytes(peer, (char *)head, sizeof head);
  TURN_UNTIL(w, (done += peer_flood(peer, length - done)) == length ||
                  lc_conn_state(one->conn) >= LC_STATE_CLOSING);
}

static void a_message_larger_than_the_shared_buffer_is_told_whole(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  send_large(w, one, peer, 5 * LC_SHARED_BUFFER);
  frame_expect(w, peer, FRAME_ANSWER, "");
  assert_int_equal(EMBEDDER.length, 5 * LC_SHARED_BUFFER);
  TURN_UNTIL(w, IS_PARKED(one));
  assert_null(one->conn->in);
  peer_close(peer);
}

/* The protocol would allow it. The buffer never holds much more than what is allowed. */
static void a_message_larger_than_max_read_ends_the_connection(void **state)
{
  enum { MOST = 200 * 1024 };
  world *w = *state;
  int peer;
  w->options.settings.max_read = MOST;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  send_large(w, one, peer, 2 * MOST);
  TURN_UNTIL(w, lc_conn_state(one->conn) >= LC_STATE_CLOSING);
  assert_string_equal(one->cause, "unit too long");
  assert_int_equal(EMBEDDER.told, 0);
  peer_close(peer);
}

static void small_messages_go_on_though_together_they_exceed_max_read(void **state)
{
  world *w = *state;
  int peer;
  char text[WORLD_TEXT];
  size_t size = 0;
  for (int i = 0; i < 10; i++) size += frame_put(text + size, FRAME_CALL, "0123456789");
  w->options.settings.max_read = 16;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  say_bytes(peer, text, size);
  TURN_UNTIL(w, EMBEDDER.told == 10);
  TURN_UNTIL(w, IS_PARKED(one));
  peer_close(peer);
}

static void a_length_that_makes_no_sense_is_refused_with_words(void **state)
{
  static const struct {
    unsigned char head[FRAME_HEAD];
    const char *words;
  } bad[] = {{{0, 0, 0, 0}, "empty"}, {{0xff, 0xff, 0xff, 0xff}, "too long"}};
  world *w = *state;
  world_serve(w);
  for (int i = 0; i < 2; i++) {
    int peer;
    seen *one = world_accept(w, &peer);
    say_bytes(peer, (const char *)bad[i].head, FRAME_HEAD);
    frame_expect(w, peer, FRAME_BAD, bad[i].words);
    world_expect_sight(w, peer, PEER_EOF);
    assert_string_equal(one->cause, "refused");
    peer_close(peer);
  }
  assert_int_equal(EMBEDDER.told, 0);
}

/* ---------------------------------------------------------------- between two -- */

static void between_two_there_is_no_buffer(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  long before = memory_live();
  frame_say(peer, FRAME_CALL, "hello");
  frame_expect(w, peer, FRAME_ANSWER, "");
  TURN_UNTIL(w, IS_PARKED(one));
  assert_null(one->conn->in);
  assert_null(one->conn->out);
  assert_null(w->loop->input_tenant);
  assert_int_equal(memory_live(), before); /* what the protocol keeps was there before */
  assert_int_equal(one->conn->tasks, 0);
  peer_close(peer);
}

static void two_that_share_the_input_buffer_keep_their_parts(void **state)
{
  enum { MANY = 3 };
  world *w = *state;
  int peers[MANY];
  seen *each[MANY];
  char text[WORLD_TEXT];
  size_t size = frame_put(text, FRAME_CALL, "both halves");
  world_serve(w);
  for (int i = 0; i < MANY; i++) each[i] = world_accept(w, &peers[i]);
  for (int i = 0; i < MANY; i++) {
    say_bytes(peers[i], text, 7);
    TURN_UNTIL(w, each[i]->conn->received == 7);
  }
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(lc_conn_state(each[i]->conn), LC_STATE_ACTIVE); /* not between two */
    say_bytes(peers[i], text + 7, size - 7);
  }
  for (int i = 0; i < MANY; i++) frame_expect(w, peers[i], FRAME_ANSWER, "");
  assert_string_equal(EMBEDDER.words, " both halves both halves both halves");
  for (int i = 0; i < MANY; i++) {
    TURN_UNTIL(w, IS_PARKED(each[i]));
    assert_null(each[i]->conn->in);
    peer_close(peers[i]);
  }
}

/* ------------------------------------------------------------------- replaced -- */

static lc_arrival line_arrived(lc_conn *conn, void *state)
{
  lc_slice held;
  (void)state;
  lc_conn_buffered(conn, &held);
  return memchr(held.data, '\n', held.length) ? LC_ARRIVAL_UNIT : LC_ARRIVAL_MORE;
}

static int is_empty(const lc_conn *conn, const void *state)
{
  (void)state;
  return !lc_buffer_size(conn->in);
}

static const lc_protocol LINES = {
  .name = "lines", .arrived = line_arrived, .is_between = is_empty, .is_sure = is_empty};

static char lines[WORLD_TEXT];

/* Once the protocol is another, a unit is a line, which is echoed; "frames" goes back. */
static void on_line(seen *one, unsigned what)
{
  lc_slice slice;
  if (!(what & LC_UNIT)) return;
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, WORLD_TEXT, &slice), 0);
  strncat(lines, slice.data, slice.length);
  int is_last = slice.length == 7 && !memcmp(slice.data, "frames\n", 7);
  struct iovec piece = {(void *)(uintptr_t)slice.data, slice.length};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), slice.length);
  if (is_last) assert_int_equal(lc_conn_set_protocol(one->conn, &frame_protocol), 0);
  lc_conn_unit_ended(one->conn);
}

static void another_takes_over_with_its_bytes_already_there_and_back(void **state)
{
  world *w = *state;
  int peer;
  char text[WORLD_TEXT];
  size_t size = frame_put(text, FRAME_CALL, "upgrade");
  memcpy(text + size, "one\ntwo\nfra", 11);
  lines[0] = 0;
  EMBEDDER.holds = 1;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  say_bytes(peer, text, size + 11);
  TURN_UNTIL(w, EMBEDDER.told == 1);
  void (*on_frame)(seen *, unsigned) = w->ready;
  assert_int_equal(lc_conn_set_protocol(one->conn, &LINES), 0);
  assert_int_equal(frames.ended, 1);
  w->ready = on_line;
  frame_end(one);
  frame_expect(w, peer, FRAME_ANSWER, "");
  world_expect(w, peer, "one\ntwo\n");
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE); /* a part of a line is there */
  peer_say(peer, "mes\n");
  world_expect(w, peer, "frames\n");
  assert_string_equal(lines, "one\ntwo\nframes\n");
  assert_int_equal(frames.begun, 2);
  w->ready = on_frame;
  EMBEDDER.holds = 0;
  frame_say(peer, FRAME_CALL, "again");
  frame_expect(w, peer, FRAME_ANSWER, "");
  TURN_UNTIL(w, IS_PARKED(one));
  peer_close(peer);
}

static void replaced_between_two_it_goes_by_the_new_one_at_once(void **state)
{
  world *w = *state;
  int peer;
  lines[0] = 0;
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  assert_int_equal(lc_conn_set_protocol(one->conn, &LINES), 0);
  w->ready = on_line;
  peer_say(peer, "hello\n");
  world_expect(w, peer, "hello\n");
  TURN_UNTIL(w, IS_PARKED(one));
  peer_close(peer);
}

/* Back to the guess: the embedder reads by itself, and its waits say what they mean. */
static void after_the_guess_has_taken_over_the_embedder_reads(void **state)
{
  world *w = *state;
  int peer;
  char text[WORLD_TEXT];
  size_t size = frame_put(text, FRAME_CALL, "plain");
  memcpy(text + size, "rest", 4);
  EMBEDDER.holds = 1;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  say_bytes(peer, text, size + 4);
  TURN_UNTIL(w, EMBEDDER.told == 1);
  assert_int_equal(lc_conn_set_protocol(one->conn, &lc_guess), 0);
  frame_end(one);
  assert_string_equal(world_read(one, text, sizeof text), "rest");
  world_write(one, "ok");
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  one->ready = 0;
  peer_say(peer, "more");
  TURN_UNTIL(w, one->ready & LC_READABLE);
  assert_int_equal(EMBEDDER.told, 1);
  peer_close(peer);
}

/* Between two units there is a wait of the protocol's, with its deadline, which is not the
 * embedder's. */
static void nothing_of_the_wait_for_a_unit_is_left_to_the_guess(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.read_timeout = 30 * LC_MILLISECOND;
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  peer_say(peer, "par");
  TURN_UNTIL(w, lc_buffer_size(one->conn->in) == 3);
  assert_int_equal(lc_conn_set_protocol(one->conn, &lc_guess), 0);
  one->ready = 0;
  world_turn_for(w, 60 * LC_MILLISECOND);
  assert_false(one->ready & LC_READ_TIMEOUT);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE); /* nobody waits */
  peer_close(peer);
}

/* A protocol that only looks for the beginning of another one. */
static lc_arrival sniff(lc_conn *conn, void *state)
{
  lc_slice held;
  (void)state;
  lc_conn_buffered(conn, &held);
  assert_int_equal(lc_conn_set_protocol(conn, held.data[0] ? &lc_guess : &frame_protocol), 0);
  return LC_ARRIVAL_MORE;
}

static const lc_protocol SNIFFER = {
  .name = "sniffer", .arrived = sniff, .is_between = is_empty, .is_sure = is_empty};

static void one_may_hand_over_to_another_while_it_looks(void **state)
{
  world *w = *state;
  int framed, plain;
  char text[WORLD_TEXT];
  w->options.protocol = &SNIFFER;
  world_serve(w);
  world_accept(w, &framed);
  frame_say(framed, FRAME_CALL, "sniffed");
  frame_expect(w, framed, FRAME_ANSWER, "");
  seen *one = world_accept(w, &plain);
  peer_say(plain, "text");
  TURN_UNTIL(w, one->ready & LC_READABLE);
  assert_string_equal(world_read(one, text, sizeof text), "text");
  peer_close(framed);
  peer_close(plain);
}

static void one_that_cannot_begin_leaves_the_one_before(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  frames.fails = 1;
  assert_int_equal(lc_conn_set_protocol(one->conn, &frame_protocol), -ENOMEM);
  frame_say(peer, FRAME_CALL, "still here");
  frame_expect(w, peer, FRAME_ANSWER, "");
  peer_close(peer);
}

/* The client waits in the queue, and is served when there is memory again; or it is turned away. */
static void a_connection_that_its_protocol_cannot_begin_is_not_accepted(void **state)
{
  world *w = *state;
  frames.fails = 1;
  world_serve(w);
  int peer = peer_connect(&w->address);
  TURN_UNTIL(w, frames.fails == 0);
  world_turn_for(w, 5 * LC_MILLISECOND);
  assert_int_equal(frames.begun, w->count);
  assert_int_equal(lc_server_count(w->server, LC_STATES), w->count);
  int next;
  seen *one = frame_parked(w, &next);
  assert_true(IS_PARKED(one));
  peer_close(peer);
  peer_close(next);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    FRAME_TEST(a_message_byte_by_byte_is_told_when_it_is_whole),
    FRAME_TEST(pipelined_messages_are_told_one_at_a_time),
    FRAME_TEST(what_the_embedder_leaves_of_a_message_is_no_part_of_the_next),
    FRAME_TEST(a_flood_of_messages_holds_nobody_up),
    FRAME_TEST(a_flood_that_the_protocol_takes_is_bounded_in_each_turn),
    FRAME_TEST(a_message_larger_than_the_shared_buffer_is_told_whole),
    FRAME_TEST(a_message_larger_than_max_read_ends_the_connection),
    FRAME_TEST(small_messages_go_on_though_together_they_exceed_max_read),
    FRAME_TEST(a_length_that_makes_no_sense_is_refused_with_words),
    FRAME_TEST(between_two_there_is_no_buffer),
    FRAME_TEST(two_that_share_the_input_buffer_keep_their_parts),
    FRAME_TEST(another_takes_over_with_its_bytes_already_there_and_back),
    FRAME_TEST(replaced_between_two_it_goes_by_the_new_one_at_once),
    FRAME_TEST(after_the_guess_has_taken_over_the_embedder_reads),
    FRAME_TEST(nothing_of_the_wait_for_a_unit_is_left_to_the_guess),
    FRAME_TEST(one_may_hand_over_to_another_while_it_looks),
    FRAME_TEST(one_that_cannot_begin_leaves_the_one_before),
    FRAME_TEST(a_connection_that_its_protocol_cannot_begin_is_not_accepted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
