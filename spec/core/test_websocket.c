/* test_websocket.c - WebSocket for programs in C: messages, Close, the drain, and lack of memory. */
#include <stdio.h>
#include <unistd.h>

#include "memory.h"
#include "world.h"

/* Frames of a client whose mask is four zeros. */
#define TEXT(length) "\x81" length "\0\0\0\0"
#define FRAME(opcode, length) opcode length "\0\0\0\0"

static struct {
  lc_websocket *ws;
  lc_websocket_options options;
  int faults;      /* that were told */
  int told;        /* how often the embedder was told that it may read */
  int result;      /* of the last read */
  char heard[256]; /* the messages, each with a semicolon */
} app;

static void on_refused(const lc_conn *conn, lc_ws_fault fault, void *user)
{
  (void)conn;
  assert_ptr_equal(user, &app);
  app.faults = (int)fault;
}

/* Takes what is there, and waits for more. */
static void take(void)
{
  lc_websocket_message message;
  while (!(app.result = lc_websocket_read(app.ws, &message))) {
    size_t held = strlen(app.heard);
    snprintf(app.heard + held, sizeof app.heard - held, "%.*s;", (int)message.data.length,
             message.data.data);
  }
  if (app.result == LC_AGAIN) lc_websocket_wait(app.ws, LC_NEVER);
}

static void on_ready(seen *one, unsigned what)
{
  (void)one;
  if (!app.ws || !(what & LC_READABLE)) return;
  app.told++;
  take();
}

static int set_up(void **state)
{
  int result = world_set_up(state);
  world *w = *state;
  memset(&app, 0, sizeof app);
  lc_websocket_options_init(&app.options);
  app.options.refused = on_refused;
  app.options.user = &app;
  app.options.label = "WebSocket GET /c";
  w->options.closes_idle = 1;
  w->options.closes_at_cancel = 1;
  w->options.drain.quiet = world_seconds(0.1);
  w->ready = on_ready;
  return result;
}

static int tear_down(void **state)
{
  memory_well();
  int result = world_tear_down(state);
  if (app.ws) lc_websocket_release(app.ws);
  return result;
}

static seen *talk(world *w, int *peer)
{
  seen *one = world_accept(w, peer);
  assert_int_equal(lc_websocket_begin(one->conn, &app.options, &app.ws), 0);
  take();
  assert_int_equal(app.result, LC_AGAIN);
  return one;
}

static void say(int peer, const char *bytes, size_t size)
{
  assert_int_equal(write(peer, bytes, size), size);
}
#define SAY(peer, bytes) say(peer, bytes, sizeof(bytes) - 1)

/* The peer gets exactly these bytes, zeros among them. */
static void expect(world *w, int peer, const char *bytes, size_t size)
{
  char got[256];
  size_t length = 0;
  TURN_UNTIL(w, (length += peer_take(peer, got + length, sizeof got - length)) >= size);
  assert_int_equal(length, size);
  assert_memory_equal(got, bytes, size);
}
#define EXPECT(w, peer, bytes) expect(w, peer, bytes, sizeof(bytes) - 1)

/* -------------------------------------------------------------------- messages -- */

static void messages_come_whole_and_are_sent(void **state)
{
  world *w = *state;
  int peer;
  char label[12];
  lc_time since;
  size_t done = 0;
  world_serve(w);
  seen *one = talk(w, &peer);
  assert_ptr_equal(lc_websocket_of(one->conn), app.ws);
  assert_string_equal(lc_conn_label(one->conn, label, sizeof label, &since), "WebSocket G");
  assert_null(lc_conn_label(one->conn, label, 0, NULL));
  SAY(peer, TEXT("\x82") "hi" FRAME("\x01", "\x81") "a");
  TURN_UNTIL(w, app.heard[0]);
  SAY(peer, FRAME("\x80", "\x82") "bc");
  TURN_UNTIL(w, app.heard[3]);
  assert_string_equal(app.heard, "hi;abc;");
  assert_int_equal(lc_websocket_send(app.ws, LC_WS_TEXT, "yes", 3, &done), 0);
  assert_int_equal(done, 5);
  assert_int_equal(lc_websocket_post(app.ws, LC_WS_BINARY, "\1", 1), 0);
  assert_int_equal(lc_websocket_ping(app.ws, "?", 1), 0);
  EXPECT(w, peer, "\x81\x03yes\x82\x01\1\x89\x01?");
  char long_ping[LC_WS_CONTROL_MOST + 1] = {0};
  assert_int_equal(lc_websocket_ping(app.ws, long_ping, sizeof long_ping), LC_TOO_LONG);
  peer_close(peer);
}

static void pings_are_answered_without_the_embedder(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  talk(w, &peer);
  world_turn(w);
  app.told = 0;
  SAY(peer, FRAME("\x89", "\x81") "a" FRAME("\x8a", "\x80"));
  EXPECT(w, peer,
         "\x8a\x01"
         "a");
  assert_int_equal(app.told, 0);
  peer_close(peer);
}

static void a_message_that_the_kernel_does_not_take_goes_on_later(void **state)
{
  enum { LARGE = 8 << 20 };
  static char large[LARGE];
  world *w = *state;
  int peer, result, waits = 0;
  size_t done = 0, got = 0;
  world_serve(w);
  seen *one = talk(w, &peer);
  while ((result = lc_websocket_send(app.ws, LC_WS_BINARY, large, LARGE, &done)) == LC_AGAIN) {
    lc_conn_wait_write(one->conn, LC_NEVER);
    if (!waits++) assert_int_equal(lc_websocket_close(app.ws, 0, "", 0), 0);
    one->ready = 0;
    TURN_UNTIL(w, (got += peer_skip(peer)) && one->ready & LC_WRITABLE);
  }
  lc_conn_end_write(one->conn);
  assert_int_equal(result, 0);
  assert_int_equal(done, LARGE + 10);
  assert_true(waits > 0);
  /* Close follows the whole message. */
  TURN_UNTIL(w, (got += peer_skip(peer)) >= LARGE + 10 + 4);
  assert_int_equal(got, LARGE + 10 + 4);
  peer_close(peer);
}

