/* test_foreign.c - connections whose bytes a library of the embedder's moves, on a duplicate of the
 * descriptor. */
#include <sys/socket.h>
#include <unistd.h>

#include "conn/plain.h"
#include "world.h"

static world *serve_with_short_quiet(void **state)
{
  world *w = *state;
  w->options.drain.quiet = 30 * LC_MILLISECOND;
  world_serve(w);
  return w;
}

static seen *accept_for_the_library(world *w, int *peer)
{
  seen *one = world_accept(w, peer);
  lc_conn_note(one->conn, 0, 0);
  return one;
}

/* The library takes what lies in the kernel; the embedder gets `count` bytes of it. */
static void take(const seen *one, size_t count)
{
  char bytes[256];
  assert_true(recv(lc_conn_fd(one->conn), bytes, sizeof bytes, MSG_DONTWAIT) > 0);
  lc_conn_note(one->conn, count, 0);
}

static void exchange(const seen *one)
{
  lc_conn_note(one->conn, 3, 0);
  lc_conn_note(one->conn, 0, 3);
}

static void drain(world *w)
{
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_clock(w->loop) + world_seconds(10)), 0);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DRAIN);
}

static void pass_the_mark(world *w) { world_turn_for(w, 80 * LC_MILLISECOND); }

static void finish(world *w, const seen *one, int peer)
{
  lc_conn_finish(one->conn, "finished");
  peer_close(peer);
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
}

static int admits(const seen *one) { return lc_conn_admit(one->conn, LC_WAIT_READ) == 0; }

static void half_a_record_is_work(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  const seen *one = accept_for_the_library(w, &peer);
  exchange(one);
  lc_conn_note_part(one->conn, 1);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  drain(w);
  pass_the_mark(w);
  assert_int_equal(one->draining, 0);
  assert_true(admits(one));
  exchange(one);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  TURN_UNTIL(w, one->draining);
  finish(w, one, peer);
}

static void half_a_handshake_is_work_though_no_task_waits_for_it(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  const seen *one = accept_for_the_library(w, &peer);
  lc_conn_note_part(one->conn, 1);
  drain(w);
  pass_the_mark(w);
  assert_int_equal(one->draining, 0);
  lc_conn_note_part(one->conn, 0);
  TURN_UNTIL(w, one->draining);
  finish(w, one, peer);
}

static void half_an_answer_is_work(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  const seen *one = accept_for_the_library(w, &peer);
  exchange(one);
  lc_conn_note_rest(one->conn, 1);
  lc_conn_note_part(one->conn, 0);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  drain(w);
  pass_the_mark(w);
  assert_int_equal(one->draining, 0);
  assert_true(admits(one));
  lc_conn_note(one->conn, 0, 3);
  lc_conn_note_rest(one->conn, 0);
  TURN_UNTIL(w, one->draining);
  finish(w, one, peer);
}

static void the_bytes_of_a_handshake_are_no_request(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  const seen *one = world_accept(w, &peer);
  lc_conn_hold(one->conn); /* a task works for it */
  peer_say(peer, "hello");
  drain(w);
  pass_the_mark(w);
  lc_conn_note(one->conn, 0, 0);
  take(one, 0);
  lc_conn_note_part(one->conn, 0);
  assert_true(admits(one));
  peer_say(peer, "request");
  world_turn(w);
  assert_true(admits(one));
  lc_conn_release(one->conn);
  finish(w, one, peer);
}

static void what_came_before_the_mark_is_handed_over_though_it_counts_fewer_bytes(void **state)
{
  world *w = serve_with_short_quiet(state);
  int peer;
  const seen *one = accept_for_the_library(w, &peer);
  exchange(one);
  peer_say(peer, "a long record, and another");
  drain(w);
  pass_the_mark(w);
  take(one, 3);
  lc_conn_note(one->conn, 0, 3);
  assert_true(admits(one)); /* the library may hold the other */
  exchange(one);
  lc_conn_note_part(one->conn, 0); /* all that had come is taken */
  assert_false(admits(one));
  finish(w, one, peer);
}

static void what_came_before_a_reset_is_left_to_the_library(void **state)
{
  world *w = *state;
  int peer;
  char bytes[16];
  world_serve(w);
  const seen *one = accept_for_the_library(w, &peer);
  int fd = dup(lc_conn_fd(one->conn));
  peer_say(peer, "last words");
  peer_reset(peer);
  TURN_UNTIL(w, one->closed);
  assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), 10);
  close(fd);
}

static void a_write_that_the_kernel_refused_to_the_library_waits_for_room(void **state)
{
  world *w = *state;
  int peer;
  char bytes[4096] = {0};
  world_serve(w);
  seen *one = accept_for_the_library(w, &peer);
  while (send(lc_conn_fd(one->conn), bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  lc_conn_wait_write(one->conn, LC_NEVER);
  world_turn(w);
  assert_int_equal(one->ready & LC_WRITABLE, 0);
  while (!(one->ready & LC_WRITABLE)) {
    while (recv(peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
    world_turn(w);
  }
  lc_conn_end_write(one->conn);
  peer_close(peer);
}

static void no_other_transport_takes_it(void **state)
{
  world *w = *state;
  int peer;
  lc_transport other = lc_plain;
  world_serve(w);
  const seen *one = accept_for_the_library(w, &peer);
  assert_int_equal(lc_conn_set_transport(one->conn, &other), -EALREADY);
  peer_close(peer);
}

static void a_transport_without_a_state_keeps_it(void **state)
{
  world *w = *state;
  int peer;
  void *kept;
  lc_transport other = lc_plain;
  other.name = "other";
  w->options.transport = &other;
  world_serve(w);
  const seen *one = world_accept(w, &peer);
  lc_conn_note(one->conn, 3, 3);
  assert_string_equal(lc_conn_transport(one->conn, &kept), "other");
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_NEW);
  assert_int_equal(lc_conn_set_transport(one->conn, &lc_plain), -EALREADY);
  lc_conn_abort(one->conn, "test");
  TURN_UNTIL(w, one->closed);
  peer_close(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(half_a_record_is_work),
    WORLD_TEST(half_a_handshake_is_work_though_no_task_waits_for_it),
    WORLD_TEST(half_an_answer_is_work),
    WORLD_TEST(the_bytes_of_a_handshake_are_no_request),
    WORLD_TEST(what_came_before_the_mark_is_handed_over_though_it_counts_fewer_bytes),
    WORLD_TEST(what_came_before_a_reset_is_left_to_the_library),
    WORLD_TEST(a_write_that_the_kernel_refused_to_the_library_waits_for_room),
    WORLD_TEST(no_other_transport_takes_it),
    WORLD_TEST(a_transport_without_a_state_keeps_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
