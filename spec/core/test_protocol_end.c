/* test_protocol_end.c - a protocol that knows its units: how its connections end, by peers, limits
 * and the ladder. */
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "frame_world.h"

#define EMBEDDER frame_embedder_of_all

static void say_goodbye(int peer)
{
  frame_say(peer, FRAME_GOODBYE, "");
  peer_finish(peer);
}

/* A part of a message, which the connection has received. */
static void say_part(world *w, seen *one, int peer)
{
  uint64_t before = one->conn->received;
  char text[WORLD_TEXT];
  frame_put(text, FRAME_CALL, "a part");
  text[6] = 0;
  assert_int_equal(send(peer, text, 6, MSG_NOSIGNAL), 6);
  TURN_UNTIL(w, one->conn->received == before + 6);
}

static void say_rest(int peer)
{
  char text[WORLD_TEXT];
  size_t size = frame_put(text, FRAME_CALL, "a part");
  assert_int_equal(send(peer, text + 6, size - 6, MSG_NOSIGNAL), size - 6);
}

static seen *working(world *w, int *peer)
{
  int before = EMBEDDER.told;
  seen *one = world_accept(w, peer);
  EMBEDDER.holds = 1;
  frame_say(*peer, FRAME_CALL, "work");
  TURN_UNTIL(w, EMBEDDER.told > before);
  return one;
}

/* ---------------------------------------------------------------------- peers -- */

static void the_peer_finishes_between_two(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  peer_finish(peer);
  world_expect_sight(w, peer, PEER_EOF);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
  peer_close(peer);
}

static void the_peer_finishes_in_the_middle_of_a_message(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  say_part(w, one, peer);
  peer_finish(peer);
  world_expect_sight(w, peer, PEER_EOF);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(EMBEDDER.told, 0);
  peer_close(peer);
}

