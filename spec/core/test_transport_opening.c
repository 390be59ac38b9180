/* test_transport_opening.c - the handshake of a transport: the owner hears of a connection when it
 * is over. */
#include <unistd.h>

#include "conn/protocol.h"
#include "odd_world.h"

/* A peer that has said its first word, and does not listen to the answer. */
static odd_peer *come_half(world *w)
{
  odd_peer *peer = odd_come(w);
  peer->is_deaf = 1;
  odd_peer_pump(peer);
  PUMP_UNTIL(w, peer, lc_server_count(w->server, LC_STATE_NEW) == 1);
  TURN_UNTIL(w, peer_look(peer->fd) == PEER_DATA);
  return peer;
}

static void assert_never_heard_of(world *w, odd_peer *peer)
{
  odd_until_gone(w, peer);
  assert_int_equal(w->count, 0);
  assert_int_equal(lc_server_report(w->server)->accepted, 1);
}

static void the_owner_hears_of_a_connection_when_it_is_open(void **state)
{
  world *w = *state;
  world_serve(w);
  odd_peer *peer = come_half(w);
  assert_int_equal(w->count, 0);
  assert_int_equal(lc_server_report(w->server)->accepted, 1);
  peer->is_deaf = 0;
  PUMP_UNTIL(w, peer, w->count == 1);
  assert_string_equal(w->conns[0].states, "");
  assert_int_equal(lc_conn_state(w->conns[0].conn), LC_STATE_NEW);
  odd_peer_free(peer);
}

static void bytes_of_the_handshake_are_a_sign_of_life(void **state)
{
  world *w = *state;
  lc_conn_stats before, now;
  world_serve(w);
  odd_peer *peer = come_half(w);
  const lc_conn *conn = lc_server_next(w->server, NULL);
  lc_conn_stats_get(conn, &before);
  world_turn_for(w, 10 * LC_MILLISECOND);
  char next[2] = {odd_words[2][0], 0};
  odd_encode(&peer->out_key, (unsigned char *)next, 1);
  peer_say(peer->fd, next);
  TURN_UNTIL(w, (lc_conn_stats_get(conn, &now), now.last_byte_at > before.last_byte_at));
  assert_int_equal(now.received, 0);
  assert_int_equal(w->count, 0);
  odd_peer_free(peer);
}

static void bytes_that_come_with_the_handshake_are_there(void **state)
{
  world *w = *state;
  char text[WORLD_TEXT] = "";
  lc_slice slice;
  world_serve(w);
  odd_peer *peer = odd_come(w);
  peer->at_once = "first";
  PUMP_UNTIL(w, peer, w->count == 1);
  TURN_UNTIL(w, lc_conn_read_exact(w->conns[0].conn, 5, &slice) == 0);
  memcpy(text, slice.data, slice.length);
  assert_string_equal(text, "first");
  odd_peer_free(peer);
}

static void a_fin_that_comes_with_the_handshake_is_told(void **state)
{
  world *w = *state;
  lc_slice slice;
  world_serve(w);
  odd_peer *peer = come_half(w);
  peer->at_once = "all";
  peer->is_deaf = 0;
  while (peer->word + 1 < ODD_WORDS) odd_peer_pump(peer); /* no turn of the loop */
  odd_finish_sending(peer);
  PUMP_UNTIL(w, peer, w->count == 1 && w->conns[0].ready & LC_FINISHED);
  assert_int_equal(lc_conn_read_all(w->conns[0].conn, 100, &slice), 0);
  assert_int_equal(slice.length, 3);
  odd_peer_free(peer);
}

static lc_arrival line_arrived(lc_conn *conn, void *state)
{
  lc_slice slice;
  (void)state;
  lc_conn_buffered(conn, &slice);
  return memchr(slice.data, '\n', slice.length) ? LC_ARRIVAL_UNIT : LC_ARRIVAL_MORE;
}

static int line_is_between(const lc_conn *conn, const void *state)
{
  lc_slice slice;
  (void)state;
  lc_conn_buffered(conn, &slice);
  return !slice.length;
}

static void a_unit_that_comes_with_the_handshake_is_handed_over(void **state)
{
  static const lc_protocol LINES = {.name = "lines",
                                    .arrived = line_arrived,
                                    .is_between = line_is_between,
                                    .is_sure = line_is_between};
  world *w = *state;
  w->options.protocol = &LINES;
  world_serve(w);
  odd_peer *peer = odd_come(w);
  peer->at_once = "unit\n";
  PUMP_UNTIL(w, peer, w->count == 1 && w->conns[0].ready & LC_UNIT);
  odd_peer_free(peer);
}

