/* test_conn.c - one connection's states and limits, and how long it is there for whom. */
#include "conn/conn.h"

#include <unistd.h>

#include "world.h"

/* A handler that reads a line, answers, and waits for the next. */
static void answer_lines(seen *one, unsigned what)
{
  lc_slice slice;
  if (!(what & LC_READABLE)) return;
  for (;;) {
    int result = lc_conn_read_until(one->conn, "\n", 1, 1000, &slice);
    if (result == LC_AGAIN) {
      lc_conn_wait(one->conn, LC_WAIT_LINES, LC_NEVER);
      return;
    }
    if (result < 0) {
      lc_conn_finish(one->conn, "peer finished");
      return;
    }
    world_write(one, "ok\n");
  }
}

static void wait_for_lines(seen *one) { lc_conn_wait(one->conn, LC_WAIT_LINES, LC_NEVER); }

static void serve_lines(world *w)
{
  w->opened = wait_for_lines;
  w->ready = answer_lines;
  world_serve(w);
}

/* ----------------------------------------------------------------- states -- */

static void a_conversation_goes_new_active_idle_active_idle_active_closing_closed(void **state)
{
  world *w = *state;
  int peer;
  serve_lines(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_NEW);
  for (int i = 0; i < 2; i++) {
    peer_say(peer, "hello\n");
    world_expect(w, peer, "ok\n");
    TURN_UNTIL(w, lc_conn_state(one->conn) == LC_STATE_IDLE);
  }
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_string_equal(one->states, " active idle active idle closing closed");
}

static void closed_from_our_side_it_goes_new_closing_closed(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_conn_close(one->conn, LC_SECOND, "test");
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_string_equal(one->states, " closing closed");
}

static void reset_by_the_peer_it_goes_new_active_closed(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer);
  peer_reset(peer);
  TURN_UNTIL(w, one->closed);
  assert_string_equal(one->states, " active closed");
  assert_string_equal(one->cause, "reset");
}

static void greeted_and_waiting_it_is_idle_before_a_byte_came(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_write(one, "welcome\n");
  lc_conn_wait(one->conn, LC_WAIT_LINES, LC_NEVER);
  world_expect(w, peer, "welcome\n");
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  peer_close(peer);
}

/* Every doubt counts as work: idle decides whose request a drain cuts. */
static void after_a_partial_read_it_is_active_and_after_an_answer_idle(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "half");
  world_swallow(one);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE); /* consumed, and not answered */
  world_write(one, "answer");
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  TURN_UNTIL(w, lc_conn_state(one->conn) == LC_STATE_IDLE);
  peer_close(peer);
}

static void await_is_idle_by_its_own_word(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer); /* not answered: any other wait would be work */
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  peer_close(peer);
}

static void unread_bytes_make_it_active(void **state)
{
  world *w = *state;
  lc_slice slice;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "ab");
  TURN_UNTIL(w, lc_conn_await(one->conn) == 0);
  assert_int_equal(lc_conn_read_some(one->conn, 1, &slice), 0);
  world_write(one, "answer");
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  peer_close(peer);
}

static void a_guard_keeps_it_active(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer);
  lc_conn_guard(one->conn);
  lc_conn_guard(one->conn);
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  lc_conn_unguard(one->conn);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  lc_conn_unguard(one->conn);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  peer_close(peer);
}

static void a_second_task_keeps_it_active_in_an_ordinary_read(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer);
  world_write(one, "y");
  lc_conn_hold(one->conn);
  lc_conn_hold(one->conn);
  lc_conn_wait(one->conn, LC_WAIT_READ, LC_NEVER);
  world_turn(w);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE);
  lc_conn_release(one->conn);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_IDLE);
  lc_conn_release(one->conn);
  peer_close(peer);
}

/* ----------------------------------------------------------------- limits -- */

static void a_connection_that_never_speaks_is_closed_after_first_byte_timeout(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.first_byte_timeout = 30 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  lc_time began = lc_loop_now(w->loop);
  world_expect_sight(w, peer, PEER_EOF);
  assert_true(lc_loop_now(w->loop) - began >= 20 * LC_MILLISECOND);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
  assert_string_equal(one->cause, "first byte timeout");
}

