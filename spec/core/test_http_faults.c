/* test_http_faults.c - bad luck on the way of a request: each call and each allocation fails once.
 *
 * A scenario is run again and again; in the n-th run the n-th call of one kind fails, until there
 * are no more of that kind. Whatever fails, the client gets whole replies, and an end behind them
 * or in the middle of one; the next client is served, and nothing is left: no descriptor, no
 * memory, no request at work.
 */
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"
#include "http_world.h"
#include "memory.h"

enum { RUNS_AT_MOST = 600, SPEED = 100, LARGE = 300 * 1024 };

static faults bad;

/* What is left of the reply under way. There is one client at a time. */
static struct {
  size_t left;
  int trails;
} going;

static char content[LARGE];

static void turn(world *w, int expected)
{
  int result = lc_loop_turn(w->loop, 5 * LC_MILLISECOND);
  if (result < 0) assert_int_equal(result, expected);
}

/* --------------------------------------------------------------- embedder -- */

static void go_on(seen *one, lc_http_exchange *x)
{
  static const char trailers[] = "X-Sum: 1\r\n";
  int result = 0;
  while (!result && going.left) {
    struct iovec piece = {content + LARGE - going.left, going.left};
    ssize_t accepted = lc_http_write(x, one->conn, &piece, 1);
    if (accepted > 0) going.left -= (size_t)accepted;
    else result = accepted ? (int)accepted : LC_AGAIN;
  }
  if (!result)
    result = lc_http_end(x, one->conn, going.trails ? trailers : NULL, sizeof trailers - 1);
  if (result == LC_AGAIN) {
    lc_conn_wait_write(one->conn, LC_NEVER);
  } else if (result < 0) {
    lc_conn_unit_failed(one->conn);
  } else {
    lc_conn_end_write(one->conn);
    lc_conn_unit_ended(one->conn);
  }
}

static int asks_for(const lc_http_exchange *x, const char *path)
{
  const char *bytes;
  const lc_http_head *head = lc_http_request(x, &bytes);
  return head->path.length == strlen(path) &&
         !memcmp(bytes + head->path.at, path, head->path.length);
}

static void reply(seen *one, lc_http_exchange *x)
{
  int is_large = asks_for(x, "/large");
  lc_http_reply head = {.status = 200, .length = is_large ? -1 : 2};
  if (asks_for(x, "/early")) lc_http_inform(x, one->conn, 103, "Link: <a>\r\n", 11);
  going.left = is_large ? LARGE : 2;
  going.trails = is_large;
  if (lc_http_begin(x, one->conn, &head) < 0) lc_conn_unit_failed(one->conn);
  else go_on(one, x);
}

static void work(seen *one, lc_http_exchange *x)
{
  lc_slice piece;
  int result;
  if (asks_for(x, "/unread")) {
    reply(one, x);
    return;
  }
  while (!(result = lc_http_body_read(x, one->conn, 1000, &piece))) continue;
  if (result == LC_AGAIN)
    lc_conn_wait(one->conn, LC_WAIT_READ, lc_http_body_deadline(x, one->conn));
  else if (result == LC_EOF) reply(one, x);
  else lc_conn_unit_failed(one->conn);
}

static void on_ready(seen *one, unsigned what)
{
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  if (!x || what & LC_ENDED) return;
  if (what & (LC_READ_TIMEOUT | LC_WRITE_TIMEOUT)) lc_conn_unit_failed(one->conn);
  else if (lc_http_has_begun(x)) go_on(one, x);
  else work(one, x);
}

/* ---------------------------------------------------------------- clients -- */

/* Says the text, and hears until `wanted` is there, or the end. */
static void say(world *w, int peer, int expected, const char *text, const char *wanted)
{
  static char heard[2 * LARGE];
  size_t held = 0, size = strlen(wanted);
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  send(peer, text, strlen(text), MSG_NOSIGNAL);
  for (;;) {
    turn(w, expected);
    held += peer_take(peer, heard + held, sizeof heard - held);
    if (held >= size && !memcmp(heard + held - size, wanted, size)) return;
    peer_sight sight = peer_look(peer);
    if (sight == PEER_EOF || sight == PEER_RESET) return;
    if (w->sys->now(w->sys) > until) fail_msg("the client was left hanging after %s", text);
  }
}

