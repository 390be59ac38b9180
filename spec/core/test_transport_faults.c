/* scripts/test: early */
/* test_transport_faults.c - a transport that fails: each call in each way, all through the life of
 * a server.
 *
 * A scenario is run again and again; in the n-th run the n-th call of one kind fails, once or from
 * there on, until there are no more calls of that kind to fail. Whatever fails, each connection
 * ends in a code that transport.h tells of, the server goes on with the next client, and nothing is
 * left. Then the same for the kernel's calls and for memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"
#include "memory.h"
#include "odd_world.h"

enum { RUNS_AT_MOST = 400, SPEED = 25, CLIENTS = 3 };

static const char *const NAMES[ODD_CALLS] = {"begin",  "open",    "receive", "send",
                                             "unread", "unacked", "finish"};

static faults bad;
static odd_peer peers[CLIENTS + 1];
static int code; /* that connections may end with, beside those that end any life */
static int is_tcp;
static lc_time limit; /* of reads and writes, and for the first byte */

/* ------------------------------------------------------------- the scenario -- */

/* Echoes what comes; whatever else it hears ends the connection. */
static void echo(seen *one, unsigned what)
{
  lc_slice slice;
  if (what & (LC_READ_TIMEOUT | LC_WRITE_TIMEOUT | LC_ENDED)) lc_conn_finish(one->conn, "failed");
  if (!(what & LC_READABLE)) return;
  for (;;) {
    int result = lc_conn_read_some(one->conn, 4096, &slice);
    if (result == LC_AGAIN || result == -ENOMEM || result == -ENOBUFS) {
      lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
      return;
    }
    struct iovec piece = {(void *)(uintptr_t)slice.data, slice.length};
    if (result < 0 || lc_conn_write(one->conn, &piece, 1) < (ssize_t)slice.length) {
      lc_conn_finish(one->conn, "ended");
      return;
    }
  }
}

static void greet(seen *one) { echo(one, LC_READABLE); }

static int is_documented(int end)
{
  return end == 0 || end == LC_CLOSED || end == LC_TIMEOUT || end == LC_RESET ||
         end == LC_BROKEN_PIPE || end == -ECONNABORTED || end == code;
}

static void check_end(seen *one)
{
  int error = lc_conn_error(one->conn), verdict = world_verdict(one).code;
  if (!is_documented(error) || !is_documented(verdict))
    fail_msg("ended in %s, %s", lc_code_name(error), lc_code_name(verdict));
}

static void cancel(world *w, lc_step step)
{
  if (step != LC_STEP_CANCEL) return;
  for (lc_conn *conn = NULL; (conn = lc_server_next(w->server, conn));)
    lc_conn_finish(conn, "canceled");
}

static void turn(world *w)
{
  int result = lc_loop_turn(w->loop, 5 * LC_MILLISECOND);
  if (result < 0) assert_int_equal(result, code);
  for (int i = 0; i <= CLIENTS; i++)
    if (peers[i].fd >= 0) odd_peer_pump(&peers[i]);
}

/* One client says hello and is answered, or sees an end. Whether it was answered. */
static int converse(world *w, odd_peer *peer)
{
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  odd_peer_begin(peer, peer_connect(&w->address), 0);
  peer->at_once = "hello";
  while (peer->heard_length < 5 && !peer->heard_end && !peer->error) {
    turn(w);
    if (w->sys->now(w->sys) > until) fail_msg("the client was left hanging");
  }
  int is_answered = odd_peer_heard(peer, "hello");
  if (is_answered) odd_peer_sign(peer, ODD_LAST);
  return is_answered;
}

static void drain(world *w)
{
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_clock(w->loop) + 8 * LC_SECOND), 0);
  while (lc_server_step(w->server) != LC_STEP_DONE) {
    turn(w);
    if (w->sys->now(w->sys) > until) fail_msg("the drain does not end");
  }
  assert_int_equal(lc_server_count(w->server, LC_STATES), 0);
}

static void prepare(world *w)
{
  lc_settings *settings = &w->options.settings;
  w->opened = greet;
  w->ready = echo;
  w->closed = check_end;
  w->step = cancel;
  w->options.transport = &odd.table;
  settings->linger = 200 * LC_MILLISECOND;
  settings->first_byte_timeout = settings->read_timeout = settings->write_timeout = limit;
  w->options.drain.settle = 200 * LC_MILLISECOND;
  w->options.drain.quiet = 0;
}

/* Serves some clients, one after the other, of whom the last stays silent, and drains. How many
 * were answered. */
static int live(world *w)
{
  int error = 0, answered = 0;
  w->loop = lc_loop_new(w->sys, &error);
  if (!w->loop) {
    assert_int_equal(error, code);
    return CLIENTS;
  }
  prepare(w);
  if ((error = world_new_server(w, 0)) < 0) {
    assert_int_equal(error, code);
    assert_int_equal(world_new_server(w, 0), 0);
  }
  w->address = is_tcp ? world_loopback() : world_unix_name();
  if ((error = world_listen(w, NULL)) < 0) {
    assert_int_equal(error, code);
    assert_int_equal(world_listen(w, NULL), 0);
  }
  for (int i = 0; i < CLIENTS; i++) answered += converse(w, &peers[i]);
  odd_peer_begin(&peers[CLIENTS], peer_connect(&w->address), 0);
  turn(w);
  drain(w);
  return answered;
}

