/* test_http_upgrade.c - a request that leaves HTTP, and what is known of each request and its reply. */
#include <stdio.h>
#include <unistd.h>

#include "http_world.h"
#include "memory.h"

static struct {
  lc_network trusted;
  unsigned fails;        /* the allocation of the upgrade that fails, from 1; 0: none */
  int replies;           /* that were told */
  int result;            /* of the upgrade */
  char rest[WORLD_TEXT]; /* what came behind its head */
  char known[WORLD_TEXT];
} app;

static void note_reply(const lc_http_exchange *x, const lc_conn *conn, void *user)
{
  lc_slice head;
  lc_address client;
  char text[LC_ADDRESS_TEXT_MAX];
  size_t held = strlen(app.known);
  assert_ptr_equal(user, &app);
  app.replies++;
  lc_http_head_bytes(x, &head);
  lc_http_client(x, conn, &client);
  lc_address_format(&client, text, sizeof text);
  if (!http.options.trusted_count) strcpy(text, "-");
  snprintf(app.known + held, sizeof app.known - held, "%.*s %d %d %s %s;",
           (int)strcspn(head.data, "\r"), head.data, lc_http_status(x), (int)lc_http_sent(x), text,
           lc_http_scheme(x, conn));
}

static void on_ready(seen *one, unsigned what)
{
  static const char fields[] = "Upgrade: echo\r\n";
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  char label[12];
  lc_slice rest;
  if (!x || !(what & LC_UNIT)) return;
  assert_string_equal(lc_conn_label(one->conn, label, sizeof label, NULL), "GET /a-long");
  lc_http_hold(x);
  if (app.fails) memory_fail(app.fails, 1);
  app.result = lc_http_upgrade(x, one->conn, fields, sizeof fields - 1);
  memory_well();
  lc_conn_buffered(one->conn, &rest);
  memcpy(app.rest, rest.data, rest.length);
  if (app.result) lc_conn_unit_ended(one->conn);
  lc_http_note_replied(x, one->conn);
  lc_http_release(x);
}

static int set_up(void **state)
{
  int result = http_set_up(state);
  world *w = *state;
  memset(&app, 0, sizeof app);
  http.options.replied = note_reply;
  http.options.user = &app;
  w->options.drain.quiet = world_seconds(0.1);
  w->ready = on_ready;
  return result;
}

#define ASK(fields) "GET /a-long-path HTTP/1.1\r\nHost: here\r\n" fields "\r\n"
#define UPGRADE "Connection: upgrade\r\nUpgrade: echo\r\n"

/* -------------------------------------------------------------------- upgrades -- */

static void an_upgrade_leaves_the_bytes_behind_the_head_to_the_embedder(void **state)
{
  world *w = *state;
  int peer;
  lc_slice line;
  http_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, ASK(UPGRADE) "GET /this is no request\n");
  TURN_UNTIL(w, app.known[0]);
  assert_int_equal(app.result, 0);
  assert_string_equal(app.rest, "GET /this is no request\n");
  assert_null(lc_http_exchange_of(one->conn));
  assert_int_equal(lc_http_service_in_flight(http.service), 0);
  assert_int_equal(lc_http_service_served(http.service), 1);
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 100, &line), 0);
  assert_int_equal(line.length, 24);
  assert_string_equal(app.known, "GET /a-long-path HTTP/1.1 101 0 - http;");
  peer_close(peer);
}

/* The first time the head of the 101 has no memory; then that is there, and the connection's next protocol has none.
 * Whatever the client has got, it gets nothing of HTTP behind it. */
static void an_upgrade_without_memory_ends_the_connection(void **state)
{
  world *w = *state;
  http_serve(w);
  app.fails = 1;
  for (int i = 0; i < 2; i++) {
    int peer;
    char heard[512] = "";
    *app.known = '\0';
    world_accept(w, &peer);
    peer_say(peer, ASK(UPGRADE) ASK(""));
    TURN_UNTIL(w, app.known[0]);
    assert_int_equal(app.result, -ENOMEM);
    size_t held = 0;
    TURN_UNTIL(w, (held += peer_take(peer, heard + held, sizeof heard - 1 - held)) > 0);
    world_turn_for(w, world_seconds(0.02));
    peer_take(peer, heard + held, sizeof heard - 1 - held);
    assert_null(strstr(heard + 1, "HTTP/1.1"));
    world_expect_sight(w, peer, PEER_EOF);
    peer_close(peer);
  }
}