static void idle_timeout_closes_the_idle_and_leaves_the_busy(void **state)
{
  world *w = *state;
  int peers[2];
  w->options.settings.idle_timeout = 30 * LC_MILLISECOND;
  world_serve(w);
  seen *idle = world_accept_busy(w, &peers[0]), *busy = world_accept_busy(w, &peers[1]);
  lc_conn_wait(idle->conn, LC_WAIT_AWAIT, LC_NEVER);
  world_expect_sight(w, peers[0], PEER_EOF);
  assert_string_equal(idle->cause, "idle timeout");
  world_turn_for(w, 40 * LC_MILLISECOND);
  assert_int_equal(lc_conn_state(busy->conn), LC_STATE_ACTIVE);
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void max_age_waits_for_the_next_idle_moment(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.max_age = 20 * LC_MILLISECOND;
  world_serve(w);
  seen *one = world_accept_busy(w, &peer);
  world_turn_for(w, 50 * LC_MILLISECOND);
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_ACTIVE); /* it works: age does not matter */
  lc_conn_wait(one->conn, LC_WAIT_AWAIT, LC_NEVER);
  world_expect_sight(w, peer, PEER_EOF);
  assert_string_equal(one->cause, "max age");
  peer_close(peer);
}

static void those_opened_together_do_not_grow_old_together(void **state)
{
  enum { MANY = 16 };
  world *w = *state;
  lc_time age = 3600 * LC_SECOND, first = LC_NEVER, last = 0;
  int peers[MANY];
  w->options.settings.max_age = age;
  world_serve(w);
  for (int i = 0; i < MANY; i++) {
    const lc_conn *conn = world_accept(w, &peers[i])->conn;
    lc_time limit = lc_heap_at(&w->loop->timers, &conn->timer) - conn->opened_at;
    if (limit < first) first = limit;
    if (limit > last) last = limit;
  }
  assert_true(first >= age - age / 10 && last <= age + age / 10);
  assert_true(last - first > age / 10); /* of the fifth that there is */
  for (int i = 0; i < MANY; i++) peer_close(peers[i]);
}