/* ------------------------------------------------------------------- failures -- */

static void say_nonsense(odd_peer *peer) { peer_say(peer->fd, "GET / HTTP/1.1\r\n\r\n"); }
static void say_the_end(odd_peer *peer) { peer_finish(peer->fd); }

static void reset(odd_peer *peer)
{
  peer_reset(peer->fd);
  peer->fd = -1;
  peer->error = ECONNRESET;
}

static void a_peer_that_fails_in_the_handshake_was_never_there(void **state)
{
  static void (*const ways[])(odd_peer * peer) = {say_nonsense, say_the_end, reset};
  world *w = *state;
  unsigned expected = 0;
  world_serve(w);
  const lc_report *report = lc_server_report(w->server);
  for (size_t i = 0; i < 2 * (sizeof ways / sizeof *ways); i++) {
    odd_peer *peer = i % 2 ? come_half(w) : odd_come(w);
    ways[i / 2](peer);
    expected++;
    TURN_UNTIL(w, report->accepted == expected && !lc_server_count(w->server, LC_STATES));
    odd_peer_free(peer);
  }
  assert_int_equal(w->count, 0);
}

static void first_byte_timeout_holds_for_the_handshake(void **state)
{
  world *w = *state;
  w->options.settings.first_byte_timeout = 100 * LC_MILLISECOND;
  world_serve(w);
  odd_peer *peer = come_half(w);
  TURN_UNTIL(w, !lc_server_count(w->server, LC_STATES));
  peer->is_deaf = 0;
  peer->word = ODD_WORDS;
  peer->frame_left = ODD_PEER_ROOM;
  assert_never_heard_of(w, peer);
}

static void first_byte_timeout_goes_on_behind_the_handshake(void **state)
{
  world *w = *state;
  odd_peer *peer;
  w->options.settings.first_byte_timeout = 200 * LC_MILLISECOND;
  world_serve(w);
  const seen *one = odd_meet(w, &peer);
  PUMP_UNTIL(w, peer, peer->heard_end);
  assert_string_equal(one->cause, "first byte timeout");
  odd_peer_free(peer);
}

static void max_age_holds_for_the_handshake(void **state)
{
  world *w = *state;
  w->options.settings.max_age = 100 * LC_MILLISECOND;
  world_serve(w);
  odd_peer *peer = odd_come(w); /* and says nothing */
  peer->word = ODD_WORDS;
  assert_never_heard_of(w, peer);
}

static void heartbeats_begin_behind_the_handshake(void **state)
{
  world *w = *state;
  w->options.settings.heartbeat =
    (lc_heartbeat){.interval = 20 * LC_MILLISECOND, .timeout = 20 * LC_MILLISECOND};
  world_serve(w);
  odd_peer *peer = come_half(w);
  world_turn_for(w, 200 * LC_MILLISECOND);
  peer->is_deaf = 0;
  PUMP_UNTIL(w, peer, w->count == 1);
  odd_peer_free(peer);
}

/* --------------------------------------------------------------------- the ladder -- */

static void a_drain_serves_a_peer_that_is_in_its_handshake(void **state)
{
  world *w = *state;
  lc_slice slice;
  w->options.drain.quiet = world_seconds(0.5);
  world_serve(w);
  odd_peer *peer = come_half(w);
  assert_int_equal(lc_server_shutdown(w->server, w->sys->now(w->sys) + world_seconds(20)), 0);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  peer->is_deaf = 0;
  peer->at_once = "request";
  PUMP_UNTIL(w, peer, w->count == 1);
  const seen *one = &w->conns[0];
  assert_int_equal(lc_conn_admit(one->conn, LC_WAIT_AWAIT), 0);
  TURN_UNTIL(w, lc_conn_read_exact(one->conn, 7, &slice) == 0);
  world_write(&w->conns[0], "answer");
  lc_conn_finish(one->conn, "answered");
  PUMP_UNTIL(w, peer, odd_peer_heard(peer, "answer") && peer->heard_end);
  odd_peer_free(peer);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
}

static void a_drain_ends_a_handshake_that_has_come_to_rest(void **state)
{
  world *w = *state;
  w->options.drain.quiet = 50 * LC_MILLISECOND;
  world_serve(w);
  odd_peer *peer = come_half(w);
  assert_int_equal(lc_server_shutdown(w->server, w->sys->now(w->sys) + world_seconds(30)), 0);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
  assert_string_equal(w->steps, " stop drain done");
  assert_int_equal(w->count, 0);
  assert_int_equal(lc_server_report(w->server)->closed_idle, 1);
  odd_peer_free(peer);
}

static int reached;

