/* test_drain.c - the ladder of one server: who is closed, who is waited for, and until when. */
#include <unistd.h>

#include "conn/guess.h"
#include "world.h"

static seen *make_idle(world *w, int *peer)
{
  seen *one = world_accept_busy(w, peer);
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  return one;
}

static void with_nothing_open_it_is_done_at_once(void **state)
{
  world *w = *state;
  assert_int_equal(world_new_server(w, 0), 0); /* not even a listener, which would settle */
  world_drain_within(w, 100 * LC_SECOND);
  world_turn(w);
  assert_int_equal(lc_server_step(w->server), LC_STEP_DONE);
  assert_string_equal(w->steps, " stop drain done");
  assert_true(lc_loop_next(w->loop) == LC_NEVER); /* no timer is left */
}

static void the_idle_are_closed_and_counted(void **state)
{
  enum { MANY = 5 };
  world *w = *state;
  int peers[MANY];
  world_serve(w);
  for (int i = 0; i < MANY; i++) make_idle(w, &peers[i]);
  world_drain_within(w, world_seconds(10));
  for (int i = 0; i < MANY; i++) {
    world_expect_sight(w, peers[i], PEER_EOF);
    peer_close(peers[i]);
  }
  TURN_UNTIL_DONE(w);
  const lc_report *report = lc_server_report(w->server);
  assert_int_equal(report->closed_idle, MANY);
  assert_int_equal(report->finished, 0);
  assert_int_equal(report->reset_by_us, 0);
  assert_int_equal(report->undelivered_bytes, 0);
}

static void the_busy_are_waited_for_and_it_ends_with_the_last_of_them(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer);
  world_drain_within(w, world_seconds(10));
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
  assert_int_equal(lc_server_step(w->server), LC_STEP_DRAIN);
  world_write(one, "response");
  lc_conn_finish(one->conn, "finished");
  world_expect(w, peer, "response");
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  world_turn(w);
  assert_int_equal(lc_server_step(w->server), LC_STEP_DONE); /* at once, not at the next poll */
  assert_int_equal(lc_server_report(w->server)->finished, 1);
  assert_string_equal(w->steps, " stop drain done");
}

static void one_that_never_spoke_is_closed_only_after_quiet(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.quiet = 150 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  lc_time opened = lc_loop_now(w->loop);
  world_drain_within(w, world_seconds(10));
  world_expect_sight(w, peer, PEER_EOF);
  assert_true(lc_loop_clock(w->loop) - opened >= 140 * LC_MILLISECOND);
  peer_close(peer);
  TURN_UNTIL_DONE(w);
}

static void one_whose_first_byte_is_in_the_kernel_is_served(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.quiet = 0;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  world_turn_for(w, 5 * LC_MILLISECOND);
  peer_say(peer, "request"); /* has not been read when the drain begins */
  world_drain_within(w, world_seconds(10));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  world_swallow(one);
  world_write(one, "response");
  lc_conn_finish(one->conn, "finished");
  world_expect(w, peer, "response");
  peer_close(peer);
  TURN_UNTIL_DONE(w);
  assert_int_equal(lc_server_report(w->server)->finished, 1);
}

/* How many turns the loop makes within `time`, in which nothing happens. */
static uint64_t turns_within(world *w, lc_time time)
{
  lc_loop_stats before, now;
  lc_time end = w->sys->now(w->sys) + time, left;
  lc_loop_stats_get(w->loop, &before);
  while ((left = end - w->sys->now(w->sys)) > 0) lc_loop_turn(w->loop, left);
  lc_loop_stats_get(w->loop, &now);
  return now.turns - before.turns;
}

static void a_request_that_is_not_read_takes_no_turns(void **state)
{
  world *w = *state;
  int before, during;
  w->options.drain.quiet = 50 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept(w, &before), *other = world_accept(w, &during);
  peer_say(before, "request");
  world_turn_for(w, 60 * LC_MILLISECOND);
  world_drain_within(w, world_seconds(10));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  peer_say(during, "request");
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
  world_turn_for(w, 200 * LC_MILLISECOND); /* past `quiet` for both */
  assert_true(turns_within(w, 100 * LC_MILLISECOND) < 10);
  assert_int_equal(lc_conn_admit(one->conn, LC_WAIT_READ), 0);
  assert_int_equal(lc_conn_admit(other->conn, LC_WAIT_READ), 0);
  world_swallow(one);
  world_swallow(other);
  lc_conn_finish(one->conn, "finished");
  lc_conn_finish(other->conn, "finished");
  peer_close(before);
  peer_close(during);
  TURN_UNTIL_DONE(w);
  assert_int_equal(lc_server_report(w->server)->closed_idle, 0);
}