static void settings_changed_for_one_are_not_changed_for_others(void **state)
{
  world *w = *state;
  lc_settings settings;
  int peers[2];
  world_serve(w);
  seen *a = world_accept(w, &peers[0]), *b = world_accept(w, &peers[1]);
  settings = *lc_conn_settings(a->conn);
  settings.read_timeout = 10 * LC_MILLISECOND;
  lc_conn_wait(a->conn, LC_WAIT_READ, LC_NEVER);
  lc_conn_wait(b->conn, LC_WAIT_READ, LC_NEVER);
  assert_int_equal(lc_conn_set_settings(a->conn, &settings), 0); /* while it waits */
  TURN_UNTIL(w, a->ready & LC_READ_TIMEOUT);
  assert_int_equal(b->ready & LC_READ_TIMEOUT, 0);
  assert_true(lc_conn_settings(b->conn)->read_timeout == LC_NEVER);
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

/* -------------------------------------------------------- who still has it -- */

static void it_is_found_by_id_until_its_tasks_have_ended(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  uint64_t id = lc_conn_id(one->conn);
  assert_ptr_equal(lc_server_find(w->server, id), one->conn);
  lc_conn_hold(one->conn);
  lc_conn_abort(one->conn, "test");
  TURN_UNTIL(w, one->closed);
  assert_ptr_equal(lc_server_find(w->server, id), one->conn);
  assert_int_equal(lc_server_count(w->server, LC_STATE_CLOSED), 1);
  lc_conn_release(one->conn);
  world_turn(w);
  assert_null(lc_server_find(w->server, id));
  assert_int_equal(lc_server_count(w->server, LC_STATES), 0);
  peer_close(peer);
}

static void closed_it_stays_readable_also_when_server_and_loop_are_gone(void **state)
{
  world *w = *state;
  lc_conn_stats stats;
  lc_verdict verdict;
  lc_address peer_address;
  lc_slice slice;
  int peers[2];
  world_serve(w);
  seen *before = world_accept(w, &peers[0]), *with = world_accept(w, &peers[1]);
  lc_conn_abort(before->conn, "test"); /* leaves the registry now; the other goes with the server */
  TURN_UNTIL(w, before->closed && lc_server_count(w->server, LC_STATES) == 1);
  lc_server_free(w->server);
  w->server = NULL;
  lc_loop_free(w->loop);
  w->loop = NULL;
  for (int i = 0; i < 2; i++) {
    lc_conn *conn = i ? with->conn : before->conn;
    assert_int_equal(lc_conn_state(conn), LC_STATE_CLOSED);
    assert_null(lc_conn_server(conn));
    assert_int_equal(lc_conn_fd(conn), -1);
    assert_int_equal(lc_conn_verdict(conn, &verdict), 0);
    assert_int_equal(verdict.code, LC_CLOSED);
    lc_conn_stats_get(conn, &stats);
    lc_conn_peer(conn, &peer_address);
    assert_int_equal(peer_address.of.any.sa_family, AF_INET);
    assert_int_equal(lc_conn_local(conn, &peer_address), LC_CLOSED);
    lc_conn_buffered(conn, &slice);
    assert_int_equal(slice.length, 0);
    lc_conn_close(conn, LC_SECOND, "again");
    lc_conn_abort(conn, "again");
    peer_close(peers[i]);
  }
}

static void the_registry_can_be_walked_while_connections_are_closed(void **state)
{
  enum { MANY = 10 };
  world *w = *state;
  int peers[MANY], count = 0;
  world_serve(w);
  for (int i = 0; i < MANY; i++) world_accept(w, &peers[i]);
  for (lc_conn *conn = NULL; (conn = lc_server_next(w->server, conn)); count++)
    lc_conn_abort(conn, "test");
  assert_int_equal(count, MANY);
  TURN_UNTIL(w, lc_server_count(w->server, LC_STATES) == 0);
  for (int i = 0; i < MANY; i++) peer_close(peers[i]);
}

/* ---------------------------------------------------------------- detaching -- */

static void detaching_hands_over_the_descriptor_and_every_byte_already_read(void **state)
{
  world *w = *state;
  lc_slice slice;
  char text[16] = "";
  int peer, fd = -1, again;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "head rest");
  TURN_UNTIL(w, lc_conn_await(one->conn) == 0);
  assert_int_equal(lc_conn_read_exact(one->conn, 5, &slice), 0);
  world_write(one, "101\n");
  assert_int_equal(lc_conn_detach(one->conn, &fd), 0);
  assert_int_equal(lc_conn_detach(one->conn, &again), LC_CLOSED); /* once */
  lc_conn_buffered(one->conn, &slice);
  assert_int_equal(slice.length, 4);
  assert_memory_equal(slice.data, "rest", 4);
  world_expect(w, peer, "101\n"); /* what was written had left before */
  TURN_UNTIL(w, one->closed);
  assert_int_equal(lc_server_count(w->server, LC_STATES), 1); /* counted until it is released */
  peer_say(peer, "more");
  world_turn(w); /* no event of it reaches us */
  assert_int_equal(recv(fd, text, sizeof text, 0), 4);
  assert_string_equal(text, "more");
  lc_conn_release_detached(one->conn);
  world_turn(w);
  assert_int_equal(lc_server_count(w->server, LC_STATES), 0);
  peer_close(fd);
  peer_close(peer);
}

/* --------------------------------------------------------------- connecting -- */

static int connect_to(world *w, const lc_address *address, lc_conn **conn)
{
  return lc_conn_connect(w->server, address, NULL, 1, conn);
}

static void a_connect_is_told_and_then_talks(void **state)
{
  world *w = *state;
  lc_conn *conn;
  char text[16];
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    int first = w->count;
    (is_unix ? world_serve_unix : world_serve)(w);
    assert_int_equal(connect_to(w, &w->address, &conn), 0);
    assert_int_equal(lc_conn_state(conn), LC_STATE_ACTIVE);
    TURN_UNTIL(w, w->count == first + 2);
    seen *ours = lc_conn_user(conn);
    seen *theirs = ours == &w->conns[first] ? ours + 1 : &w->conns[first];
    TURN_UNTIL(w, ours->ready & LC_CONNECTED);
    world_write(ours, "hello");
    assert_string_equal(world_read(theirs, text, sizeof text), "hello");
    lc_conn_close(ours->conn, LC_SECOND, "test");
    lc_conn_close(theirs->conn, LC_SECOND, "test");
    TURN_UNTIL(w, ours->closed && theirs->closed);
    lc_server_free(w->server);
    w->server = NULL;
  }
}