static void note_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)conn;
  (void)what;
  (void)user;
}

static void note_opened(lc_conn *conn, void *user) { note_ready(conn, 0, user); }

static void note_reached(lc_conn *conn, lc_step step, void *user)
{
  note_ready(conn, (unsigned)step, user);
  reached++;
}

static void the_ladder_ends_a_handshake_that_nobody_has_heard_of(void **state)
{
  static const lc_events EVENTS = {
    .opened = note_opened, .ready = note_ready, .reached = note_reached};
  world *w = *state;
  int error = 0;
  w->options.drain.quiet = world_seconds(30);
  w->address = world_loopback();
  w->server = lc_server_new(w->loop, &w->options, &EVENTS, w, &error);
  assert_non_null(w->server);
  assert_int_equal(world_listen(w, NULL), 0);
  odd_peer *peer = come_half(w);
  assert_int_equal(lc_server_shutdown(w->server, w->sys->now(w->sys) + LC_SECOND), 0);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
  assert_int_equal(reached, 0);
  assert_int_equal(lc_server_report(w->server)->step_at[LC_STEP_KILL], 0);
  odd_peer_free(peer);
}

/* --------------------------------------------------------------------- the table -- */

static void a_transport_of_another_version_is_refused(void **state)
{
  world *w = *state;
  odd.table.version++;
  assert_int_equal(world_new_server(w, 0), -EPROTONOSUPPORT);
  odd.table.version = 0;
  assert_int_equal(world_new_server(w, 0), -EPROTONOSUPPORT);
}

static int opened_later;

static int open_at_third(lc_line *line)
{
  (void)line;
  return ++opened_later < 3 ? LC_AGAIN : 0;
}

static int stateless_unread(lc_line *line) { return line->sys->unread(line->sys, line->fd); }

static void a_transport_without_state_may_have_a_handshake(void **state)
{
  world *w = *state;
  odd.table.begin = NULL;
  odd.table.end = NULL;
  odd.table.open = open_at_third;
  odd.table.unread = stateless_unread;
  odd.table.unacked = stateless_unread;
  world_serve(w);
  int peer = peer_connect(&w->address);
  for (int i = 0; w->count == 0; i++) {
    assert_true(i < 1000);
    if (opened_later) peer_say(peer, "x");
    world_turn_for(w, 10 * LC_MILLISECOND);
  }
  assert_int_equal(opened_later, 3);
  lc_conn_abort(w->conns[0].conn, "enough");
  peer_close(peer);
}

static enum { LEAVE_IT, TAKE_IT, TAKE_IT_AND_OPEN } opener;

static int open_in_steps(lc_line *line)
{
  char sink[16];
  if (opener == LEAVE_IT) return LC_AGAIN;
  ssize_t got = line->sys->recv(line->sys, line->fd, sink, sizeof sink, 0);
  return got > 0 && opener == TAKE_IT_AND_OPEN ? 0 : LC_AGAIN;
}

/* The guard keeps the connection from being dismissed meanwhile. */
static void bytes_of_the_handshake_are_no_work_that_a_drain_has_marked(void **state)
{
  world *w = *state;
  odd.table.begin = NULL;
  odd.table.end = NULL;
  odd.table.open = open_in_steps;
  odd.table.unread = stateless_unread;
  odd.table.unacked = stateless_unread;
  w->options.drain.quiet = 50 * LC_MILLISECOND;
  opener = LEAVE_IT;
  world_serve(w);
  int peer = peer_connect(&w->address);
  peer_say(peer, "x");
  TURN_UNTIL(w, lc_server_count(w->server, LC_STATE_NEW) == 1);
  lc_conn *conn = lc_server_next(w->server, NULL);
  lc_conn_guard(conn);
  assert_int_equal(lc_server_shutdown(w->server, w->sys->now(w->sys) + world_seconds(20)), 0);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  opener = TAKE_IT;
  peer_say(peer, "y");
  world_turn_for(w, 4 * w->options.drain.quiet);
  opener = TAKE_IT_AND_OPEN;
  peer_say(peer, "z");
  TURN_UNTIL(w, w->count == 1);
  lc_conn_unguard(conn);
  assert_int_equal(lc_conn_admit(conn, LC_WAIT_AWAIT), 0);
  lc_conn_abort(conn, "enough");
  peer_close(peer);
}

