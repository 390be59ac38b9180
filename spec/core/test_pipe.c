/* test_pipe.c - ends of pipes as connections, on the simulated kernel: how the write end is closed. */
#include <stdlib.h>

#include "kernel.h"
#include "world.h"

typedef struct pipes {
  world world;
  sim_kernel *kernel;
  sim_process *process;
  lc_sys counting; /* the simulated calls; `unread` is counted */
  unsigned looks;
  int ends[2];
} pipes;

static pipes *here;

static int counted_unread(const lc_sys *sys, int fd)
{
  const lc_sys *simulated = sim_process_sys(here->process);
  (void)sys;
  here->looks++;
  return simulated->unread(simulated, fd);
}

static int set_up(void **state)
{
  int error = 0;
  pipes *p = here = calloc(1, sizeof *p);
  assert_non_null(p);
  p->kernel = sim_kernel_new(5);
  p->process = sim_process_new(p->kernel, 1);
  p->counting = *sim_process_sys(p->process);
  p->counting.unread = counted_unread;
  world_begin(&p->world, &p->counting);
  p->world.options.is_outbound = 1;
  p->world.loop = lc_loop_new(&p->counting, &error);
  assert_non_null(p->world.loop);
  assert_int_equal(world_new_server(&p->world, 0), 0);
  assert_int_equal(p->counting.pipe(&p->counting, p->ends), 0);
  *state = p;
  return 0;
}

static int tear_down(void **state)
{
  pipes *p = *state;
  world_end(&p->world);
  sim_kernel_free(p->kernel);
  free(p);
  return 0;
}

static seen *own(pipes *p, int end)
{
  lc_conn *conn = NULL;
  int goes_both_ways;
  assert_int_equal(lc_descriptor_look(p->world.server, p->ends[end], &goes_both_ways),
                   LC_DESCRIPTOR_PIPE);
  assert_false(goes_both_ways);
  assert_int_equal(lc_conn_own(p->world.server, p->ends[end], NULL, &conn), 0);
  return &p->world.conns[p->world.count - 1];
}

static void turn_until_closed(pipes *p, const seen *one)
{
  while (!one->closed) assert_int_equal(lc_loop_turn(p->world.loop, LC_SECOND), 0);
}

/* What the other end does, at its time. */
static void read_all(void *user)
{
  pipes *p = user;
  char bytes[70000];
  while (p->counting.read(&p->counting, p->ends[0], bytes, sizeof bytes) > 0) continue;
}

static void read_some_and_leave(void *user)
{
  pipes *p = user;
  char bytes[3];
  p->counting.read(&p->counting, p->ends[0], bytes, sizeof bytes);
  p->counting.close(&p->counting, p->ends[0]);
}

static void read_all_and_leave(void *user)
{
  pipes *p = user;
  read_all(p);
  p->counting.close(&p->counting, p->ends[0]);
}

/* ------------------------------------------------------------------- the tests -- */

static void the_close_ends_when_the_reader_has_everything(void **state)
{
  pipes *p = *state;
  seen *writer = own(p, 1);
  world_write(writer, "0123456789");
  lc_time began = sim_now(p->kernel);
  sim_at(p->kernel, began + 30 * LC_SECOND, read_all, p);
  lc_conn_close(writer->conn, 60 * LC_SECOND, "close");
  turn_until_closed(p, writer);
  lc_time took = sim_now(p->kernel) - began;
  assert_true(took >= 30 * LC_SECOND && took <= 30 * LC_SECOND + 100 * LC_MILLISECOND);
  assert_int_equal(world_verdict(writer).code, 0);
  assert_true(p->looks < 30 * 20 * 3); /* at most two a look, every 50 ms */
  p->counting.close(&p->counting, p->ends[0]);
}

static void a_quick_reader_is_noticed_at_once(void **state)
{
  pipes *p = *state;
  seen *writer = own(p, 1);
  world_write(writer, "0123456789");
  lc_time began = sim_now(p->kernel);
  sim_at(p->kernel, began + LC_MILLISECOND / 2, read_all, p);
  lc_conn_close(writer->conn, 60 * LC_SECOND, "close");
  turn_until_closed(p, writer);
  assert_true(sim_now(p->kernel) - began <= 2 * LC_MILLISECOND);
  assert_int_equal(world_verdict(writer).code, 0);
  p->counting.close(&p->counting, p->ends[0]);
}

