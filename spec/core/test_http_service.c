/* test_http_service.c - HTTP over connections: whose turn it is, how a reply ends, and what a drain says. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "world.h"

/* What the embedder does with a request, and has seen of it. */
static struct {
  lc_http_service *service;
  lc_http_options options;
  int holds; /* the reply waits for the test */
  int reads; /* the body is read before the reply */
  int told;
  size_t body;
  int code; /* with which reading the body ended */
  char paths[WORLD_TEXT];
} app;

static void reply(seen *one, const char *text)
{
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  lc_http_reply head = {.status = 200, .length = (int64_t)strlen(text)};
  struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
  assert_non_null(x);
  assert_int_equal(lc_http_begin(x, one->conn, &head), 0);
  assert_int_equal(lc_http_write(x, one->conn, &piece, 1), piece.iov_len);
  assert_int_equal(lc_http_end(x, one->conn, NULL, 0), 0);
  lc_conn_unit_ended(one->conn);
}

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
  if (!app.holds) reply(one, "ok");
}

static int set_up(void **state)
{
  int result = world_set_up(state);
  world *w = *state;
  memset(&app, 0, sizeof app);
  lc_http_options_init(&app.options);
  app.options.ready_path = "/ready";
  w->options.drain.quiet = world_seconds(0.3);
  w->ready = on_ready;
  return result;
}

