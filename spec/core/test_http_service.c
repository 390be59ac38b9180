/* test_http_service.c - HTTP over connections: whose turn it is, how a reply ends, and what a drain says. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "http_world.h"

/* What the embedder does with a request, and has seen of it. */
static struct {
  int holds; /* the reply waits for the test */
  int reads; /* the body is read before the reply */
  int told;
  size_t body;
  int code; /* with which reading the body ended */
  char paths[WORLD_TEXT];
} app;

/* Returns whether the body is over. */
static int read_body(seen *one)
{
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  lc_slice piece;
  while (!(app.code = lc_http_body_read(x, one->conn, 7, &piece))) app.body += piece.length;
  if (app.code != LC_AGAIN) return 1;
  lc_conn_wait(one->conn, LC_WAIT_READ, lc_http_body_deadline(x, one->conn));
  return 0;
}

static void on_ready(seen *one, unsigned what)
{
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  if (!x || !(what & (LC_UNIT | LC_READABLE))) return;
  if (what & LC_UNIT) {
    const char *bytes;
    const lc_http_head *head = lc_http_request(x, &bytes);
    size_t held = strlen(app.paths);
    snprintf(app.paths + held, sizeof app.paths - held, " %.*s", (int)head->path.length,
             bytes + head->path.at);
    app.told++;
  }
  if (app.reads && !read_body(one)) return;
  if (!app.holds) http_reply(one, "ok");
}

static int set_up(void **state)
{
  int result = http_set_up(state);
  world *w = *state;
  memset(&app, 0, sizeof app);
  w->options.drain.quiet = world_seconds(0.3);
  w->ready = on_ready;
  return result;
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, http_tear_down)
#define IS_PARKED(one) (lc_conn_state((one)->conn) == LC_STATE_IDLE)

/* ------------------------------------------------------------------ serving -- */

static void requests_follow_each_other_and_leave_nothing_between(void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  seen *one = world_accept(w, &peer);
  for (int i = 0; i < 3; i++) {
    peer_say(peer, HTTP_GET("/a"));
    http_expect(w, peer, HTTP_OK);
    TURN_UNTIL(w, IS_PARKED(one));
    assert_null(lc_http_exchange_of(one->conn));
  }
  assert_int_equal(app.told, 3);
  peer_close(peer);
}

static void a_head_byte_by_byte_is_told_when_it_is_whole(void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  seen *one = world_accept(w, &peer);
  const char *text = HTTP_GET("/slow");
  for (size_t i = 0; text[i]; i++) {
    char byte[] = {text[i], '\0'};
    assert_int_equal(app.told, 0);
    peer_say(peer, byte);
    lc_conn_stats stats = {0};
    TURN_UNTIL(w, (lc_conn_stats_get(one->conn, &stats), stats.received == i + 1));
  }
  http_expect(w, peer, HTTP_OK);
  peer_close(peer);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, HTTP_GET("/1") HTTP_GET("/2") HTTP_GET("/3"));
  http_expect(w, peer, HTTP_OK HTTP_OK HTTP_OK);
  assert_string_equal(app.paths, " /1 /2 /3");
  peer_close(peer);
}

static void a_body_is_read_in_pieces_sized_or_chunked(void **state)
{
  world *w = *state;
  int peer;
  app.reads = 1;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 20\r\n\r\n0123456789");
  TURN_UNTIL(w, app.body == 10);
  peer_say(peer, "0123456789" HTTP_GET("/next"));
  http_expect(w, peer, HTTP_OK HTTP_OK);
  assert_int_equal(app.body, 20);
  peer_say(
    peer, "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n012345678\r\n1");
  TURN_UNTIL(w, app.body == 29);
  peer_say(peer, "\r\nx\r\n0\r\nTrailing: yes\r\n\r\n");
  http_expect(w, peer, HTTP_OK);
  assert_int_equal(app.body, 30);
  assert_int_equal(app.code, LC_EOF);
  peer_close(peer);
}