/* It has only finished sending: what it has asked for is answered, a pipelined message too. */
static void the_peer_finishes_while_its_messages_are_worked_for(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = working(w, &peer);
  frame_say(peer, FRAME_CALL, "one more");
  peer_finish(peer);
  TURN_UNTIL(w, one->ready & LC_FINISHED);
  frame_end(one);
  TURN_UNTIL(w, EMBEDDER.told == 2);
  frame_end(one);
  frame_expect(w, peer, FRAME_ANSWER, "");
  frame_expect(w, peer, FRAME_ANSWER, "");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void the_embedder_reads_no_more_and_the_connection_ends_with_its_unit(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = working(w, &peer);
  assert_int_equal(lc_conn_shutdown(one->conn, SHUT_RD), 0);
  frame_end(one);
  frame_expect(w, peer, FRAME_ANSWER, "");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_reset_is_at_rest_between_two_and_not_within_one(void **state)
{
  world *w = *state;
  int resting, waiting;
  world_serve(w);
  seen *parked = frame_parked(w, &resting);
  seen *busy = working(w, &waiting);
  peer_reset(resting);
  peer_reset(waiting);
  TURN_UNTIL(w, parked->closed && busy->closed);
  assert_true(lc_conn_was_at_rest(parked->conn));
  assert_false(lc_conn_was_at_rest(busy->conn));
  lc_conn_unit_ended(busy->conn); /* too late, and harmless */
}

static void the_peer_says_goodbye_by_itself(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  frame_say(peer, FRAME_GOODBYE, "");
  frame_expect(w, peer, FRAME_GOODBYE, "");
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(one->cause, "left");
  peer_close(peer);
}

/* --------------------------------------------------------------------- limits -- */

static void read_timeout_ends_one_that_waits_for_the_rest_of_a_message(void **state)
{
  world *w = *state;
  int slow, idle;
  w->options.settings.read_timeout = 40 * LC_MILLISECOND;
  world_serve(w);
  seen *parked = frame_parked(w, &idle);
  seen *one = world_accept(w, &slow);
  say_part(w, one, slow);
  world_expect_sight(w, slow, PEER_EOF);
  assert_string_equal(one->cause, "read timeout");
  assert_true(IS_PARKED(parked)); /* nothing has begun there */
  peer_close(slow);
  peer_close(idle);
}

/* A message that the protocol takes itself ends the time of the one before. */
static void the_time_for_a_message_begins_with_its_first_byte(void **state)
{
  world *w = *state;
  int peer;
  char text[WORLD_TEXT], next[WORLD_TEXT];
  size_t size = frame_put(text, FRAME_PING, "");
  memcpy(next, text + 2, size - 2);
  memcpy(next + size - 2, text, 2);
  w->options.settings.read_timeout = world_seconds(0.3);
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_time until = lc_loop_clock(w->loop) + world_seconds(0.6);
  assert_int_equal(send(peer, text, 2, 0), 2);
  while (lc_loop_clock(w->loop) < until) { /* there is always a part of the next one */
    world_turn_for(w, world_seconds(0.02));
    assert_int_equal(send(peer, next, size, MSG_NOSIGNAL), size);
  }
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  world_expect_sight(w, peer, PEER_DATA);
  TURN_UNTIL(w, lc_conn_state(one->conn) >= LC_STATE_CLOSING);
  assert_string_equal(one->cause, "read timeout");
  peer_close(peer);
}

static void the_deadline_of_a_unit_ends_with_it(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = working(w, &peer);
  lc_conn_set_deadline(one->conn, lc_loop_clock(w->loop) + world_seconds(0.05));
  frame_end(one);
  TURN_UNTIL(w, IS_PARKED(one));
  world_turn_for(w, world_seconds(0.1));
  assert_true(IS_PARKED(one));
  peer_close(peer);
}

static void idle_timeout_says_goodbye_and_waits_for_the_answer(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.idle_timeout = 30 * LC_MILLISECOND;
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  frame_expect(w, peer, FRAME_GOODBYE, "");
  assert_int_equal(peer_look(peer), PEER_QUIET);
  assert_true(lc_conn_state(one->conn) < LC_STATE_CLOSING);
  frame_say(peer, FRAME_CALL, "crossed on the way");
  frame_say(peer, FRAME_GOODBYE, "");
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(one->cause, "left");
  assert_int_equal(EMBEDDER.told, 1);
  peer_close(peer);
}

static void max_age_says_goodbye_to_a_peer_that_never_answers(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.max_age = 30 * LC_MILLISECOND;
  w->options.settings.linger = world_seconds(0.1);
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  frame_expect(w, peer, FRAME_GOODBYE, "");
  unsigned long turns = one->in->loop->stats.turns;
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(one->cause, "goodbye timeout");
  assert_true(one->in->loop->stats.turns - turns < 200); /* it has slept meanwhile */
  peer_close(peer);
}

static void max_age_waits_for_the_end_of_a_unit(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.max_age = 30 * LC_MILLISECOND;
  world_serve(w);
  seen *one = working(w, &peer);
  TURN_UNTIL(w, one->conn->aged);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  frame_end(one);
  frame_expect(w, peer, FRAME_ANSWER, "");
  frame_expect(w, peer, FRAME_GOODBYE, "");
  say_goodbye(peer);
  TURN_UNTIL(w, one->closed);
  peer_close(peer);
}

/* --------------------------------------------------------------------- a drain -- */

/* Though `quiet` is long: the protocol is sure. */
static void those_between_two_leave_at_once_and_count_as_idle(void **state)
{
  enum { MANY = 5 };
  world *w = *state;
  int peers[MANY];
  w->options.drain.quiet = world_seconds(60);
  world_serve(w);
  for (int i = 0; i < MANY; i++) frame_parked(w, &peers[i]);
  world_drain_within(w, world_seconds(30));
  for (int i = 0; i < MANY; i++) {
    frame_expect(w, peers[i], FRAME_GOODBYE, "");
    assert_int_equal(peer_look(peers[i]), PEER_QUIET); /* the answer is awaited */
    frame_say(peers[i], FRAME_GOODBYE, "");
  }
  for (int i = 0; i < MANY; i++) {
    world_expect_sight(w, peers[i], PEER_EOF);
    peer_close(peers[i]);
  }
  TURN_UNTIL_DONE(w);
  assert_int_equal(lc_server_report(w->server)->closed_idle, MANY);
  assert_int_equal(lc_server_report(w->server)->late, 0);
  assert_int_equal(lc_server_report(w->server)->finished, 0);
  assert_int_equal(lc_server_report(w->server)->reset_by_us, 0);
}

/* Its first message may be on its way. */
static void one_that_never_spoke_is_given_time(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.quiet = world_seconds(60);
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_drain_within(w, world_seconds(90));
  world_turn_for(w, world_seconds(0.05));
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_NEW);
  frame_say(peer, FRAME_CALL, "first");
  frame_expect(w, peer, FRAME_ANSWER, "");
  frame_expect(w, peer, FRAME_GOODBYE, "");
  say_goodbye(peer);
  TURN_UNTIL_DONE(w);
  peer_close(peer);
}

static void a_part_of_a_message_is_finished_and_answered(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  say_part(w, one, peer);
  world_drain_within(w, world_seconds(30));
  world_turn_for(w, w->options.drain.quiet + world_seconds(0.05)); /* the mark is behind it */
  say_rest(peer);
  frame_expect(w, peer, FRAME_ANSWER, "");
  frame_expect(w, peer, FRAME_GOODBYE, "");
  say_goodbye(peer);
  TURN_UNTIL_DONE(w);
  assert_int_equal(lc_server_report(w->server)->closed_idle, 1);
  peer_close(peer);
}

static void units_before_the_mark_are_handed_over_and_those_behind_refused(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = working(w, &peer);
  frame_say(peer, FRAME_CALL, "before");
  world_drain_within(w, world_seconds(30));
  world_turn_for(w, w->options.drain.quiet + world_seconds(0.05));
  frame_say(peer, FRAME_CALL, "behind");
  frame_end(one);
  TURN_UNTIL(w, EMBEDDER.told == 2);
  frame_end(one);
  frame_expect(w, peer, FRAME_ANSWER, "");
  frame_expect(w, peer, FRAME_ANSWER, "");
  frame_expect(w, peer, FRAME_GOODBYE, "");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL_DONE(w);
  assert_string_equal(EMBEDDER.words, " work before");
  assert_int_equal(lc_server_report(w->server)->late, 1);
}

/* Nobody waits for the rest of what would be refused. */
static void a_part_behind_the_mark_is_refused_before_it_is_whole(void **state)
{
  world *w = *state;
  int peer;
  char text[WORLD_TEXT];
  frame_put(text, FRAME_CALL, "behind");
  world_serve(w);
  seen *one = working(w, &peer);
  world_drain_within(w, world_seconds(30));
  world_turn_for(w, w->options.drain.quiet + world_seconds(0.05));
  assert_int_equal(send(peer, text, 6, 0), 6);
  frame_end(one);
  frame_expect(w, peer, FRAME_ANSWER, "");
  frame_expect(w, peer, FRAME_GOODBYE, "");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL_DONE(w);
}

static void a_goodbye_without_an_answer_ends_with_the_linger(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.linger = world_seconds(0.1);
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  world_drain_within(w, world_seconds(30));
  frame_expect(w, peer, FRAME_GOODBYE, "");
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(one->cause, "goodbye timeout");
  peer_close(peer);
  TURN_UNTIL_DONE(w);
  assert_int_equal(lc_server_report(w->server)->closed_idle, 1);
}

/* The world cancels nothing: the goodbye is the connection's own. */
static void a_goodbye_without_an_answer_ends_with_cancel(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.linger = world_seconds(20);
  w->options.drain.grace = world_seconds(5);
  world_serve(w);
  seen *one = frame_parked(w, &peer);
  world_drain_within(w, world_seconds(5));
  frame_expect(w, peer, FRAME_GOODBYE, "");
  lc_server_advance(w->server, LC_STEP_CANCEL);
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(one->cause, "canceled");
  peer_close(peer);
  TURN_UNTIL_DONE(w);
  assert_string_equal(w->steps, " stop drain cancel done");
}

/* No task works for the connection, and no other part would close it. */
static void a_parked_connection_whose_answer_is_not_taken_ends(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.linger = w->options.settings.write_timeout = 30 * LC_MILLISECOND;
  world_serve(w);
  seen *one = working(w, &peer);
  world_fill(one);
  lc_conn_unit_ended(one->conn);
  TURN_UNTIL(w, one->closed);
  assert_string_equal(one->cause, "timeout");
  close(peer);
}

static void at_cancel_units_and_parts_of_messages_end_with_a_goodbye(void **state)
{
  world *w = *state;
  int canceled, part;
  w->options.closes_at_cancel = 1;
  w->options.drain.grace = world_seconds(5);
  world_serve(w);
  seen *one = working(w, &canceled);
  seen *half = world_accept(w, &part);
  say_part(w, half, part);
  world_drain_within(w, world_seconds(60));
  lc_server_advance(w->server, LC_STEP_CANCEL);
  frame_expect(w, canceled, FRAME_GOODBYE, "");
  world_expect_sight(w, canceled, PEER_EOF);
  frame_expect(w, part, FRAME_GOODBYE, "");
  world_expect_sight(w, part, PEER_EOF);
  assert_string_equal(one->cause, "canceled");
  lc_conn_unit_ended(one->conn); /* its embedder was told that it has ended */
  peer_close(canceled);
  peer_close(part);
  TURN_UNTIL_DONE(w);
}

static void kill_resets_units_and_parts_of_messages(void **state)
{
  world *w = *state;
  int busy, part;
  world_serve(w);
  working(w, &busy);
  seen *half = world_accept(w, &part);
  say_part(w, half, part);
  world_drain_within(w, world_seconds(60));
  lc_server_advance(w->server, LC_STEP_KILL);
  TURN_UNTIL_DONE(w);
  assert_int_equal(peer_look(busy), PEER_RESET);
  assert_int_equal(peer_look(part), PEER_RESET);
  assert_int_equal(lc_server_report(w->server)->reset_by_us, 2);
  peer_close(busy);
  peer_close(part);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    FRAME_TEST(the_peer_finishes_between_two),
    FRAME_TEST(the_peer_finishes_in_the_middle_of_a_message),
    FRAME_TEST(the_peer_finishes_while_its_messages_are_worked_for),
    FRAME_TEST(the_embedder_reads_no_more_and_the_connection_ends_with_its_unit),
    FRAME_TEST(a_reset_is_at_rest_between_two_and_not_within_one),
    FRAME_TEST(the_peer_says_goodbye_by_itself),
    FRAME_TEST(read_timeout_ends_one_that_waits_for_the_rest_of_a_message),
    FRAME_TEST(the_time_for_a_message_begins_with_its_first_byte),
    FRAME_TEST(the_deadline_of_a_unit_ends_with_it),
    FRAME_TEST(idle_timeout_says_goodbye_and_waits_for_the_answer),
    FRAME_TEST(max_age_says_goodbye_to_a_peer_that_never_answers),
    FRAME_TEST(max_age_waits_for_the_end_of_a_unit),
    FRAME_TEST(those_between_two_leave_at_once_and_count_as_idle),
    FRAME_TEST(one_that_never_spoke_is_given_time),
    FRAME_TEST(a_part_of_a_message_is_finished_and_answered),
    FRAME_TEST(units_before_the_mark_are_handed_over_and_those_behind_refused),
    FRAME_TEST(a_part_behind_the_mark_is_refused_before_it_is_whole),
    FRAME_TEST(a_goodbye_without_an_answer_ends_with_the_linger),
    FRAME_TEST(a_goodbye_without_an_answer_ends_with_cancel),
    FRAME_TEST(a_parked_connection_whose_answer_is_not_taken_ends),
    FRAME_TEST(at_cancel_units_and_parts_of_messages_end_with_a_goodbye),
    FRAME_TEST(kill_resets_units_and_parts_of_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