/* One life, with what has been arranged to fail. How many clients were answered. */
static int live_once(void)
{
  long before = memory_live();
  world *w = malloc(sizeof *w);
  assert_non_null(w);
  world_begin(w, &bad.sys);
  for (int i = 0; i <= CLIENTS; i++) peers[i].fd = -1;
  int answered = live(w);
  memory_well();
  for (int i = 0; i <= CLIENTS; i++)
    if (peers[i].fd >= 0) close(peers[i].fd);
  world_end(w);
  free(w);
  assert_int_equal(odd.begun, odd.ended);
  assert_int_equal(memory_live(), before);
  assert_int_equal(bad.open, 0);
  assert_int_equal(bad.strange, 0);
  return answered;
}

static void begin(void)
{
  faults_init(&bad);
  bad.speed = SPEED;
  odd_init(&odd);
  odd.waits_for_last = 1;
  odd.call_every = 3;
  limit = 30 * LC_SECOND;
}

/* ---------------------------------------------------------- the transport's calls -- */

static int is_nonsense(odd_call call, int result)
{
  if (result < INT16_MIN) return 1;
  return result > 0 && call != ODD_UNREAD && call != ODD_UNACKED;
}

/* No event tells that there is more after all. */
static int may_stall(odd_call call, int result)
{
  return result == LC_AGAIN || (call == ODD_SEND && result == 0);
}

static void walk(odd_call call, int result, unsigned times)
{
  int is_well = times == 1 && !may_stall(call, result);
  code = is_nonsense(call, result) ? -EPROTO : result;
  for (unsigned run = 1;; run++) {
    begin();
    if (!is_well) limit = LC_SECOND / 4;
    odd_fail(&odd, call, run, times, result);
    int answered = live_once();
    if (is_well && answered < CLIENTS - 1)
      fail_msg("%s, call %u, %d: %d answered", NAMES[call], run, result, answered);
    if (!odd.of[call].failed) return;
    assert_true(run < RUNS_AT_MOST);
  }
}

static void walk_all(odd_call call, const int *results, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    is_tcp = i == 0; /* where a stop takes longer */
    walk(call, results[i], 1);
    walk(call, results[i], UINT32_MAX);
  }
}

/* Each of these walks one kind of call through the scenario, failing in each of these ways. */
#define WALK(name, call, ...)                                  \
  static void name(void **state)                               \
  {                                                            \
    static const int results[] = {__VA_ARGS__};                \
    (void)state;                                               \
    walk_all(call, results, sizeof results / sizeof *results); \
  }

WALK(begin_may_fail, ODD_BEGIN, -ENOMEM, -EPROTO, ODD_TOO_MUCH, -70000)
WALK(open_may_fail, ODD_OPEN, LC_AGAIN, LC_RESET, -EPROTO, -ENOMEM, ODD_TOO_MUCH, -70000)
WALK(receive_may_fail, ODD_RECEIVE, LC_AGAIN, LC_RESET, -EIO, -ENOMEM, -ENOBUFS, 0, ODD_TOO_MUCH,
     -70000)
WALK(send_may_fail, ODD_SEND, LC_AGAIN, LC_BROKEN_PIPE, -EIO, -ENOMEM, -ENOBUFS, 0, ODD_TOO_MUCH,
     -70000)
WALK(unread_may_fail, ODD_UNREAD, -EIO, ODD_TOO_MUCH, INT32_MIN)
WALK(unacked_may_fail, ODD_UNACKED, -EIO, ODD_TOO_MUCH, INT32_MIN)
WALK(finish_may_fail, ODD_FINISH, LC_AGAIN, LC_RESET, -ENOTCONN, -EIO, -ENOMEM, ODD_TOO_MUCH,
     -70000)

/* ------------------------------------------------------- the kernel's, and memory -- */

static void walk_kernel(fault_call call, int result)
{
  code = result;
  for (unsigned run = 1;; run++) {
    begin();
    faults_fail(&bad, call, run, 1, result);
    assert_true(live_once() >= CLIENTS - 1);
    if (!bad.of[call].failed) return;
    assert_true(run < RUNS_AT_MOST);
  }
}

static void the_kernel_may_fail(void **state)
{
  (void)state;
  is_tcp = 0;
  walk_kernel(FAULT_RECV, -ENOMEM);
  walk_kernel(FAULT_RECV, -ECONNRESET);
  walk_kernel(FAULT_SENDMSG, -ENOBUFS);
  walk_kernel(FAULT_SENDMSG, -EPIPE);
  walk_kernel(FAULT_SHUTDOWN, -ENOTCONN);
  is_tcp = 1;
  walk_kernel(FAULT_UNREAD, -EIO);
  walk_kernel(FAULT_UNACKED, -EIO);
}

static void memory_may_be_short(void **state)
{
  (void)state;
  code = -ENOMEM;
  for (unsigned run = 1;; run++) {
    begin();
    is_tcp = run % 2 ? 1 : 0;
    memory_fail(run / 2 + 2, 1); /* the first is the test's own */
    live_once();
    if (!memory_failed() && is_tcp) return;
    assert_true(run < RUNS_AT_MOST);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(begin_may_fail),      cmocka_unit_test(open_may_fail),
    cmocka_unit_test(receive_may_fail),    cmocka_unit_test(send_may_fail),
    cmocka_unit_test(unread_may_fail),     cmocka_unit_test(unacked_may_fail),
    cmocka_unit_test(finish_may_fail),     cmocka_unit_test(the_kernel_may_fail),
    cmocka_unit_test(memory_may_be_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