/* ------------------------------------------------------------------------- ends -- */

static void a_drain_says_close_and_hands_over_what_crosses_it(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = talk(w, &peer);
  SAY(peer, TEXT("\x81") "a");
  TURN_UNTIL(w, app.heard[0]);
  world_drain_within(w, world_seconds(5));
  EXPECT(w, peer, "\x88\x02\x03\xe9");
  assert_int_equal(lc_websocket_may_send(app.ws), LC_DRAINING);
  SAY(peer, TEXT("\x81") "b" FRAME("\x88", "\x82") "\x03\xe9");
  TURN_UNTIL(w, app.result == LC_EOF);
  assert_string_equal(app.heard, "a;b;");
  world_expect_sight(w, peer, PEER_EOF);
  lc_conn_leave(one->conn, "done");
  peer_close(peer);
  TURN_UNTIL_DONE(w);
}

static void cancel_says_close_and_finishes(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  talk(w, &peer);
  SAY(peer, FRAME("\x01", "\x81") "a"); /* half a message */
  world_turn_for(w, world_seconds(0.02));
  world_drain_within(w, world_seconds(0.3));
  EXPECT(w, peer, "\x88\x02\x03\xe9");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
  TURN_UNTIL_DONE(w);
}

static void what_is_illegal_is_told_and_ends_it(void **state)
{
  world *w = *state;
  int peer;
  lc_websocket_verdict verdict;
  world_serve(w);
  talk(w, &peer);
  SAY(peer, "\x83");
  world_expect_sight(w, peer, PEER_DATA);
  take();
  assert_int_equal(app.result, LC_WS_BAD);
  assert_int_equal(app.faults, LC_WS_BAD_OPCODE);
  lc_websocket_verdict_get(app.ws, &verdict);
  assert_int_equal(verdict.fault, LC_WS_BAD_OPCODE);
  peer_skip(peer);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void the_embedder_closes_and_is_done_when_the_peer_answers(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = talk(w, &peer);
  assert_int_equal(lc_websocket_close(app.ws, 1005, "", 0), -EINVAL);
  assert_int_equal(lc_websocket_close(app.ws, 4000, "\xff", 1), -EINVAL);
  assert_int_equal(lc_websocket_close(app.ws, 4000, "bye", 3), 0);
  EXPECT(w, peer,
         "\x88\x05\x0f\xa0"
         "bye");
  assert_int_equal(lc_websocket_may_send(app.ws), LC_CLOSED);
  SAY(peer, TEXT("\x81") "x" FRAME("\x88", "\x80"));
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(app.heard, "");
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  world_turn(w);
  assert_null(lc_websocket_of(one->conn));
  take();
  assert_int_equal(app.result, LC_CLOSED);
  assert_int_equal(lc_websocket_close(app.ws, 0, "", 0), LC_CLOSED);
  size_t done = 0;
  assert_int_equal(lc_websocket_send(app.ws, LC_WS_TEXT, "x", 1, &done), LC_CLOSED);
}

static void a_heartbeat_is_a_ping(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.heartbeat =
    (lc_heartbeat){.interval = world_seconds(0.05), .timeout = world_seconds(5)};
  world_serve(w);
  talk(w, &peer);
  EXPECT(w, peer, "\x89\x00");
  peer_close(peer);
}

/* ------------------------------------------------------------------ without memory -- */

static void a_beginning_without_memory_changes_nothing(void **state)
{
  world *w = *state;
  int peer, result = -ENOMEM;
  unsigned nth = 1;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  app.options.is_client = 1;
  for (; result; nth++) {
    memory_fail(nth, 1);
    result = lc_websocket_begin(one->conn, &app.options, &app.ws);
    memory_well();
    assert_true(!result || (result == -ENOMEM && !app.ws && !lc_websocket_of(one->conn)));
  }
  assert_true(nth > 4);
  peer_close(peer);
}

static void a_message_without_memory_ends_by_a_reset(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = talk(w, &peer);
  SAY(peer, FRAME("\x01", "\x81") "a");
  memory_fail(1, 1000);
  TURN_UNTIL(w, lc_conn_state(one->conn) == LC_STATE_CLOSED);
  memory_well();
  world_expect_sight(w, peer, PEER_RESET);
  peer_close(peer);
}

static void a_close_without_memory_ends_by_a_reset(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = talk(w, &peer);
  memory_fail(1, 1000);
  assert_int_equal(lc_websocket_close(app.ws, 0, "", 0), 0);
  memory_well();
  TURN_UNTIL(w, lc_conn_state(one->conn) == LC_STATE_CLOSED);
  world_expect_sight(w, peer, PEER_RESET);
  peer_close(peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(messages_come_whole_and_are_sent),
    TEST(pings_are_answered_without_the_embedder),
    TEST(a_message_that_the_kernel_does_not_take_goes_on_later),
    TEST(a_drain_says_close_and_hands_over_what_crosses_it),
    TEST(cancel_says_close_and_finishes),
    TEST(what_is_illegal_is_told_and_ends_it),
    TEST(the_embedder_closes_and_is_done_when_the_peer_answers),
    TEST(a_heartbeat_is_a_ping),
    TEST(a_beginning_without_memory_changes_nothing),
    TEST(a_message_without_memory_ends_by_a_reset),
    TEST(a_close_without_memory_ends_by_a_reset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
