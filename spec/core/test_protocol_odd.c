/* test_protocol_odd.c - messages over the odd transport: neither seam knows of the other. */
#include <stdlib.h>
#include <unistd.h>

#include "frame_world.h"
#include "odd_world.h"

#define EMBEDDER frame_embedder_of_all

static int set_up(void **state)
{
  int result = odd_set_up(state);
  frame_embed(*state);
  return result;
}

static int tear_down(void **state)
{
  assert_int_equal(odd_tear_down(state), 0);
  assert_int_equal(frames.begun, frames.ended);
  return 0;
}

#define BOTH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void odd_say(odd_peer *peer, char kind, const char *words)
{
  char text[WORLD_TEXT];
  odd_peer_say(peer, text, frame_put(text, kind, words));
}

/* The last that the peer has heard. */
static int has_heard(const odd_peer *peer, char kind, const char *words)
{
  char text[WORLD_TEXT];
  size_t size = frame_put(text, kind, words);
  return peer->heard_length >= size && !memcmp(peer->heard + peer->heard_length - size, text, size);
}

static seen *parked(world *w, odd_peer **peer)
{
  seen *one = odd_meet(w, peer);
  odd_say(*peer, FRAME_CALL, "hello");
  PUMP_UNTIL(w, *peer, has_heard(*peer, FRAME_ANSWER, "") && IS_PARKED(one));
  return one;
}

static void messages_arrive_whole_in_portions_of_any_size(void **state)
{
  enum { MANY = 20 };
  world *w = *state;
  odd_peer *peer;
  odd.call_every = 7; /* each side waits for the other in the middle of messages */
  world_serve(w);
  seen *one = odd_meet(w, &peer);
  for (int i = 0; i < MANY; i++) odd_say(peer, FRAME_CALL, "a message");
  PUMP_UNTIL(w, peer, EMBEDDER.told == MANY && IS_PARKED(one));
  PUMP_UNTIL(w, peer, peer->heard_length == MANY * (FRAME_HEAD + 1));
  assert_int_equal(EMBEDDER.most_open, 1);
  assert_null(one->conn->in);
  odd_finish_sending(peer);
  odd_until_gone(w, peer);
}

static void a_large_message_arrives_whole(void **state)
{
  enum { LARGE = 300 * 1000 };
  world *w = *state;
  odd_peer *peer;
  unsigned char head[FRAME_HEAD + 1];
  char *zeros = calloc(1, LARGE);
  frame_write_head(head, FRAME_CALL, LARGE);
  world_serve(w);
  seen *one = odd_meet(w, &peer);
  odd_peer_say(peer, head, sizeof head);
  odd_peer_say(peer, zeros, LARGE);
  free(zeros);
  PUMP_UNTIL(w, peer, has_heard(peer, FRAME_ANSWER, ""));
  assert_int_equal(EMBEDDER.length, LARGE);
  PUMP_UNTIL(w, peer, IS_PARKED(one));
  odd_finish_sending(peer);
  odd_until_gone(w, peer);
}

/* No event tells of bytes that came with the last of the handshake. */
static void what_came_with_the_handshake_is_looked_at(void **state)
{
  world *w = *state;
  world_serve(w);
  odd_peer *peer = odd_come(w);
  peer->at_once = "\xff\xff\xff\xff";
  PUMP_UNTIL(w, peer, has_heard(peer, FRAME_BAD, "too long"));
  odd_finish_sending(peer);
  odd_until_gone(w, peer);
}

static void a_drain_says_goodbye_and_hears_it(void **state)
{
  world *w = *state;
  odd_peer *peer;
  world_serve(w);
  seen *one = parked(w, &peer);
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(30));
  PUMP_UNTIL(w, peer, has_heard(peer, FRAME_GOODBYE, ""));
  assert_true(lc_conn_state(one->conn) < LC_STATE_CLOSING);
  odd_say(peer, FRAME_GOODBYE, "");
  PUMP_UNTIL(w, peer, lc_conn_state(one->conn) >= LC_STATE_CLOSING);
  assert_string_equal(one->cause, "left");
  odd_finish_sending(peer);
  odd_until_gone(w, peer);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
  assert_int_equal(lc_server_report(w->server)->closed_idle, 1);
}

/* Its protocol has begun, and cannot say anything yet. */
static void one_in_its_handshake_ends_without_a_goodbye(void **state)
{
  world *w = *state;
  w->options.settings.first_byte_timeout = 30 * LC_MILLISECOND;
  world_serve(w);
  odd_peer *peer = odd_come(w); /* and it is not pumped */
  TURN_UNTIL(w, frames.begun == 1);
  TURN_UNTIL(w, frames.ended == 1);
  odd_until_gone(w, peer);
}

static void a_transport_that_fails_ends_the_protocol_too(void **state)
{
  static const odd_call calls[] = {ODD_OPEN, ODD_RECEIVE, ODD_SEND};
  world *w = *state;
  world_serve(w);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    int ended = frames.ended;
    odd_fail(&odd, calls[i], 1, 1, -EPROTO);
    odd_peer *peer = odd_come(w);
    odd_say(peer, FRAME_CALL, "hello");
    PUMP_UNTIL(w, peer, frames.ended > ended);
    odd_until_gone(w, peer);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    BOTH_TEST(messages_arrive_whole_in_portions_of_any_size),
    BOTH_TEST(a_large_message_arrives_whole),
    BOTH_TEST(what_came_with_the_handshake_is_looked_at),
    BOTH_TEST(a_drain_says_goodbye_and_hears_it),
    BOTH_TEST(one_in_its_handshake_ends_without_a_goodbye),
    BOTH_TEST(a_transport_that_fails_ends_the_protocol_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
