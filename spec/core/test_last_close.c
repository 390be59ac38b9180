/* test_last_close.c - when close() alone ends a connection, and when it has to be ended first. */
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "world.h"

static faults bad;

typedef struct calls {
  unsigned shutdowns, controls, unreads;
} calls;

static calls calls_now(void)
{
  return (calls){.shutdowns = bad.of[FAULT_SHUTDOWN].made,
                 .controls = bad.of[FAULT_POLLER_CONTROL].made,
                 .unreads = bad.of[FAULT_UNREAD].made};
}

/* The calls since then. */
static void assert_calls(calls then, calls expected)
{
  calls now = calls_now();
  assert_int_equal(now.shutdowns - then.shutdowns, expected.shutdowns);
  assert_int_equal(now.controls - then.controls, expected.controls);
  assert_int_equal(now.unreads - then.unreads, expected.unreads);
}

static int alone; /* what the kernel says */
static int is_alone(const lc_sys *sys)
{
  (void)sys;
  return alone;
}

static void begin_on(world *w, const lc_sys *sys)
{
  world_begin(w, sys);
  w->loop = lc_loop_new(sys, NULL);
  assert_non_null(w->loop);
  world_serve(w);
}

static void begin(world *w)
{
  faults_init(&bad);
  bad.sys.is_alone = is_alone;
  alone = 1;
  begin_on(w, &bad.sys);
}

/* A client says a word, gets it back, and finishes; the handler has read all. */
static seen *converse(world *w, int *peer)
{
  char word[8];
  seen *one = world_accept(w, peer);
  peer_say(*peer, "word");
  TURN_UNTIL(w, lc_conn_read_into(one->conn, word, sizeof word) == 4);
  world_write(one, "word");
  world_expect(w, *peer, "word");
  peer_finish(*peer);
  TURN_UNTIL(w, lc_conn_read_into(one->conn, word, sizeof word) == LC_EOF);
  return one;
}

static void ends_well(world *w, seen *one, int peer)
{
  TURN_UNTIL(w, one->closed);
  assert_int_equal(world_verdict(one).code, 0);
  assert_int_equal(world_verdict(one).unacked, 0);
  world_expect_sight(w, peer, PEER_EOF);
  peer_close(peer);
}

static void a_peer_that_has_finished_and_has_everything_needs_only_a_close(void **state)
{
  world w;
  int peer;
  (void)state;
  begin(&w);
  seen *one = converse(&w, &peer);
  calls then = calls_now();
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  assert_calls(then, (calls){0});
  assert_int_equal(lc_conn_state(one->conn), LC_STATE_CLOSED);
  ends_well(&w, one, peer);
  world_end(&w);
  assert_int_equal(bad.open, 0);
}

static void a_drain_counts_nothing_after_the_peers_end(void **state)
{
  world w;
  int peer;
  (void)state;
  begin(&w);
  seen *one = world_accept(&w, &peer);
  lc_server_shutdown(w.server, lc_loop_clock(w.loop) + 10 * LC_SECOND);
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  world_expect_sight(&w, peer, PEER_EOF);
  calls then = calls_now();
  peer_close(peer);
  TURN_UNTIL(&w, one->closed);
  assert_int_equal(calls_now().unreads, then.unreads);
  world_end(&w);
}

static void after_a_fork_it_is_ended_first(void **state)
{
  world w;
  int peer;
  (void)state;
  begin(&w);
  seen *one = converse(&w, &peer);
  calls then = calls_now();
  alone = 0;
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  assert_calls(then, (calls){.shutdowns = 1, .controls = 1});
  ends_well(&w, one, peer);
  world_end(&w);
}

/* With a copy of the descriptor, close() would send nothing. */
static void the_end_of_a_lent_connection_ends_its_copies(void **state)
{
  world w;
  int peer;
  (void)state;
  begin(&w);
  seen *one = converse(&w, &peer);
  int copy = dup(lc_conn_lend(one->conn));
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  ends_well(&w, one, peer);
  close(copy);
  world_end(&w);
}

static void a_child_that_holds_everything_holds_up_nobody(void **state)
{
  const lc_sys *sys = lc_sys_linux();
  int ends[2], peer;
  char byte;
  world w;
  (void)state;
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(sys->is_alone(sys), 1);
  begin_on(&w, sys);
  seen *one = converse(&w, &peer);
  pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 0 && !sys->is_alone(sys) ? 0 : 1);
  }
  assert_int_equal(sys->is_alone(sys), 0);
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  ends_well(&w, one, peer);
  world_end(&w);
  close(ends[0]);
  close(ends[1]); /* the child ends */
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_peer_that_has_finished_and_has_everything_needs_only_a_close),
    cmocka_unit_test(a_drain_counts_nothing_after_the_peers_end),
    cmocka_unit_test(after_a_fork_it_is_ended_first),
    cmocka_unit_test(the_end_of_a_lent_connection_ends_its_copies),
    cmocka_unit_test(a_child_that_holds_everything_holds_up_nobody), /* the last: it stays so */
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