static void bytes_of_the_handshake_are_not_the_first_byte(void **state)
{
  world *w = *state;
  odd.table.begin = NULL;
  odd.table.end = NULL;
  odd.table.open = open_in_steps;
  odd.table.unread = stateless_unread;
  odd.table.unacked = stateless_unread;
  w->options.settings.first_byte_timeout = 100 * LC_MILLISECOND;
  opener = LEAVE_IT;
  world_serve(w);
  int peer = peer_connect(&w->address);
  peer_say(peer, "x");
  TURN_UNTIL(w, lc_server_count(w->server, LC_STATE_NEW) == 1);
  TURN_UNTIL(w, lc_server_count(w->server, LC_STATES) == 0);
  assert_int_equal(w->count, 0);
  peer_close(peer);
}

/* Takes what has come, and then waits for room to write. */
static char taken[16];
static ssize_t taken_length;

static int open_when_there_is_room(lc_line *line)
{
  static char filling[4096];
  struct iovec piece = {filling, sizeof filling};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  const lc_sys *sys = line->sys;
  if (taken_length) return sys->unacked(sys, line->fd) > 100 * 1000 ? LC_AGAIN : 0;
  taken_length = sys->recv(sys, line->fd, taken, sizeof taken, 0);
  if (taken_length <= 0) {
    taken_length = 0;
    return LC_AGAIN;
  }
  while (sys->sendmsg(sys, line->fd, &message, MSG_NOSIGNAL) > 0) continue;
  return LC_AGAIN;
}

static ssize_t receive_taken(lc_line *line, void *into, size_t room)
{
  ssize_t length = taken_length;
  (void)line;
  assert_true((size_t)length <= room);
  memcpy(into, taken, (size_t)length);
  taken_length = 0;
  return length;
}

/* Says something, and perhaps all, long before the server has done with its handshake. */
static seen *come_early(world *w, int *peer, int is_all)
{
  odd.table.begin = NULL;
  odd.table.end = NULL;
  odd.table.open = open_when_there_is_room;
  odd.table.receive = receive_taken;
  odd.table.unread = stateless_unread;
  odd.table.unacked = stateless_unread;
  taken_length = 0;
  world_serve(w);
  *peer = peer_connect(&w->address);
  peer_say(*peer, "early");
  if (is_all) peer_finish(*peer);
  TURN_UNTIL(w, taken_length == 5);
  world_turn_for(w, 50 * LC_MILLISECOND);
  assert_int_equal(w->count, 0);
  TURN_UNTIL(w, (peer_skip(*peer), w->count == 1));
  return &w->conns[0];
}

static void read_early(seen *one, int peer)
{
  char text[WORLD_TEXT];
  assert_string_equal(world_read(one, text, sizeof text), "early");
  lc_conn_abort(one->conn, "enough");
  peer_close(peer);
}

static void bytes_that_came_early_are_told_at_the_end_of_the_handshake(void **state)
{
  int peer;
  seen *one = come_early(*state, &peer, 0);
  TURN_UNTIL(one->in, one->ready & LC_READABLE);
  read_early(one, peer);
}

static void a_fin_that_came_early_is_told_at_the_end_of_the_handshake(void **state)
{
  int peer;
  seen *one = come_early(*state, &peer, 1);
  TURN_UNTIL(one->in, one->ready & LC_FINISHED);
  read_early(one, peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    ODD_TEST(the_owner_hears_of_a_connection_when_it_is_open),
    ODD_TEST(bytes_of_the_handshake_are_a_sign_of_life),
    ODD_TEST(bytes_that_come_with_the_handshake_are_there),
    ODD_TEST(a_fin_that_comes_with_the_handshake_is_told),
    ODD_TEST(a_unit_that_comes_with_the_handshake_is_handed_over),
    ODD_TEST(a_peer_that_fails_in_the_handshake_was_never_there),
    ODD_TEST(first_byte_timeout_holds_for_the_handshake),
    ODD_TEST(first_byte_timeout_goes_on_behind_the_handshake),
    ODD_TEST(max_age_holds_for_the_handshake),
    ODD_TEST(heartbeats_begin_behind_the_handshake),
    ODD_TEST(a_drain_serves_a_peer_that_is_in_its_handshake),
    ODD_TEST(a_drain_ends_a_handshake_that_has_come_to_rest),
    ODD_TEST(the_ladder_ends_a_handshake_that_nobody_has_heard_of),
    ODD_TEST(a_transport_of_another_version_is_refused),
    ODD_TEST(a_transport_without_state_may_have_a_handshake),
    ODD_TEST(bytes_of_the_handshake_are_no_work_that_a_drain_has_marked),
    ODD_TEST(bytes_of_the_handshake_are_not_the_first_byte),
    ODD_TEST(bytes_that_came_early_are_told_at_the_end_of_the_handshake),
    ODD_TEST(a_fin_that_came_early_is_told_at_the_end_of_the_handshake),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
