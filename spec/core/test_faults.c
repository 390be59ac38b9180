/* scripts/test: early */
/* test_faults.c - bad luck: each call of each kind fails once, all through the life of a server.
 *
 * A scenario is run again and again; in the n-th run the n-th call of one kind
 * fails, until there are no more calls of that kind to fail. Whatever fails, the
 * process does not crash, an error is a result that names it, the server goes on
 * with the next client, and no descriptor is left or closed twice.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"
#include "memory.h"
#include "world.h"

enum { RUNS_AT_MOST = 400, SPEED = 25 };

static faults bad;

/* ------------------------------------------------------------ the scenario -- */

/* Echoes what comes; what cannot be echoed ends the connection. */
static void echo(seen *one, unsigned what)
{
  lc_slice slice;
  if (what & LC_ENDED) lc_conn_finish(one->conn, "ended");
  if (!(what & LC_READABLE)) return;
  for (;;) {
    int result = lc_conn_read_some(one->conn, 4096, &slice);
    if (result == LC_AGAIN || result == -ENOMEM || result == -ENOBUFS) {
      lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
      return;
    }
    if (result < 0) {
      lc_conn_finish(one->conn, "peer finished");
      return;
    }
    struct iovec piece = {(void *)(uintptr_t)slice.data, slice.length};
    if (lc_conn_write(one->conn, &piece, 1) < (ssize_t)slice.length) {
      lc_conn_finish(one->conn, "cannot write");
      return;
    }
  }
}

static void greet(seen *one) { echo(one, LC_READABLE); }

/* Turns the loop like an embedder that goes on after an error of a turn. */
static int turn(world *w, int expected)
{
  int result = lc_loop_turn(w->loop, 5 * LC_MILLISECOND);
  if (result < 0) assert_int_equal(result, expected);
  return result;
}

/* One client says hello and is answered, or sees an end. Whether it was answered. */
static int converse(world *w, int expected)
{
  char heard[8] = "";
  size_t held = 0;
  int peer = socket(w->address.of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  assert_true(peer >= 0);
  if (connect(peer, &w->address.of.any, w->address.length) < 0 && errno != EINPROGRESS) {
    peer_close(peer);
    return 0;
  }
  int said = 0;
  while (held < 5) {
    if (!said) said = send(peer, "hello", 5, MSG_NOSIGNAL) == 5;
    turn(w, expected);
    held += peer_take(peer, heard + held, 5 - held);
    peer_sight sight = said ? peer_look(peer) : PEER_QUIET;
    if (sight == PEER_EOF || sight == PEER_RESET) break;
    if (w->sys->now(w->sys) > until) fail_msg("the client was left hanging");
  }
  peer_close(peer);
  if (held == 5) assert_string_equal(heard, "hello");
  return held == 5;
}

/* With a client connected that has nothing to say. */
static void drain(world *w, int expected)
{
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  int quiet = peer_connect(&w->address);
  turn(w, expected);
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_clock(w->loop) + 10 * LC_SECOND), 0);
  while (lc_server_step(w->server) != LC_STEP_DONE) {
    turn(w, expected);
    if (w->sys->now(w->sys) > until) fail_msg("the drain does not end");
  }
  assert_int_equal(lc_server_count(w->server, LC_STATES), 0);
  peer_close(quiet);
}

static lc_address unix_path(void)
{
  lc_address address = {.of.un = {.sun_family = AF_UNIX}};
  snprintf(address.of.un.sun_path, sizeof address.of.un.sun_path, "/tmp/lastcall-faults-%d.sock",
           (int)getpid());
  address.length = sizeof address.of.un;
  return address;
}

static void assert_no_file(const lc_address *address)
{
  assert_int_equal(access(address->of.un.sun_path, F_OK), -1);
}

/* Opens, listens, serves two clients at a time, drains, closes. `code`: of the call that fails. */
static void live(world *w, lc_address address, int code)
{
  int error = 0, answered = 0;
  w->loop = lc_loop_new(w->sys, &error);
  if (!w->loop) {
    assert_int_equal(error, code);
    return;
  }
  w->opened = greet;
  w->ready = echo;
  w->options.settings.linger = 200 * LC_MILLISECOND;
  w->options.drain.settle = 200 * LC_MILLISECOND;
  w->options.drain.quiet = 0;
  error = world_new_server(w, 0);
  if (error < 0) {
    assert_int_equal(error, code);
    assert_int_equal(world_new_server(w, 0), 0);
  }
  w->address = address;
  error = world_listen(w, NULL);
  if (error < 0) {
    assert_int_equal(error, code);
    assert_int_equal(lc_server_address(w->server, 0, &w->address), -ENOENT);
    if (address.of.any.sa_family == AF_UNIX) assert_no_file(&address);
    error = world_listen(w, NULL); /* it was one failure: the next attempt is fine */
    assert_int_equal(error, 0);
  }
  for (int i = 0; i < 3; i++) answered += converse(w, code);
  assert_true(answered >= 2); /* one client's trouble is not another's */
  drain(w, code);
}