static void a_short_body_that_nobody_reads_is_skipped_and_a_long_one_ends_the_connection(
  void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 20\r\n\r\n0123456789");
  http_expect(w, peer, HTTP_OK);
  peer_say(peer, "0123456789" HTTP_GET("/next"));
  http_expect(w, peer, HTTP_OK);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 200000\r\n\r\n0123456789");
  http_expect(w, peer, HTTP_LAST);
  world_expect_sight(w, peer, PEER_EOF);
  assert_int_equal(app.told, 3);
  peer_close(peer);
}

#define CHUNKED(text) "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" text

static void chunks_that_nobody_reads_are_skipped_when_their_end_has_come(void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, CHUNKED("2\r\nhi\r\n0\r\n\r\n") CHUNKED("0\r\nX: y\r\n\r\n") HTTP_GET("/"));
  http_expect(w, peer, HTTP_OK HTTP_OK HTTP_OK);
  peer_close(peer);
}

/* The reply's head is made when `later` has reached the kernel, and no handler has read it. */
static void reply_behind(world *w, int *peer, const char *later, const char *answer)
{
  int told = app.told;
  seen *one = world_accept(w, peer);
  peer_say(*peer, CHUNKED("2\r\n"));
  TURN_UNTIL(w, app.told == told + 1);
  peer_say(*peer, later);
  world_turn_for(w, world_seconds(0.01)); /* the loop hears of it */
  http_reply(one, "ok");
  http_expect(w, *peer, answer);
}

static void chunks_that_have_come_behind_the_head_are_skipped_likewise(void **state)
{
  static const char *const unclear[] = {"hi\r\n", "hi\r\n0\r\n", "hi\r\nx\r\n"};
  world *w = *state;
  int peer;
  app.holds = 1;
  http_serve(w);
  reply_behind(w, &peer, "hi\r\n0\r\n\r\n", HTTP_OK);
  app.holds = 0;
  peer_say(peer, HTTP_GET("/next"));
  http_expect(w, peer, HTTP_OK);
  peer_close(peer);
  app.holds = 1;
  for (size_t i = 0; i < sizeof unclear / sizeof *unclear; i++) {
    reply_behind(w, &peer, unclear[i], HTTP_LAST);
    world_expect_sight(w, peer, PEER_EOF);
    peer_close(peer);
  }
}

static void a_body_that_nobody_reads_has_as_long_as_a_piece_of_one(void **state)
{
  world *w = *state;
  int peer;
  http.options.body_timeout = world_seconds(0.1);
  http_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 60000\r\n\r\n");
  http_expect(w, peer, HTTP_OK);
  lc_time until = w->sys->now(w->sys) + world_seconds(10);
  while (lc_conn_state(one->conn) < LC_STATE_CLOSING) {
    if (w->sys->now(w->sys) > until) fail_msg("the connection goes on");
    send(peer, "x", 1, MSG_NOSIGNAL);
    world_turn_for(w, world_seconds(0.01));
  }
  close(peer);
}

static void a_client_that_waits_is_invited_once(void **state)
{
  world *w = *state;
  int peer;
  app.reads = 1;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer,
           "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  http_expect(w, peer, "HTTP/1.1 100 Continue\r\n\r\n");
  peer_say(peer, "hi");
  http_expect(w, peer, HTTP_OK);
  app.reads = 0;
  peer_say(peer,
           "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  http_expect(w, peer, HTTP_LAST); /* it may send the body, or not */
  peer_close(peer);
}

/* ----------------------------------------------------------------- refusing -- */

#define BAD HTTP_REFUSED("400 Bad Request", "", "12", "Bad Request")

static void what_makes_no_sense_is_answered_and_closed_without_the_embedder(void **state)
{
  static const struct {
    const char *text;
    const char *answer;
  } cases[] = {
    {"GET / HTTP/1.1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
     BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
     HTTP_REFUSED("413 Content Too Large", "", "18", "Content Too Large")},
  };
  world *w = *state;
  http_serve(w);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int peer;
    world_accept(w, &peer);
    peer_say(peer, cases[i].text);
    http_expect(w, peer, cases[i].answer);
    world_expect_sight(w, peer, PEER_EOF);
    peer_close(peer);
  }
  assert_int_equal(app.told, 0);
}

