/* test_held_conn.c - a connection that is held after its server and its loop have ended: every
 * function of it may still be called, and says that it is closed. */
#include "world.h"

/* All that may be called of a connection whose server and loop are gone. */
static void use(lc_conn *conn)
{
  lc_slice slice;
  lc_address address;
  lc_conn_stats stats;
  lc_verdict verdict;
  lc_settings settings = *lc_conn_settings(conn);
  char byte;
  int fd;
  struct iovec piece = {.iov_base = &byte, .iov_len = 0};
  assert_int_equal(lc_conn_state(conn), LC_STATE_CLOSED);
  assert_null(lc_conn_server(conn));
  assert_int_equal(lc_conn_fd(conn), -1);
  assert_int_equal(lc_conn_verdict(conn, &verdict), 0);
  assert_true(lc_conn_error(conn) < 0);
  lc_conn_peer(conn, &address);
  assert_int_equal(lc_conn_local(conn, &address), LC_CLOSED);
  lc_conn_stats_get(conn, &stats);
  assert_int_equal(lc_conn_give_back(conn, "given back, ", 12), 0);
  lc_conn_buffered(conn, &slice);
  assert_true(slice.length >= 12);
  assert_memory_equal(slice.data, "given back, ", 12);
  lc_conn_take(conn, 6);
  assert_int_equal(lc_conn_read_some(conn, 1, &slice), lc_conn_error(conn));
  assert_int_equal(lc_conn_read_into(conn, &byte, 1), lc_conn_error(conn));
  assert_int_equal(lc_conn_write(conn, &piece, 1), lc_conn_error(conn));
  assert_int_equal(lc_conn_post(conn, &piece, 1), lc_conn_error(conn));
  assert_int_equal(lc_conn_flush(conn), lc_conn_error(conn));
  assert_int_equal(lc_conn_shutdown(conn, SHUT_RDWR), lc_conn_error(conn));
  assert_int_equal(lc_conn_detach(conn, &fd), lc_conn_error(conn));
  lc_conn_wait(conn, LC_WAIT_READ, LC_NEVER);
  lc_conn_wait(conn, LC_WAIT_NONE, LC_NEVER);
  lc_conn_wait_write(conn, LC_NEVER);
  lc_conn_end_write(conn);
  lc_conn_end_read(conn);
  lc_conn_break_write(conn, LC_CANCELED);
  lc_conn_set_deadline(conn, 0);
  lc_conn_look(conn);
  lc_conn_note(conn, 1, 1);
  lc_conn_answered(conn);
  lc_conn_unit_ended(conn);
  assert_int_equal(lc_conn_admit(conn, LC_WAIT_READ), 0);
  assert_true(lc_conn_quiet_from(conn) == LC_NEVER);
  lc_conn_guard(conn);
  lc_conn_unguard(conn);
  lc_conn_hold(conn);
  lc_conn_release(conn);
  settings.read_timeout = settings.write_timeout = 1;
  assert_int_equal(lc_conn_set_settings(conn, &settings), 0);
  assert_int_equal(lc_conn_set_farewell(conn, "bye", 3), 0);
  lc_conn_finish(conn, "test");
  lc_conn_close(conn, LC_SECOND, "test");
  lc_conn_dismiss(conn, "test");
  lc_conn_abort(conn, "test");
  assert_int_equal(lc_conn_let_go(conn), 0);
  assert_int_equal(lc_conn_end_linger(conn), 0);
  lc_conn_release_detached(conn);
  (void)lc_conn_was_at_rest(conn);
  (void)lc_conn_is_undelivered(conn);
  (void)lc_conn_is_finished(conn);
}

/* Ends the world around a connection; it may still be used. */
static void outlive(world *w, lc_conn *conn)
{
  lc_conn_ref(conn);
  lc_server_free(w->server);
  w->server = NULL;
  for (int i = 0; i < w->count; i++) lc_conn_unref(w->conns[i].conn);
  w->count = 0;
  lc_loop_free(w->loop);
  w->loop = NULL;
  use(conn);
  lc_conn_unref(conn);
}

static void a_held_connection_outlives_its_loop(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  outlive(w, world_accept(w, &peer)->conn);
  peer_close(peer);
}

static void one_that_has_the_buffers_on_loan_likewise(void **state)
{
  world *w = *state;
  int peer;
  lc_slice slice;
  world_serve_unix(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, "a line\nand a half");
  TURN_UNTIL(w, one->ready & LC_READABLE);
  assert_int_equal(lc_conn_read_until(one->conn, "\n", 1, 100, &slice), 0);
  world_write(one, "gathered");
  outlive(w, one->conn);
  peer_close(peer);
}

static void one_in_the_midst_of_closing_likewise(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  world_fill(one);
  lc_conn_wait_write(one->conn, LC_NEVER);
  lc_conn_finish(one->conn, "test");
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSING);
  outlive(w, one->conn);
  peer_close(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(a_held_connection_outlives_its_loop),
    WORLD_TEST(one_that_has_the_buffers_on_loan_likewise),
    WORLD_TEST(one_in_the_midst_of_closing_likewise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