/* As a loop of the embedder's does that asks each connection in turn. */
static int ask_until_told(world *w, seen *one)
{
  lc_time end = w->sys->now(w->sys) + world_seconds(5);
  int result = LC_AGAIN;
  while (result == LC_AGAIN && w->sys->now(w->sys) < end) {
    world_turn_for(w, 5 * LC_MILLISECOND);
    result = lc_conn_ask(one->conn);
  }
  return result;
}

static void one_that_is_asked_in_vain_is_idle_after_quiet(void **state)
{
  world *w = *state;
  int spoken, silent, half;
  w->options.drain.quiet = 100 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept_busy(w, &spoken), *other = world_accept(w, &silent);
  seen *busy = world_accept_busy(w, &half);
  lc_conn_hold(other->conn); /* a task asks */
  world_write(one, "answer");
  assert_int_equal(lc_conn_ask(one->conn), LC_AGAIN);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  world_drain_within(w, world_seconds(10));
  assert_true(ask_until_told(w, one) < 0);
  assert_true(ask_until_told(w, other) < 0);
  assert_int_equal(lc_conn_ask(busy->conn), LC_AGAIN);
  assert_int_equal(lc_conn_state(busy->conn), LC_STATE_ACTIVE);
  lc_conn_release(other->conn);
  lc_conn_finish(other->conn, "finished");
  lc_conn_finish(busy->conn, "finished");
  peer_close(spoken);
  peer_close(silent);
  peer_close(half);
  TURN_UNTIL_DONE(w);
}

static void one_to_which_a_write_was_accepted_in_part_is_not_idle(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.quiet = 0;
  w->options.settings.gather = 0;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer);
  world_fill(one);
  world_drain_within(w, world_seconds(10));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(lc_conn_ask(one->conn), LC_AGAIN);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  lc_conn_abort(one->conn, "done");
  peer_close(peer);
  TURN_UNTIL_DONE(w);
}

static void after_quiet_a_read_for_new_work_is_told_that_it_drains(void **state)
{
  world *w = *state;
  int peer;
  w->options.drain.quiet = 50 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer);
  assert_int_equal(lc_conn_admit(one->conn, LC_WAIT_LINES), 0);
  world_drain_within(w, world_seconds(10));
  world_turn(w);
  world_write(one, "answer");
  assert_int_equal(lc_conn_admit(one->conn, LC_WAIT_LINES), 0); /* within quiet: handed over */
  world_turn_for(w, 80 * LC_MILLISECOND);
  assert_int_equal(lc_conn_admit(one->conn, LC_WAIT_LINES), LC_DRAINING);
  lc_conn_finish(one->conn, "finished");
  peer_close(peer);
  TURN_UNTIL_DONE(w);
}

static void idle_ones_are_closed_over_the_time_of_spread(void **state)
{
  enum { MANY = 20 };
  world *w = *state;
  int peers[MANY], early = 0;
  w->options.drain.spread = 200 * LC_MILLISECOND;
  world_serve(w);
  for (int i = 0; i < MANY; i++) make_idle(w, &peers[i]);
  world_drain_within(w, world_seconds(10));
  world_turn_for(w, 10 * LC_MILLISECOND);
  for (int i = 0; i < MANY; i++) early += lc_conn_state(w->conns[i].conn) >= LC_STATE_CLOSING;
  assert_true(early < MANY);
  for (int i = 0; i < MANY; i++) peer_close(peers[i]);
  TURN_UNTIL_DONE(w);
}

/* ------------------------------------------------------- again, and meanwhile -- */

static void a_further_call_may_only_shorten(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  world_accept_busy(w, &peer);
  lc_time began = lc_loop_clock(w->loop);
  world_drain_within(w, 1000 * LC_SECOND);
  world_turn(w);
  world_drain_within(w, 200 * LC_MILLISECOND);
  world_drain_within(w, 1000 * LC_SECOND);
  TURN_UNTIL_DONE(w);
  assert_true(lc_loop_clock(w->loop) - began < world_seconds(9));
  assert_int_equal(lc_server_shutdown(w->server, LC_NEVER), 0); /* done: nothing happens */
  lc_server_advance(w->server, LC_STEP_KILL);
  world_turn(w);
  assert_int_equal(lc_server_step(w->server), LC_STEP_DONE);
  peer_close(peer);
}

static void jumping_to_kill_passes_every_step(void **state)
{
  world *w = *state;
  int peers[3];
  world_serve(w);
  for (int i = 0; i < 3; i++) world_accept(w, &peers[i]);
  lc_server_advance(w->server, LC_STEP_KILL);
  TURN_UNTIL_DONE(w);
  assert_string_equal(w->steps, " stop drain cancel kill done");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(w->conns[i].closed, 1);
    peer_close(peers[i]);
  }
}

static void free_when_done(world *w, lc_step step)
{
  if (step != LC_STEP_DONE) return;
  lc_server_free(w->server);
  w->server = NULL;
}