static void a_refused_connect_ends_with_the_reason(void **state)
{
  world *w = *state;
  lc_conn *conn;
  lc_address nobody = world_loopback();
  socklen_t length = sizeof nobody.of.in;
  int bound = socket(AF_INET, SOCK_STREAM, 0); /* to a port of its own, and nobody listens there */
  assert_int_equal(bind(bound, (struct sockaddr *)&nobody.of.in, length), 0);
  assert_int_equal(getsockname(bound, (struct sockaddr *)&nobody.of.in, &length), 0);
  world_serve(w);
  int result = connect_to(w, &nobody, &conn);
  if (result == 0) { /* or the kernel says so at once */
    seen *ours = lc_conn_user(conn);
    TURN_UNTIL(w, ours->closed);
    result = lc_conn_error(ours->conn);
    assert_string_equal(ours->states, " active closed");
  }
  assert_int_equal(result, -ECONNREFUSED);
  close(bound);
}

static void what_is_written_before_the_connect_has_succeeded_is_not_lost(void **state)
{
  world *w = *state;
  lc_conn *conn;
  char text[16];
  world_serve(w);
  assert_int_equal(connect_to(w, &w->address, &conn), 0);
  assert_int_equal(lc_conn_write(conn, &(struct iovec){"early", 5}, 1), 5);
  TURN_UNTIL(w, w->count == 2);
  seen *ours = lc_conn_user(conn), *theirs = ours == &w->conns[0] ? &w->conns[1] : &w->conns[0];
  assert_string_equal(world_read(theirs, text, sizeof text), "early");
}

static void a_connect_that_is_closed_early_is_aborted(void **state)
{
  world *w = *state;
  lc_conn *conn;
  world_serve(w);
  assert_int_equal(connect_to(w, &w->address, &conn), 0);
  lc_conn_close(conn, 5 * LC_SECOND, "changed our mind");
  assert_int_equal(lc_conn_state(conn), LC_STATE_CLOSED);
  seen *ours = lc_conn_user(conn);
  TURN_UNTIL(w, ours->closed);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(a_conversation_goes_new_active_idle_active_idle_active_closing_closed),
    WORLD_TEST(closed_from_our_side_it_goes_new_closing_closed),
    WORLD_TEST(reset_by_the_peer_it_goes_new_active_closed),
    WORLD_TEST(greeted_and_waiting_it_is_idle_before_a_byte_came),
    WORLD_TEST(after_a_partial_read_it_is_active_and_after_an_answer_idle),
    WORLD_TEST(await_is_idle_by_its_own_word),
    WORLD_TEST(unread_bytes_make_it_active),
    WORLD_TEST(a_guard_keeps_it_active),
    WORLD_TEST(a_second_task_keeps_it_active_in_an_ordinary_read),
    WORLD_TEST(a_connection_that_never_speaks_is_closed_after_first_byte_timeout),
    WORLD_TEST(idle_timeout_closes_the_idle_and_leaves_the_busy),
    WORLD_TEST(max_age_waits_for_the_next_idle_moment),
    WORLD_TEST(those_opened_together_do_not_grow_old_together),
    WORLD_TEST(settings_changed_for_one_are_not_changed_for_others),
    WORLD_TEST(it_is_found_by_id_until_its_tasks_have_ended),
    WORLD_TEST(closed_it_stays_readable_also_when_server_and_loop_are_gone),
    WORLD_TEST(the_registry_can_be_walked_while_connections_are_closed),
    WORLD_TEST(detaching_hands_over_the_descriptor_and_every_byte_already_read),
    WORLD_TEST(a_connect_is_told_and_then_talks),
    WORLD_TEST(a_refused_connect_ends_with_the_reason),
    WORLD_TEST(what_is_written_before_the_connect_has_succeeded_is_not_lost),
    WORLD_TEST(a_connect_that_is_closed_early_is_aborted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