/* Runs the scenario with each call of a kind failing once. How many runs there were. */
static unsigned walk(fault_call call, int code, const lc_address *address)
{
  unsigned run = 1;
  for (; run <= RUNS_AT_MOST; run += 1 + run / 32) { /* not each of hundreds of turns */
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    faults_init(&bad);
    bad.speed = SPEED;
    world_begin(w, &bad.sys);
    faults_fail(&bad, call, run, 1, code);
    live(w, *address, code);
    unsigned failed = bad.of[call].failed;
    world_end(w);
    free(w);
    if (bad.open || bad.strange)
      fail_msg("%s, call %u, %s: %d descriptors left, %d closed that were not open",
               fault_name(call), run, lc_code_name(code), bad.open, bad.strange);
    if (address->of.any.sa_family == AF_UNIX && unlink(address->of.un.sun_path) == 0)
      assert_true(call == FAULT_UNLINK || call == FAULT_FILE_IDENTITY); /* it could not know */
    if (!failed && bad.of[call].made < bad.of[call].first) return run - 1;
  }
  return run;
}

/* The same for each allocation, at either kind of address. */
static void memory_may_be_short(void **state)
{
  (void)state;
  for (unsigned run = 1;; run++) {
    lc_address address = run % 2 ? world_loopback() : world_unix_name();
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    faults_init(&bad);
    bad.speed = SPEED;
    world_begin(w, &bad.sys);
    memory_fail((run + 1) / 2, 1);
    live(w, address, -ENOMEM);
    memory_well();
    world_end(w);
    free(w);
    assert_int_equal(bad.open, 0);
    assert_int_equal(bad.strange, 0);
    if (!memory_failed() && run % 2 == 0) break;
    assert_true(run < RUNS_AT_MOST);
  }
}

static void walk_tcp(fault_call call, const int *codes, int count)
{
  lc_address address = world_loopback();
  for (int i = 0; i < count; i++) assert_true(walk(call, codes[i], &address) > 0);
}

static void walk_unix(fault_call call, const int *codes, int count)
{
  lc_address address = unix_path();
  for (int i = 0; i < count; i++) assert_true(walk(call, codes[i], &address) > 0);
}

/* Each of these walks one kind of call through the scenario, failing in each of these ways. */
#define WALK(name, how, call, ...)                         \
  static void name(void **state)                           \
  {                                                        \
    static const int codes[] = {__VA_ARGS__};              \
    (void)state;                                           \
    how(call, codes, (int)(sizeof codes / sizeof *codes)); \
  }

WALK(socket_may_fail, walk_tcp, FAULT_SOCKET, -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM)
WALK(bind_may_fail, walk_tcp, FAULT_BIND, -EADDRINUSE, -EACCES)
WALK(listen_may_fail, walk_tcp, FAULT_LISTEN, -EADDRINUSE)
WALK(accept_may_fail, walk_tcp, FAULT_ACCEPT, -EMFILE, -ENOBUFS, -ENOMEM, -ECONNABORTED, -EINTR,
     -EIO)
WALK(connect_may_fail, walk_tcp, FAULT_CONNECT, -EINTR, -EAGAIN)
WALK(getsockname_may_fail, walk_tcp, FAULT_GETSOCKNAME, -ENOBUFS)
WALK(setsockopt_may_fail, walk_tcp, FAULT_SETSOCKOPT, -ENOBUFS, -ENOMEM, -EPERM, -EINTR)
WALK(getsockopt_may_fail, walk_tcp, FAULT_GETSOCKOPT, -ENOBUFS)
WALK(recv_may_fail, walk_tcp, FAULT_RECV, -EINTR, -ENOMEM, -ENOBUFS, -ECONNRESET, -EIO)
WALK(sendmsg_may_fail, walk_tcp, FAULT_SENDMSG, -EINTR, -ENOMEM, -ENOBUFS, -EPIPE, -ECONNRESET,
     -EIO)
