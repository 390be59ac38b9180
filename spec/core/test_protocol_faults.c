/* test_protocol_faults.c - bad luck on the way of a unit: each call and each allocation fails once.
 *
 * A scenario is run again and again; in the n-th run the n-th call of one kind fails, until there
 * are no more of that kind. Whatever fails, the connection goes on or ends, the next one is served,
 * and nothing is left: no descriptor, no memory, no state of the protocol.
 */
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"
#include "frame_world.h"
#include "memory.h"

enum { RUNS_AT_MOST = 400, SPEED = 25 };

static faults bad;

static void turn(world *w, int expected)
{
  int result = lc_loop_turn(w->loop, 5 * LC_MILLISECOND);
  if (result < 0) assert_int_equal(result, expected);
}

static void on_unit(seen *one, unsigned what)
{
  lc_slice slice;
  if (!(what & LC_UNIT)) return;
  int result = lc_conn_read_exact(one->conn, FRAME_HEAD, &slice);
  if (result < 0 || frame_write(one->conn, FRAME_ANSWER, "", 0) < 0)
    lc_conn_finish(one->conn, "failed");
  lc_conn_unit_ended(one->conn);
}

static void until_quiet(world *w, int peer, int expected, size_t wanted)
{
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  size_t heard = 0;
  while (heard < wanted) {
    char sink[64];
    turn(w, expected);
    heard += peer_take(peer, sink, sizeof sink);
    peer_sight sight = peer_look(peer);
    if (sight == PEER_EOF || sight == PEER_RESET) return;
    if (w->sys->now(w->sys) > until) fail_msg("the peer was left hanging");
  }
}

/* Two messages and a ping in pieces, a large message, and then the connection is parked, or has
 * ended. */
static void converse(world *w, int expected)
{
  enum { LARGE = 100 * 1024 };
  char text[WORLD_TEXT];
  static char zeros[LARGE];
  unsigned char head[FRAME_HEAD + 1];
  size_t size = frame_put(text, FRAME_CALL, "one"), answer = FRAME_HEAD + 1;
  size += frame_put(text + size, FRAME_PING, "ping");
  size += frame_put(text + size, FRAME_CALL, "two");
  int peer = peer_connect(&w->address);
  send(peer, text, 7, MSG_NOSIGNAL);
  for (int i = 0; i < 3; i++) turn(w, expected);
  send(peer, text + 7, size - 7, MSG_NOSIGNAL);
  until_quiet(w, peer, expected, 3 * answer + 4);
  frame_write_head(head, FRAME_CALL, LARGE);
  send(peer, head, sizeof head, MSG_NOSIGNAL);
  for (size_t done = 0; done < LARGE;) {
    ssize_t sent = send(peer, zeros, LARGE - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) done += (size_t)sent;
    else if (errno != EAGAIN) break;
    turn(w, expected);
  }
  until_quiet(w, peer, expected, answer);
  peer_close(peer);
}

static void drain(world *w, int expected)
{
  lc_time until = w->sys->now(w->sys) + SPEED * world_seconds(10);
  int peer = peer_connect(&w->address);
  frame_say(peer, FRAME_CALL, "parked");
  until_quiet(w, peer, expected, FRAME_HEAD + 1);
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_clock(w->loop) + 10 * LC_SECOND), 0);
  while (lc_server_step(w->server) != LC_STEP_DONE) {
    turn(w, expected);
    if (peer_skip(peer)) frame_say(peer, FRAME_GOODBYE, "");
    if (w->sys->now(w->sys) > until) fail_msg("the drain does not end");
  }
  peer_close(peer);
}

static world *begin(void)
{
  world *w = malloc(sizeof *w);
  int error = 0;
  assert_non_null(w);
  faults_init(&bad);
  bad.speed = SPEED;
  frames = (frame_tally){0};
  world_begin(w, &bad.sys);
  w->loop = lc_loop_new(w->sys, &error);
  assert_non_null(w->loop);
  w->ready = on_unit;
  w->options.protocol = &frame_protocol;
  w->options.settings.linger = 200 * LC_MILLISECOND;
  w->options.drain.settle = 200 * LC_MILLISECOND;
  w->options.drain.quiet = 0;
  world_serve(w);
  return w;
}

static void live(world *w, int code)
{
  for (int i = 0; i < 2; i++) converse(w, code);
  drain(w, code);
}

static void end(world *w, const char *what, unsigned run, long pieces)
{
  world_end(w);
  free(w);
  if (bad.open || bad.strange || frames.begun != frames.ended || memory_live() != pieces)
    fail_msg("%s, call %u: %d descriptors left, %d strange, %d states begun, %d ended, %ld pieces",
             what, run, bad.open, bad.strange, frames.begun, frames.ended, memory_live() - pieces);
}

static void walk(fault_call call, int code)
{
  for (unsigned run = 1; run <= RUNS_AT_MOST; run += 1 + run / 32) {
    long pieces = memory_live();
    world *w = begin();
    faults_fail(&bad, call, run, 1, code);
    live(w, code);
    int is_past = !bad.of[call].failed && bad.of[call].made < bad.of[call].first;
    end(w, fault_name(call), run, pieces);
    if (is_past) return;
  }
}

static void any_allocation_may_fail(void **state)
{
  (void)state;
  for (unsigned run = 1;; run++) {
    long pieces = memory_live();
    world *w = begin();
    memory_fail(run, 1);
    live(w, -ENOMEM);
    memory_well();
    end(w, "allocation", run, pieces);
    if (!memory_failed()) break;
    assert_true(run < RUNS_AT_MOST);
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
    cmocka_unit_test(any_allocation_may_fail), cmocka_unit_test(receiving_may_fail),
    cmocka_unit_test(sending_may_fail), cmocka_unit_test(watching_may_fail),
    cmocka_unit_test(what_is_unread_may_not_be_known)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