#define HEAD(method, path) method " " path " HTTP/1.1\r\nHost: a\r\n"

static void converse(world *w, int expected)
{
  static const char *const talk[][2] = {
    {HEAD("GET", "/early") "\r\n", "ok"},
    {HEAD("POST", "/") "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "Continue\r\n\r\n"},
    {"abc", "ok"},
    {HEAD("POST", "/") "Transfer-Encoding: chunked\r\n\r\n3\r\nab", ""},
    {"c\r\n0\r\nX-Sum: 1\r\n\r\n", "ok"},
    {HEAD("POST", "/unread") "Content-Length: 6\r\n\r\nabc", "ok"},
    {"def" HEAD("GET", "/ready") "\r\n" HEAD("GET", "/large") "\r\n", "X-Sum: 1\r\n\r\n"},
    {HEAD("POST", "/unread") "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", "ok"},
    {"NONSENSE\r\n\r\n", "Bad Request\n"},
  };
  int peer = peer_connect(&w->address);
  for (size_t i = 0; i < sizeof talk / sizeof *talk; i++)
    say(w, peer, expected, talk[i][0], talk[i][1]);
  peer_close(peer);
}

static void drain(world *w, int expected)
{
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  int parked = peer_connect(&w->address), half = peer_connect(&w->address);
  say(w, parked, expected, HEAD("GET", "/") "\r\n", "ok");
  say(w, half, expected, "GET /", "");
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_clock(w->loop) + 10 * LC_SECOND), 0);
  say(w, half, expected, " HTTP/1.1\r\nHost: a\r\n\r\n", "ok");
  peer_close(half);
  while (lc_server_step(w->server) != LC_STEP_DONE) {
    turn(w, expected);
    if (w->sys->now(w->sys) > until) fail_msg("the drain does not end");
  }
  peer_close(parked);
}

/* ------------------------------------------------------------------- runs -- */

/* The service is made and freed under the same bad luck. */
static world *begin(void)
{
  world *w = malloc(sizeof *w);
  int error = 0;
  assert_non_null(w);
  faults_init(&bad);
  bad.speed = SPEED;

  world_begin(w, &bad.sys);
  w->loop = lc_loop_new(w->sys, &error);
  assert_non_null(w->loop);
  http_begin();
  memcpy(content + LARGE - 2, "ok", 2);
  w->ready = on_ready;
  w->options.settings.linger = 200 * LC_MILLISECOND;
  w->options.drain.settle = w->options.drain.quiet = 200 * LC_MILLISECOND;
  http_serve(w);
  return w;
}

static void live(world *w, int code)
{
  for (int i = 0; i < 2; i++) converse(w, code);
  drain(w, code);
}

static void end(world *w, const char *what, unsigned run, long pieces)
{
  uint32_t at_work = lc_http_service_in_flight(http.service);
  world_end(w);
  lc_http_service_free(http.service);
  free(w);
  if (bad.open || bad.strange || at_work || memory_live() != pieces)
    fail_msg("%s, call %u: %d descriptors left, %d strange, %u requests at work, %ld pieces", what,
             run, bad.open, bad.strange, (unsigned)at_work, memory_live() - pieces);
}

static void walk(fault_call call, int code)
{
  for (unsigned run = 1; run <= RUNS_AT_MOST; run += 1 + run / 8) {
    long pieces = memory_live();
    world *w = begin();
    faults_fail(&bad, call, run, 1, code);
    live(w, code);
    int is_past = !bad.of[call].failed && bad.of[call].made < bad.of[call].first;
    end(w, fault_name(call), run, pieces);
    if (is_past) return;
  }
}