static void nobody_upgrades_who_was_not_asked_to(void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, ASK(""));
  TURN_UNTIL(w, app.known[0]);
  assert_int_equal(app.result, -EINVAL);
  peer_close(peer);
}

/* The handler begins an upgrade when the server has begun to stop. */
static void an_upgrade_in_a_drain_is_answered_with_503(void **state)
{
  world *w = *state;
  char heard[1024] = "";
  int peer;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, "GET /a-long");
  world_turn_for(w, world_seconds(0.02));
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  TURN_UNTIL(w, lc_server_step(w->server) >= LC_STEP_STOP);
  peer_say(peer, "-path HTTP/1.1\r\nHost: here\r\n" UPGRADE "\r\n" ASK(UPGRADE));
  TURN_UNTIL(w, app.known[0]);
  assert_int_equal(app.result, LC_DRAINING);
  TURN_UNTIL(w, peer_take(peer, heard, sizeof heard - 1) > 0);
  assert_ptr_equal(strstr(heard, "HTTP/1.1 503 "), heard);
  assert_non_null(strstr(heard, "\r\nConnection: close\r\n"));
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(app.known, "GET /a-long-path HTTP/1.1 503 20 - http;");
  peer_close(peer);
}

/* ------------------------------------------------------------- what is known of replies -- */

static void each_reply_is_told_once_also_those_of_the_library(void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer,
           "GET /ready HTTP/1.1\r\nHost: here\r\n\r\nHEAD /ready HTTP/1.1\r\nHost: "
           "here\r\n\r\nbad\r\n\r\n");
  TURN_UNTIL(w, strstr(app.known, "400"));
  assert_string_equal(
    app.known,
    "GET /ready HTTP/1.1 200 3 - http;HEAD /ready HTTP/1.1 200 0 - http; 400 12 - http;");
  peer_close(peer);
}

static void a_trusted_peer_is_believed(void **state)
{
  world *w = *state;
  int peer;
  assert_int_equal(lc_network_parse("127.0.0.0/8", 11, &app.trusted), 0);
  http.options.trusted = &app.trusted;
  http.options.trusted_count = 1;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer,
           "GET /ready HTTP/1.1\r\nHost: here\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n"
           "X-Forwarded-Proto: https\r\n\r\n");
  TURN_UNTIL(w, app.known[0]);
  assert_string_equal(app.known, "GET /ready HTTP/1.1 200 3 192.0.2.7:0 https;");
  peer_close(peer);
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, http_tear_down)

/* A client with one connection does not have the turn for itself. */
static void many_requests_for_the_ready_path_take_several_turns(void **state)
{
  enum { MANY = 200 };
  static const char ask[] = "GET /ready HTTP/1.1\r\nHost: here\r\n\r\n";
  world *w = *state;
  int peer, turns = 0;
  char text[MANY * (sizeof ask - 1) + 1], reply[4096];
  http_serve(w);
  world_accept(w, &peer);
  for (size_t i = 0; i < MANY; i++) strcpy(text + i * (sizeof ask - 1), ask);
  peer_say(peer, text);
  while (app.replies < MANY) {
    int before = app.replies;
    assert_int_equal(lc_loop_turn(w->loop, 10 * LC_MILLISECOND), 0);
    while (peer_take(peer, reply, sizeof reply)) continue;
    *app.known = '\0';
    turns += app.replies > before;
  }
  assert_true(turns > 5);
  peer_close(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    HTTP_TEST(an_upgrade_leaves_the_bytes_behind_the_head_to_the_embedder),
    HTTP_TEST(an_upgrade_without_memory_ends_the_connection),
    HTTP_TEST(nobody_upgrades_who_was_not_asked_to),
    HTTP_TEST(an_upgrade_in_a_drain_is_answered_with_503),
    HTTP_TEST(each_reply_is_told_once_also_those_of_the_library),
    HTTP_TEST(a_trusted_peer_is_believed),
    HTTP_TEST(many_requests_for_the_ready_path_take_several_turns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