static int tear_down(void **state)
{
  int result = world_tear_down(state);
  lc_http_service_free(app.service);
  return result;
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void serve(world *w)
{
  app.service = lc_http_service_new(&app.options);
  w->options.protocol = lc_http_service_protocol(app.service);
  world_serve(w);
}

/* Turns until the peer has these bytes, lines of dates left out. */
static void expect(world *w, int peer, const char *wanted)
{
  char heard[4096] = "", *date;
  size_t held = 0, size = strlen(wanted);
  lc_time until = w->sys->now(w->sys) + world_seconds(10);
  while (held < size) {
    if (w->sys->now(w->sys) > until) fail_msg("got \"%s\" instead of \"%s\"", heard, wanted);
    assert_int_equal(lc_loop_turn(w->loop, 10 * LC_MILLISECOND), 0);
    held += peer_take(peer, heard + held, sizeof heard - 1 - held);
    heard[held] = '\0';
    while ((date = strstr(heard, "Date: "))) {
      char *end = strstr(date, "\r\n");
      if (!end) break;
      memmove(date, end + 2, strlen(end + 2) + 1);
      held = strlen(heard);
    }
  }
  assert_string_equal(heard, wanted);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: here\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define LAST "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
#define PLAIN "Content-Type: text/plain; charset=utf-8\r\n"
#define LATER                                  \
  "HTTP/1.1 503 Service Unavailable\r\n" PLAIN \
  "Retry-After: 1\r\nContent-Length: 20\r\n"   \
  "Connection: close\r\n\r\nService Unavailable\n"
#define IS_PARKED(one) (lc_conn_state((one)->conn) == LC_STATE_IDLE)

/* ------------------------------------------------------------------ serving -- */

static void requests_follow_each_other_and_leave_nothing_between(void **state)
{
  world *w = *state;
  int peer;
  serve(w);
  seen *one = world_accept(w, &peer);
  for (int i = 0; i < 3; i++) {
    peer_say(peer, GET("/a"));
    expect(w, peer, OK);
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
  serve(w);
  seen *one = world_accept(w, &peer);
  const char *text = GET("/slow");
  for (size_t i = 0; text[i]; i++) {
    char byte[] = {text[i], '\0'};
    assert_int_equal(app.told, 0);
    peer_say(peer, byte);
    lc_conn_stats stats = {0};
    TURN_UNTIL(w, (lc_conn_stats_get(one->conn, &stats), stats.received == i + 1));
  }
  expect(w, peer, OK);
  peer_close(peer);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
  world *w = *state;
  int peer;
  serve(w);
  world_accept(w, &peer);
  peer_say(peer, GET("/1") GET("/2") GET("/3"));
  expect(w, peer, OK OK OK);
  assert_string_equal(app.paths, " /1 /2 /3");
  peer_close(peer);
}

static void a_body_is_read_in_pieces_sized_or_chunked(void **state)
{
  world *w = *state;
  int peer;
  app.reads = 1;
  serve(w);
  world_accept(w, &peer);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 20\r\n\r\n0123456789");
  TURN_UNTIL(w, app.body == 10);
  peer_say(peer, "0123456789" GET("/next"));
  expect(w, peer, OK OK);
  assert_int_equal(app.body, 20);
  peer_say(
    peer, "POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n012345678\r\n1");
  TURN_UNTIL(w, app.body == 29);
  peer_say(peer, "\r\nx\r\n0\r\nTrailing: yes\r\n\r\n");
  expect(w, peer, OK);
  assert_int_equal(app.body, 30);
  assert_int_equal(app.code, LC_EOF);
  peer_close(peer);
}

static void a_short_body_that_nobody_reads_is_skipped_and_a_long_one_ends_the_connection(
  void **state)
{
  world *w = *state;
  int peer;
  serve(w);
  world_accept(w, &peer);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 20\r\n\r\n0123456789");
  expect(w, peer, OK);
  peer_say(peer, "0123456789" GET("/next"));
  expect(w, peer, OK);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 200000\r\n\r\n0123456789");
  expect(w, peer, LAST);
  world_expect_sight(w, peer, PEER_EOF);
  assert_int_equal(app.told, 3);
  peer_close(peer);
}

static void a_body_that_nobody_reads_has_as_long_as_a_piece_of_one(void **state)
{
  world *w = *state;
  int peer;
  app.options.body_timeout = world_seconds(0.1);
  serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 60000\r\n\r\n");
  expect(w, peer, OK);
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
  serve(w);
  world_accept(w, &peer);
  peer_say(peer,
           "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  expect(w, peer, "HTTP/1.1 100 Continue\r\n\r\n");
  peer_say(peer, "hi");
  expect(w, peer, OK);
  app.reads = 0;
  peer_say(peer,
           "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  expect(w, peer, LAST); /* it may send the body, or not */
  peer_close(peer);
}

/* ----------------------------------------------------------------- refusing -- */

static void what_makes_no_sense_is_answered_and_closed_without_the_embedder(void **state)
{
  static const struct {
    const char *text;
    const char *answer;
  } cases[] = {
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" PLAIN
                               "Content-Length: 12\r\nConnection: close\r\n\r\nBad Request\n"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
     "HTTP/1.1 400 Bad Request\r\n" PLAIN
     "Content-Length: 12\r\nConnection: close\r\n\r\nBad Request\n"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
     "HTTP/1.1 400 Bad Request\r\n" PLAIN
     "Content-Length: 12\r\nConnection: close\r\n\r\nBad Request\n"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
     "HTTP/1.1 413 Content Too Large\r\n" PLAIN
     "Content-Length: 18\r\nConnection: close\r\n\r\nContent Too Large\n"},
  };
  world *w = *state;
  serve(w);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int peer;
    world_accept(w, &peer);
    peer_say(peer, cases[i].text);
    expect(w, peer, cases[i].answer);
    world_expect_sight(w, peer, PEER_EOF);
    peer_close(peer);
  }
  assert_int_equal(app.told, 0);
}

static void half_a_head_is_answered_with_408_in_time(void **state)
{
  world *w = *state;
  int peer;
  app.options.head_timeout = world_seconds(0.1);
  serve(w);
  world_accept(w, &peer);
  peer_say(peer, "GET / HT");
  expect(w, peer,
         "HTTP/1.1 408 Request Timeout\r\n" PLAIN
         "Content-Length: 16\r\nConnection: close\r\n\r\nRequest Timeout\n");
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_request_too_many_is_asked_to_come_later(void **state)
{
  world *w = *state;
  int first, second;
  app.holds = 1;
  app.options.max_in_flight = 1;
  serve(w);
  seen *one = world_accept(w, &first);
  peer_say(first, GET("/"));
  TURN_UNTIL(w, app.told == 1);
  world_accept(w, &second);
  peer_say(second, GET("/"));
  expect(w, second, LATER);
  reply(one, "ok");
  expect(w, first, OK);
  assert_int_equal(lc_http_service_in_flight(app.service), 0);
  peer_close(first);
  peer_close(second);
}

static void a_unit_without_a_reply_is_a_failure(void **state)
{
  world *w = *state;
  int peer;
  app.holds = 1;
  serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, GET("/"));
  TURN_UNTIL(w, app.told == 1);
  lc_conn_unit_ended(one->conn);
  expect(w, peer,
         "HTTP/1.1 500 Internal Server Error\r\n" PLAIN
         "Content-Length: 22\r\nConnection: close\r\n\r\n"
         "Internal Server Error\n");
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
  serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, GET("/"));
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
  serve(w);
  seen *one = world_accept(w, &idle);
  peer_say(idle, GET("/"));
  expect(w, idle, OK);
  TURN_UNTIL(w, IS_PARKED(one));
  seen *two = world_accept(w, &busy);
  peer_say(busy, GET("/"));
  expect(w, busy, OK);
  TURN_UNTIL(w, IS_PARKED(two));
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  assert_true(IS_PARKED(one) && IS_PARKED(two));
  peer_say(busy, GET("/crossed"));
  expect(w, busy, LAST);
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
  serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, GET("/1") GET("/2"));
  TURN_UNTIL(w, app.told == 1);
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
  reply(one, "ok");
  expect(w, peer, OK);
  TURN_UNTIL(w, app.told == 2);
  reply(one, "ok");
  expect(w, peer, LAST);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_reply_that_had_begun_leaves_its_connection_the_time_of_quiet(void **state)
{
  world *w = *state;
  int peer;
  app.holds = 1;
  serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, GET("/long"));
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
  expect(w, peer, OK);
  app.holds = 0;
  peer_say(peer, GET("/crossed"));
  expect(w, peer, LAST);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void cancel_at_work(world *w, int *peer, int has_begun)
{
  app.holds = 1;
  w->options.closes_at_cancel = 1;
  serve(w);
  seen *one = world_accept(w, peer);
  peer_say(*peer, GET("/"));
  TURN_UNTIL(w, app.told == 1);
  if (has_begun) begin_reply(one);
  lc_server_advance(w->server, LC_STEP_CANCEL);
}

static void a_request_that_is_canceled_at_work_is_answered(void **state)
{
  world *w = *state;
  int peer;
  cancel_at_work(w, &peer, 0);
  expect(w, peer, LATER);
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
  serve(w);
  world_accept(w, &peer);
  peer_say(peer, GET("/ready"));
  expect(w, peer, "HTTP/1.1 200 OK\r\n" PLAIN "Content-Length: 3\r\n\r\nOK\n");
  lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(20));
  peer_say(peer, GET("/ready"));
  expect(w, peer,
         "HTTP/1.1 503 Service Unavailable\r\n" PLAIN
         "Content-Length: 20\r\nConnection: close\r\n\r\n"
         "Service Unavailable\n");
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