static void a_reader_that_leaves_early_breaks_the_pipe(void **state)
{
  pipes *p = *state;
  seen *writer = own(p, 1);
  world_write(writer, "0123456789");
  sim_at(p->kernel, sim_now(p->kernel) + LC_SECOND, read_some_and_leave, p);
  lc_conn_close(writer->conn, 60 * LC_SECOND, "close");
  turn_until_closed(p, writer);
  assert_int_equal(world_verdict(writer).code, LC_BROKEN_PIPE);
  assert_int_equal(world_verdict(writer).unacked, 7);
}

static void a_reader_may_leave_when_it_has_everything(void **state)
{
  pipes *p = *state;
  for (int is_closing = 0; is_closing < 2; is_closing++) {
    if (is_closing) assert_int_equal(p->counting.pipe(&p->counting, p->ends), 0);
    seen *writer = own(p, 1);
    world_write(writer, "0123456789");
    assert_int_equal(lc_conn_flush(writer->conn), 0);
    sim_at(p->kernel, sim_now(p->kernel) + LC_SECOND, read_all_and_leave, p);
    if (is_closing) lc_conn_close(writer->conn, 60 * LC_SECOND, "close");
    turn_until_closed(p, writer);
    assert_int_equal(world_verdict(writer).code, 0);
  }
}

static void the_linger_ends_it(void **state)
{
  pipes *p = *state;
  seen *writer = own(p, 1);
  world_write(writer, "0123456789");
  lc_time began = sim_now(p->kernel);
  lc_conn_close(writer->conn, 2 * LC_SECOND, "close");
  turn_until_closed(p, writer);
  assert_int_equal(sim_now(p->kernel) - began, 2 * LC_SECOND);
  assert_int_equal(world_verdict(writer).code, LC_TIMEOUT);
  assert_int_equal(world_verdict(writer).unacked, 10);
  p->counting.close(&p->counting, p->ends[0]);
}

/* A closing in the background goes on while its reader takes something within each write_timeout. */
static void a_slow_reader_is_waited_for(void **state)
{
  pipes *p = *state;
  lc_settings settings = p->world.options.settings;
  settings.write_timeout = LC_SECOND;
  seen *writer = own(p, 1);
  assert_int_equal(lc_conn_set_settings(writer->conn, &settings), 0);
  size_t written = world_fill(writer);
  assert_true(written > 60000);
  lc_conn_finish(writer->conn, "close");
  size_t taken = 0;
  for (char bytes[20000]; !writer->closed;) {
    assert_int_equal(lc_loop_turn(p->world.loop, LC_SECOND / 2), 0);
    ssize_t got = p->counting.read(&p->counting, p->ends[0], bytes, sizeof bytes);
    if (got > 0) taken += (size_t)got;
  }
  assert_int_equal(taken, written);
  assert_int_equal(world_verdict(writer).code, 0);
  p->counting.close(&p->counting, p->ends[0]);
}

static void an_end_goes_one_way(void **state)
{
  pipes *p = *state;
  lc_slice slice;
  struct iovec piece = {(void *)(uintptr_t) "x", 1};
  seen *reader = own(p, 0), *writer = own(p, 1);
  assert_int_equal(lc_conn_write(reader->conn, &piece, 1), -EOPNOTSUPP);
  assert_int_equal(lc_conn_post(reader->conn, &piece, 1), -EOPNOTSUPP);
  assert_int_equal(lc_conn_read_some(writer->conn, 1, &slice), -EOPNOTSUPP);
  assert_int_equal(lc_conn_await(writer->conn), -EOPNOTSUPP);
  assert_int_equal(lc_conn_shutdown(writer->conn, SHUT_WR), -EOPNOTSUPP);
  assert_int_equal(lc_conn_shutdown(reader->conn, SHUT_WR), 0);
  assert_true(lc_conn_can_read(reader->conn) && !lc_conn_can_write(reader->conn));
  assert_true(lc_conn_can_write(writer->conn) && !lc_conn_can_read(writer->conn));
  lc_conn_close(reader->conn, LC_SECOND, "close");
  assert_int_equal(world_verdict(reader).code, 0);
  lc_conn_abort(writer->conn, "abort");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {TEST(the_close_ends_when_the_reader_has_everything),
                                     TEST(a_quick_reader_is_noticed_at_once),
                                     TEST(a_reader_that_leaves_early_breaks_the_pipe),
                                     TEST(a_reader_may_leave_when_it_has_everything),
                                     TEST(the_linger_ends_it),
                                     TEST(a_slow_reader_is_waited_for),
                                     TEST(an_end_goes_one_way)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