WALK(shutdown_may_fail, walk_tcp, FAULT_SHUTDOWN, -ENOTCONN, -EIO)
WALK(close_may_fail_and_is_never_repeated, walk_tcp, FAULT_CLOSE, -EINTR, -EIO)
WALK(unread_may_fail, walk_tcp, FAULT_UNREAD, -EIO)
WALK(unacked_may_fail, walk_tcp, FAULT_UNACKED, -EIO)
WALK(poller_create_may_fail, walk_tcp, FAULT_POLLER_CREATE, -EMFILE, -ENOMEM)
WALK(poller_control_may_fail, walk_tcp, FAULT_POLLER_CONTROL, -ENOMEM, -ENOSPC, -EINTR)
WALK(poller_wait_may_fail, walk_tcp, FAULT_POLLER_WAIT, -EINTR, -ENOMEM)
WALK(wake_create_may_fail, walk_tcp, FAULT_WAKE_CREATE, -EMFILE, -ENFILE)
WALK(on_unix_socket_may_fail, walk_unix, FAULT_SOCKET, -EMFILE)
WALK(on_unix_listen_may_fail, walk_unix, FAULT_LISTEN, -EADDRINUSE)
WALK(on_unix_getsockname_may_fail, walk_unix, FAULT_GETSOCKNAME, -ENOBUFS)
WALK(on_unix_poller_control_may_fail, walk_unix, FAULT_POLLER_CONTROL, -ENOMEM)
WALK(on_unix_file_identity_may_fail, walk_unix, FAULT_FILE_IDENTITY, -EIO)
WALK(on_unix_shutdown_may_fail, walk_unix, FAULT_SHUTDOWN, -EIO)
WALK(on_unix_unlink_may_fail, walk_unix, FAULT_UNLINK, -EACCES)

/* No event tells that the kernel has memory again. A drain meanwhile does not take the connection for idle. */
static void a_reader_that_waits_tries_again_when_the_kernel_lacked_memory(void **state)
{
  world w;
  int peer;
  lc_slice slice;
  (void)state;
  faults_init(&bad);
  world_begin(&w, &bad.sys);
  w.loop = lc_loop_new(&bad.sys, NULL);
  world_serve(&w);
  seen *one = world_accept(&w, &peer);
  for (int round = 0; round < 2; round++) {
    peer_say(peer, "hello");
    TURN_UNTIL(&w, one->ready & LC_READABLE);
    for (int refused = 0; refused < 3; refused++) {
      faults_fail(&bad, FAULT_RECV, 1, 1, round ? -ENOBUFS : -ENOMEM);
      assert_int_equal(lc_conn_read_some(one->conn, 4096, &slice), round ? -ENOBUFS : -ENOMEM);
      one->ready = 0;
      lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
      if (round && !refused)
        assert_int_equal(lc_server_shutdown(w.server, lc_loop_clock(w.loop) + LC_SECOND), 0);
      TURN_UNTIL(&w, one->ready);
      assert_int_equal(one->ready, LC_READABLE);
    }
    faults_none(&bad);
    assert_int_equal(lc_conn_read_some(one->conn, 4096, &slice), 0);
    assert_int_equal(slice.length, 5);
    one->ready = 0;
    lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  }
  peer_close(peer);
  world_end(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(memory_may_be_short),
    cmocka_unit_test(socket_may_fail),
    cmocka_unit_test(bind_may_fail),
    cmocka_unit_test(listen_may_fail),
    cmocka_unit_test(accept_may_fail),
    cmocka_unit_test(connect_may_fail),
    cmocka_unit_test(getsockname_may_fail),
    cmocka_unit_test(setsockopt_may_fail),
    cmocka_unit_test(getsockopt_may_fail),
    cmocka_unit_test(recv_may_fail),
    cmocka_unit_test(a_reader_that_waits_tries_again_when_the_kernel_lacked_memory),
    cmocka_unit_test(sendmsg_may_fail),
    cmocka_unit_test(shutdown_may_fail),
    cmocka_unit_test(close_may_fail_and_is_never_repeated),
    cmocka_unit_test(unread_may_fail),
    cmocka_unit_test(unacked_may_fail),
    cmocka_unit_test(poller_create_may_fail),
    cmocka_unit_test(poller_control_may_fail),
    cmocka_unit_test(poller_wait_may_fail),
    cmocka_unit_test(wake_create_may_fail),
    cmocka_unit_test(on_unix_socket_may_fail),
    cmocka_unit_test(on_unix_listen_may_fail),
    cmocka_unit_test(on_unix_getsockname_may_fail),
    cmocka_unit_test(on_unix_poller_control_may_fail),
    cmocka_unit_test(on_unix_file_identity_may_fail),
    cmocka_unit_test(on_unix_shutdown_may_fail),
    cmocka_unit_test(on_unix_unlink_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