static void half_a_head_is_answered_with_408_in_time(void **state)
{
  world *w = *state;
  int peer;
  http.options.head_timeout = world_seconds(0.1);
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, "GET / HT");
  http_expect(w, peer, HTTP_REFUSED("408 Request Timeout", "", "16", "Request Timeout"));
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_request_too_many_is_asked_to_come_later(void **state)
{
  world *w = *state;
  int first, second;
  app.holds = 1;
  http.options.max_in_flight = 1;
  http_serve(w);
  seen *one = world_accept(w, &first);
  peer_say(first, HTTP_GET("/"));
  TURN_UNTIL(w, app.told == 1);
  world_accept(w, &second);
  peer_say(second, HTTP_GET("/"));
  http_expect(w, second, HTTP_LATER);
  http_reply(one, "ok");
  http_expect(w, first, HTTP_OK);
  assert_int_equal(lc_http_service_in_flight(http.service), 0);
  peer_close(first);
  peer_close(second);
}

static void a_unit_without_a_reply_is_a_failure(void **state)
{
  world *w = *state;
  int peer;
  app.holds = 1;
  http_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, HTTP_GET("/"));
  TURN_UNTIL(w, app.told == 1);
  lc_conn_unit_ended(one->conn);
  http_expect(w, peer,
              HTTP_REFUSED("500 Internal Server Error", "", "22", "Internal Server Error"));
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void begin_reply(seen *one)
{
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  lc_http_reply head = {.status = 200, .length = -1};
  struct iovec piece = {"part", 4};
  assert_int_equal(lc_http_begin(x, one->conn, &head), 0);
  assert_int_equal(lc_http_write(x, one->conn, &piece, 1), 4);
}

static void half_a_reply_ends_in_a_reset(void **state)
{
  world *w = *state;
  int peer;
  app.holds = 1;
  http_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, HTTP_GET("/"));
  TURN_UNTIL(w, app.told == 1);
  begin_reply(one);
  lc_conn_unit_ended(one->conn);
  world_expect_sight(w, peer, PEER_RESET);
  close(peer);
}

/* ----------------------------------------------------------------- draining -- */

static void a_drain_waits_for_quiet_and_its_replies_say_close(void **state)
{
  world *w = *state;
  int idle, busy;
  http_serve(w);
  seen *one = world_accept(w, &idle);
  peer_say(idle, HTTP_GET("/"));
  http_expect(w, idle, HTTP_OK);
  TURN_UNTIL(w, IS_PARKED(one));
  seen *two = world_accept(w, &busy);
  peer_say(busy, HTTP_GET("/"));
  http_expect(w, busy, HTTP_OK);
  TURN_UNTIL(w, IS_PARKED(two));
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  assert_true(IS_PARKED(one) && IS_PARKED(two));
  peer_say(busy, HTTP_GET("/crossed"));
  http_expect(w, busy, HTTP_LAST);
  world_expect_sight(w, busy, PEER_EOF);
  world_expect_sight(w, idle, PEER_EOF);
  peer_close(idle);
  peer_close(busy);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
  assert_int_equal(lc_server_report(w->server)->late, 0);
}