/* One allocation after the other fails, and `times` - 1 behind it. */
static void walk_allocations(unsigned times)
{
  for (unsigned run = 1;; run++) {
    long pieces = memory_live();
    world *w = begin();
    memory_fail(run, times);
    live(w, -ENOMEM);
    memory_well();
    end(w, "allocation", run, pieces);
    if (!memory_failed()) break;
    assert_true(run < RUNS_AT_MOST);
  }
}

static void any_allocation_may_fail(void **state)
{
  (void)state;
  walk_allocations(1);
}

static void several_allocations_may_fail(void **state)
{
  (void)state;
  walk_allocations(5);
}

/* Turns until the peer hears something, or its connection ends. */
static peer_sight look(world *w, int peer)
{
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  peer_sight sight;
  while ((sight = peer_look(peer)) == PEER_QUIET) {
    turn(w, -ENOMEM);
    if (w->sys->now(w->sys) > until) fail_msg("the client was left hanging");
  }
  return sight;
}

/* The client can tell that its request was not served: by an answer, or by a reset where that has no
 * memory either, or the kernel does not take it. */
static void a_request_may_have_no_memory(void **state)
{
  static const char ask[] = HEAD("GET", "/") "\r\n", answer[] = "HTTP/1.1 503 ";
  static const struct {
    unsigned first, times; /* allocations that fail: the first is that of the request */
    int is_refused;        /* by the kernel, once */
    peer_sight sight;
  } cases[] = {
    {1, 1, 0, PEER_DATA}, {1, 9, 1, PEER_RESET}, {2, 1, 0, PEER_DATA}, {2, 9, 0, PEER_RESET}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char heard[512] = "";
    long pieces = memory_live();
    world *w = begin();
    int peer;
    world_accept(w, &peer);
    memory_fail(cases[i].first, cases[i].times);
    if (cases[i].is_refused) faults_fail(&bad, FAULT_SENDMSG, 1, 1, -ENOMEM);
    send(peer, ask, sizeof ask - 1, MSG_NOSIGNAL);
    assert_int_equal(look(w, peer), cases[i].sight);
    assert_true(memory_failed() > 0);
    memory_well();
    peer_take(peer, heard, sizeof heard - 1);
    if (cases[i].sight == PEER_DATA) assert_memory_equal(heard, answer, sizeof answer - 1);
    peer_close(peer);
    drain(w, 0);
    end(w, "allocation of a request", 1, pieces);
  }
}

static void a_service_may_not_be_made(void **state)
{
  (void)state;
  long pieces = memory_live();
  for (unsigned run = 1;; run++) {
    memory_fail(run, 1);
    lc_http_service *one = lc_http_service_new(NULL);
    memory_well();
    int is_made = one != NULL;
    lc_http_service_free(one);
    assert_int_equal(memory_live(), pieces);
    if (is_made) break;
  }
}

static void receiving_may_fail(void **state)
{
  (void)state;
  walk(FAULT_RECV, -ENOMEM);
  walk(FAULT_RECV, -ECONNRESET);
}

static void sending_may_fail(void **state)
{
  (void)state;
  walk(FAULT_SENDMSG, -ENOMEM);
  walk(FAULT_SENDMSG, -EPIPE);
}

static void watching_may_fail(void **state)
{
  (void)state;
  walk(FAULT_POLLER_CONTROL, -ENOMEM);
}

static void what_is_unread_may_not_be_known(void **state)
{
  (void)state;
  walk(FAULT_UNREAD, -EIO);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_allocation_may_fail),
    cmocka_unit_test(several_allocations_may_fail),
    cmocka_unit_test(a_request_may_have_no_memory),
    cmocka_unit_test(a_service_may_not_be_made),
    cmocka_unit_test(receiving_may_fail),
    cmocka_unit_test(sending_may_fail),
    cmocka_unit_test(watching_may_fail),
    cmocka_unit_test(what_is_unread_may_not_be_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