static void a_server_may_be_freed_when_it_is_done(void **state)
{
  world *w = *state;
  int peer;
  w->step = free_when_done;
  world_serve(w);
  make_idle(w, &peer);
  world_drain_within(w, 300 * LC_MILLISECOND);
  TURN_UNTIL(w, !w->server);
  assert_string_equal(strstr(w->steps, "done"), "done");
  peer_close(peer);
}

static void nothing_is_listened_on_after_the_shutdown_began(void **state)
{
  world *w = *state;
  world_serve(w);
  world_drain_within(w, 5 * LC_SECOND);
  world_turn(w);
  assert_int_equal(lc_server_listen(w->server, &w->address, NULL), LC_CLOSED);
  TURN_UNTIL_DONE(w);
  assert_int_equal(lc_server_listen(w->server, &w->address, NULL), LC_CLOSED);
}

static void the_times_of_the_steps_are_in_order(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  world_accept(w, &peer);
  w->options.drain.grace = 20 * LC_MILLISECOND;
  world_drain_within(w, 100 * LC_MILLISECOND);
  TURN_UNTIL_DONE(w);
  const lc_time *at = lc_server_report(w->server)->step_at;
  assert_int_equal(at[LC_STEP_SERVING], 0);
  assert_true(at[LC_STEP_STOP] > 0 && at[LC_STEP_STOP] <= at[LC_STEP_DRAIN]);
  assert_true(at[LC_STEP_DRAIN] < at[LC_STEP_CANCEL] && at[LC_STEP_CANCEL] < at[LC_STEP_KILL]);
  assert_true(at[LC_STEP_KILL] <= at[LC_STEP_DONE]);
  peer_close(peer);
}

/* The embedder may end a connection in the callback that tells it of the drain. */
static int goodbyes;

static int say_goodbye(lc_conn *conn, void *state)
{
  (void)state;
  assert_true(lc_conn_state(conn) < LC_STATE_CLOSING);
  goodbyes++;
  return 0;
}

static void abort_it(lc_conn *conn, void *user)
{
  (void)user;
  lc_conn_abort(conn, "test");
}

static void close_it(lc_conn *conn, void *user)
{
  (void)user;
  lc_conn_close(conn, 5 * LC_SECOND, "test");
}

static void drain_one(world *w, void (*draining)(lc_conn *conn, void *user), int expected)
{
  lc_protocol protocol = lc_guess;
  lc_events events = {.draining = draining};
  lc_server_options options;
  lc_conn *conn;
  int error = 0;
  protocol.leave = say_goodbye;
  lc_server_options_init(&options);
  options.protocol = &protocol;
  options.drain.quiet = 0;
  goodbyes = 0;
  lc_server *server = lc_server_new(w->loop, &options, &events, NULL, &error);
  assert_int_equal(lc_conn_connect(server, &w->address, NULL, 1, &conn), 0);
  world_turn_for(w, 5 * LC_MILLISECOND);
  lc_conn_wait(conn, LC_WAIT_AWAIT, LC_NEVER);
  lc_conn_ref(conn);
  lc_server_shutdown(server, LC_NEVER);
  TURN_UNTIL(w, lc_conn_state(conn) >= LC_STATE_CLOSING);
  assert_int_equal(goodbyes, expected);
  lc_conn_unref(conn);
  lc_server_free(server);
}

static void a_connection_that_is_over_is_not_taken_leave_of(void **state)
{
  world *w = *state;
  world_serve(w);
  drain_one(w, abort_it, 0);
  drain_one(w, close_it, 0);
  drain_one(w, NULL, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(with_nothing_open_it_is_done_at_once),
    WORLD_TEST(the_idle_are_closed_and_counted),
    WORLD_TEST(the_busy_are_waited_for_and_it_ends_with_the_last_of_them),
    WORLD_TEST(one_that_never_spoke_is_closed_only_after_quiet),
    WORLD_TEST(one_whose_first_byte_is_in_the_kernel_is_served),
    WORLD_TEST(a_request_that_is_not_read_takes_no_turns),
    WORLD_TEST(one_that_is_asked_in_vain_is_idle_after_quiet),
    WORLD_TEST(one_to_which_a_write_was_accepted_in_part_is_not_idle),
    WORLD_TEST(after_quiet_a_read_for_new_work_is_told_that_it_drains),
    WORLD_TEST(idle_ones_are_closed_over_the_time_of_spread),
    WORLD_TEST(a_further_call_may_only_shorten),
    WORLD_TEST(jumping_to_kill_passes_every_step),
    WORLD_TEST(a_server_may_be_freed_when_it_is_done),
    WORLD_TEST(nothing_is_listened_on_after_the_shutdown_began),
    WORLD_TEST(the_times_of_the_steps_are_in_order),
    WORLD_TEST(a_connection_that_is_over_is_not_taken_leave_of),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