static void pipelined_requests_are_answered_in_a_drain_and_the_last_reply_says_close(void **state)
{
  world *w = *state;
  int peer;
  app.holds = 1;
  http_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, HTTP_GET("/1") HTTP_GET("/2"));
  TURN_UNTIL(w, app.told == 1);
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  http_reply(one, "ok");
  http_expect(w, peer, HTTP_OK);
  TURN_UNTIL(w, app.told == 2);
  http_reply(one, "ok");
  http_expect(w, peer, HTTP_LAST);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_reply_that_had_begun_leaves_its_connection_the_time_of_quiet(void **state)
{
  world *w = *state;
  int peer;
  app.holds = 1;
  http_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, HTTP_GET("/long"));
  TURN_UNTIL(w, app.told == 1);
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  lc_http_reply head = {.status = 200, .length = 2};
  struct iovec piece = {"ok", 2};
  assert_int_equal(lc_http_begin(x, one->conn, &head), 0);
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  world_turn_for(w, world_seconds(0.5)); /* the mark is set meanwhile */
  assert_int_equal(lc_http_write(x, one->conn, &piece, 1), 2);
  assert_int_equal(lc_http_end(x, one->conn, NULL, 0), 0);
  lc_conn_unit_ended(one->conn);
  http_expect(w, peer, HTTP_OK);
  app.holds = 0;
  peer_say(peer, HTTP_GET("/crossed"));
  http_expect(w, peer, HTTP_LAST);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void cancel_at_work(world *w, int *peer, int has_begun)
{
  app.holds = 1;
  w->options.closes_at_cancel = 1;
  http_serve(w);
  seen *one = world_accept(w, peer);
  peer_say(*peer, HTTP_GET("/"));
  TURN_UNTIL(w, app.told == 1);
  if (has_begun) begin_reply(one);
  lc_server_advance(w->server, LC_STEP_CANCEL);
}

static void a_request_that_is_canceled_at_work_is_answered(void **state)
{
  world *w = *state;
  int peer;
  cancel_at_work(w, &peer, 0);
  http_expect(w, peer, HTTP_LATER);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_reply_that_is_canceled_half_way_ends_in_a_reset(void **state)
{
  int peer;
  cancel_at_work(*state, &peer, 1);
  world_expect_sight(*state, peer, PEER_RESET);
  close(peer);
}

static void the_ready_path_says_whether_the_server_is_ready(void **state)
{
  world *w = *state;
  int peer;
  http_serve(w);
  world_accept(w, &peer);
  peer_say(peer, HTTP_GET("/ready"));
  http_expect(w, peer, "HTTP/1.1 200 OK\r\n" HTTP_PLAIN "Content-Length: 3\r\n\r\nOK\n");
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  peer_say(peer, HTTP_GET("/ready"));
  http_expect(w, peer, HTTP_REFUSED("503 Service Unavailable", "", "20", "Service Unavailable"));
  world_expect_sight(w, peer, PEER_EOF);
  assert_int_equal(app.told, 0);
  peer_close(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    HTTP_TEST(requests_follow_each_other_and_leave_nothing_between),
    HTTP_TEST(a_head_byte_by_byte_is_told_when_it_is_whole),
    HTTP_TEST(pipelined_requests_are_answered_in_order),
    HTTP_TEST(a_body_is_read_in_pieces_sized_or_chunked),
    HTTP_TEST(a_short_body_that_nobody_reads_is_skipped_and_a_long_one_ends_the_connection),
    HTTP_TEST(chunks_that_nobody_reads_are_skipped_when_their_end_has_come),
    HTTP_TEST(chunks_that_have_come_behind_the_head_are_skipped_likewise),
    HTTP_TEST(a_body_that_nobody_reads_has_as_long_as_a_piece_of_one),
    HTTP_TEST(a_client_that_waits_is_invited_once),
    HTTP_TEST(what_makes_no_sense_is_answered_and_closed_without_the_embedder),
    HTTP_TEST(half_a_head_is_answered_with_408_in_time),
    HTTP_TEST(a_request_too_many_is_asked_to_come_later),
    HTTP_TEST(a_unit_without_a_reply_is_a_failure),
    HTTP_TEST(half_a_reply_ends_in_a_reset),
    HTTP_TEST(a_drain_waits_for_quiet_and_its_replies_say_close),
    HTTP_TEST(pipelined_requests_are_answered_in_a_drain_and_the_last_reply_says_close),
    HTTP_TEST(a_reply_that_had_begun_leaves_its_connection_the_time_of_quiet),
    HTTP_TEST(a_request_that_is_canceled_at_work_is_answered),
    HTTP_TEST(a_reply_that_is_canceled_half_way_ends_in_a_reset),
    HTTP_TEST(the_ready_path_says_whether_the_server_is_ready),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
