/* test_lifetimes.c - what ends in which order: a loop and its children, a server in its last callback, connections that
 * somebody still holds, and what is only half made when memory or a transport fails. */

#include "conn/guess.h"
#include "conn/transport.h"
#include "memory.h"
#include "world.h"

/* ------------------------------------------------------- a loop and its children -- */

static void do_nothing(void *user) { (void)user; }

static size_t say_nothing(lc_work work, char *text, size_t size, void *user)
{
  (void)work, (void)user;
  if (size) *text = '\0';
  return 0;
}

static const lc_watchdog_events WATCHDOG_EVENTS = {do_nothing, do_nothing, say_nothing};
static const lc_events NO_EVENTS;

enum { SERVER, SHUTDOWN, WATCHDOG, OTHER_SERVER, CHILDREN };

typedef struct family {
  lc_loop *loop;
  lc_server *servers[CHILDREN];
  lc_shutdown *shutdown;
} family;

static int try_to_bear(family *f, int child)
{
  int error = 0;
  switch (child) {
    case SHUTDOWN: f->shutdown = lc_shutdown_new(f->loop, NULL, NULL, NULL, &error); break;
    case WATCHDOG: error = lc_watchdog_start(f->loop, NULL, &WATCHDOG_EVENTS, NULL); break;
    default: f->servers[child] = lc_server_new(f->loop, NULL, &NO_EVENTS, NULL, &error); break;
  }
  return error;
}

static void bear(family *f, int child) { assert_int_equal(try_to_bear(f, child), 0); }

static void end(family *f, int child)
{
  switch (child) {
    case SHUTDOWN: lc_shutdown_free(f->shutdown); break;
    case WATCHDOG: lc_watchdog_stop(f->loop); break;
    default: lc_server_free(f->servers[child]); break;
  }
}

/* The children are born in one order and end in another; the loop ends those from `by_hand` on. */
static void live(const int *births, const int *deaths, int by_hand, int is_draining)
{
  int error = 0;
  family f = {.loop = lc_loop_new(NULL, &error)};
  assert_non_null(f.loop);
  for (int i = 0; i < CHILDREN; i++) bear(&f, births[i]);
  if (is_draining) {
    lc_shutdown_begin(f.shutdown, lc_loop_clock(f.loop), LC_SECOND);
    assert_int_equal(lc_server_shutdown(f.servers[SERVER], LC_NEVER), 0);
    assert_int_equal(lc_loop_turn(f.loop, 0), 0);
  }
  for (int i = 0; i < by_hand; i++) end(&f, deaths[i]);
  assert_int_equal(lc_loop_turn(f.loop, 0), 0);
  lc_loop_free(f.loop);
}

static void swap(int *a, int *b)
{
  int before = *a;
  *a = *b;
  *b = before;
}

/* Calls `then` with each order of what lies from `from` on. */
static void for_each_order(int *order, int from, void (*then)(const int *order))
{
  if (from == CHILDREN) then(order);
  for (int i = from; i < CHILDREN; i++) {
    swap(&order[from], &order[i]);
    for_each_order(order, from + 1, then);
    swap(&order[from], &order[i]);
  }
}

static void live_and_end(const int *order)
{
  static const int FORWARDS[] = {SERVER, SHUTDOWN, WATCHDOG, OTHER_SERVER};
  for (int by_hand = 0; by_hand <= CHILDREN; by_hand++) {
    live(order, order, by_hand, 0);
    live(FORWARDS, order, by_hand, 1);
  }
}

static void the_children_of_a_loop_end_in_any_order(void **state)
{
  int order[] = {SERVER, SHUTDOWN, WATCHDOG, OTHER_SERVER};
  long before = memory_live();
  (void)state;
  for_each_order(order, 0, live_and_end);
  assert_int_equal(memory_live(), before);
}

/* The watchdog knows the ladder's plan, whichever of them came first. */
static void a_watchdog_that_comes_late_knows_the_plan(void **state)
{
  int error = 0;
  family f = {.loop = lc_loop_new(NULL, &error)};
  (void)state;
  bear(&f, SHUTDOWN);
  lc_shutdown_begin(f.shutdown, lc_loop_clock(f.loop), 0);
  bear(&f, WATCHDOG);
  lc_time until = lc_loop_clock(f.loop) + world_seconds(5);
  unsigned asked = 0;
  lc_loop_enter(f.loop, LC_WORK_SCRIPT);
  while (!(asked & LC_ASK_END) && lc_loop_clock(f.loop) < until) asked |= lc_watchdog_asked(f.loop);
  lc_loop_enter(f.loop, LC_WORK_NONE);
  assert_true(asked & LC_ASK_END);
  lc_loop_free(f.loop);
}

/* ------------------------------------------------------------- in a last callback -- */

static void free_all(world *w, lc_step step)
{
  if (step != LC_STEP_DONE) return;
  lc_server_free(w->server);
  w->server = NULL;
}

static void a_server_may_be_freed_in_its_last_callback(void **state)
{
  world *w = *state;
  int peer, error = 0;
  lc_shutdown *shutdown = lc_shutdown_new(w->loop, NULL, NULL, NULL, &error);
  assert_int_equal(lc_watchdog_start(w->loop, NULL, &WATCHDOG_EVENTS, NULL), 0);
  w->step = free_all;
  world_serve(w);
  world_accept(w, &peer);
  peer_close(peer);
  lc_shutdown_begin(shutdown, lc_loop_clock(w->loop), -1);
  TURN_UNTIL(w, lc_shutdown_step(shutdown) == LC_STEP_DONE);
  assert_null(w->server);
  lc_shutdown_free(shutdown);
}

static lc_shutdown *the_ladder;
static int is_over;

static void free_the_ladder(lc_step step, void *user)
{
  (void)user;
  if (step != LC_STEP_DONE) return;
  lc_shutdown_free(the_ladder);
  is_over = 1;
}

static void end_in_the_last_step(world *w, unsigned signals)
{
  static const lc_shutdown_events events = {.step = free_the_ladder};
  int error = 0;
  is_over = 0;
  the_ladder = lc_shutdown_new(w->loop, NULL, &events, NULL, &error);
  assert_non_null(the_ladder);
  for (lc_time at = lc_loop_clock(w->loop); signals--; at += LC_SECOND)
    lc_shutdown_signal(the_ladder, at);
  TURN_UNTIL(w, is_over);
  world_turn_for(w, 5 * LC_MILLISECOND);
}

static void the_ladder_of_the_process_likewise(void **state)
{
  world *w = *state;
  end_in_the_last_step(w, 1);
  world_serve(w);
  end_in_the_last_step(w, 3); /* killed; and another one may begin */
}

/* The embedder may end a connection in the callback that tells it of the drain. */
static int goodbyes;

static int say_goodbye(lc_conn *conn, void *state)
{
  (void)state;
  assert_true(lc_conn_state(conn) < LC_STATE_CLOSING);
  goodbyes++;
  return 0;
}

static void abort_it(lc_conn *conn, void *user)
{
  (void)user;
  lc_conn_abort(conn, "test");
}

static void close_it(lc_conn *conn, void *user)
{
  (void)user;
  lc_conn_close(conn, 5 * LC_SECOND, "test");
}

static void drain_one(world *w, void (*draining)(lc_conn *conn, void *user), int expected)
{
  lc_protocol protocol = lc_guess;
  lc_events events = {.draining = draining};
  lc_server_options options;
  lc_conn *conn;
  int error = 0;
  protocol.leave = say_goodbye;
  lc_server_options_init(&options);
  options.protocol = &protocol;
  options.drain.quiet = 0;
  goodbyes = 0;
  lc_server *server = lc_server_new(w->loop, &options, &events, NULL, &error);
  assert_int_equal(lc_conn_connect(server, &w->address, NULL, 1, &conn), 0);
  world_turn_for(w, 5 * LC_MILLISECOND);
  lc_conn_wait(conn, LC_WAIT_AWAIT, LC_NEVER);
  lc_conn_ref(conn);
  lc_server_shutdown(server, LC_NEVER);
  TURN_UNTIL(w, lc_conn_state(conn) >= LC_STATE_CLOSING);
  assert_int_equal(goodbyes, expected);
  lc_conn_unref(conn);
  lc_server_free(server);
}

static void a_connection_that_is_over_is_not_taken_leave_of(void **state)
{
  world *w = *state;
  world_serve(w);
  drain_one(w, abort_it, 0);
  drain_one(w, close_it, 0);
  drain_one(w, NULL, 1);
}

/* --------------------------------------------------------- connections still held -- */

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

/* --------------------------------------------------- what a connection keeps by state -- */

/* A read that waits on a connection which has begun to close must not write where the closing counts. */
static void wait_while_closing(world *w, lc_wait wait)
{
  int peer;
  lc_conn_stats stats;
  seen *one = world_accept(w, &peer);
  lc_settings settings = *lc_conn_settings(one->conn);
  settings.read_timeout = 7 * LC_SECOND;
  lc_conn_close(one->conn, 5 * LC_SECOND, "test");
  lc_conn_wait(one->conn, wait, LC_NEVER);
  assert_int_equal(lc_conn_set_settings(one->conn, &settings), 0);
  lc_conn_stats_get(one->conn, &stats);
  assert_true(stats.late == 0);
  peer_close(peer);
  TURN_UNTIL(w, one->closed);
}

static void a_wait_on_a_closing_connection_disturbs_nothing(void **state)
{
  world *w = *state;
  world_serve(w);
  wait_while_closing(w, LC_WAIT_READ);
  wait_while_closing(w, LC_WAIT_AWAIT);
}

/* What is read of a connection while a move is told belongs to the state it has moved to. */
static uint64_t late_seen;

static void look_at_late(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user)
{
  lc_conn_stats stats;
  (void)from, (void)to, (void)cause, (void)user;
  lc_conn_stats_get(conn, &stats);
  late_seen |= stats.late;
}

static void move_on(world *w, lc_time linger)
{
  static const lc_events events = {.state = look_at_late};
  int error = 0;
  lc_conn *conn;
  lc_server *server = lc_server_new(w->loop, NULL, &events, NULL, &error);
  assert_int_equal(lc_conn_connect(server, &w->address, NULL, 1, &conn), 0);
  world_turn_for(w, 5 * LC_MILLISECOND);
  lc_conn_wait(conn, LC_WAIT_READ, lc_loop_clock(w->loop) + LC_SECOND);
  late_seen = 0;
  lc_conn_close(conn, linger, "test");
  assert_true(late_seen == 0);
  lc_server_free(server);
}

static void each_state_shows_its_own_figures_alone(void **state)
{
  world *w = *state;
  world_serve(w);
  move_on(w, LC_SECOND);
  move_on(w, LC_LINGER_BACKGROUND);
  move_on(w, 0);
}

/* ------------------------------------------------------------- what is half made -- */

static int refuse(const lc_transport *transport, int is_outbound, void **state)
{
  (void)transport, (void)is_outbound, (void)state;
  return -EPROTO;
}

static const lc_transport REFUSES = {
  .version = LC_TRANSPORT_VERSION, .name = "refuses", .begin = refuse};

static int begin_nothing(lc_conn *conn, void **state)
{
  (void)conn, (void)state;
  return -ENOMEM;
}

static int heartbeats;

static void on_heartbeat(lc_conn *conn, void *user)
{
  (void)conn, (void)user;
  heartbeats++;
}

static const lc_events HEARD = {.heartbeat = on_heartbeat};

/* What was to become a connection is none: it has no deadline, and no heart that beats. */
static void begin_in_vain(world *w, lc_server_options *options)
{
  int error = 0;
  lc_conn *conn;
  w->options.settings.linger = 0;
  world_serve(w);
  options->settings.heartbeat = (lc_heartbeat){LC_MILLISECOND, LC_SECOND};
  options->settings.first_byte_timeout = LC_MILLISECOND;
  lc_server *server = lc_server_new(w->loop, options, &HEARD, NULL, &error);
  lc_loop_stats before, after;
  assert_non_null(server);
  lc_loop_stats_get(w->loop, &before);
  assert_true(lc_conn_connect(server, &w->address, NULL, 1, &conn) < 0);
  lc_loop_stats_get(w->loop, &after);
  assert_int_equal(after.timers, before.timers);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(heartbeats, 0);
  assert_int_equal(lc_server_count(server, LC_STATES), 0);
  assert_int_equal(lc_server_count(server, LC_STATE_NEW), 0);
  lc_server_free(server);
}

static void what_a_transport_refuses_has_no_timer(void **state)
{
  lc_server_options options;
  lc_server_options_init(&options);
  options.transport = &REFUSES;
  begin_in_vain(*state, &options);
}

static void what_a_protocol_refuses_has_no_timer(void **state)
{
  static lc_protocol refuses;
  lc_server_options options;
  refuses = lc_guess;
  refuses.begin = begin_nothing;
  lc_server_options_init(&options);
  options.protocol = &refuses;
  begin_in_vain(*state, &options);
}

/* Each allocation in turn fails: the birth says so and leaves nothing, and the next one succeeds. */
static void be_born_in_vain(int child)
{
  for (unsigned nth = 1;; nth++) {
    int error = 0;
    family f = {.loop = lc_loop_new(NULL, &error)};
    memory_fail(nth, 1);
    int result = try_to_bear(&f, child);
    memory_well();
    if (!memory_failed()) {
      assert_int_equal(result, 0);
      assert_true(nth > 1);
      lc_loop_free(f.loop);
      return;
    }
    assert_int_equal(result, -ENOMEM);
    bear(&f, child);
    lc_loop_free(f.loop);
  }
}

static void a_child_that_lacks_memory_leaves_nothing(void **state)
{
  long before = memory_live();
  (void)state;
  be_born_in_vain(SERVER);
  be_born_in_vain(SHUTDOWN);
  be_born_in_vain(WATCHDOG);
  assert_int_equal(memory_live(), before);
}

/* ------------------------------------------------------------- outside of a turn -- */

static void what_is_written_outside_of_a_turn_is_not_waited_upon(world *w)
{
  int peer;
  seen *one = world_accept(w, &peer);
  world_turn_for(w, 5 * LC_MILLISECOND);
  struct iovec piece = {.iov_base = "now", .iov_len = 3};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), 3);
  assert_true(lc_loop_next(w->loop) == 0); /* for a loop around this one */
  lc_time began = lc_loop_clock(w->loop);
  assert_int_equal(lc_loop_turn(w->loop, world_seconds(5)), 0);
  assert_true(lc_loop_clock(w->loop) - began < world_seconds(4));
  world_expect(w, peer, "now");
  peer_close(peer);
}

static void a_write_outside_of_a_turn_is_sent_before_the_loop_waits(void **state)
{
  world_serve(*state);
  what_is_written_outside_of_a_turn_is_not_waited_upon(*state);
}

static void on_a_unix_socket_likewise(void **state)
{
  world_serve_unix(*state);
  what_is_written_outside_of_a_turn_is_not_waited_upon(*state);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_children_of_a_loop_end_in_any_order),
    cmocka_unit_test(a_watchdog_that_comes_late_knows_the_plan),
    WORLD_TEST(a_server_may_be_freed_in_its_last_callback),
    WORLD_TEST(the_ladder_of_the_process_likewise),
    WORLD_TEST(a_connection_that_is_over_is_not_taken_leave_of),
    WORLD_TEST(a_held_connection_outlives_its_loop),
    WORLD_TEST(one_that_has_the_buffers_on_loan_likewise),
    WORLD_TEST(one_in_the_midst_of_closing_likewise),
    WORLD_TEST(a_wait_on_a_closing_connection_disturbs_nothing),
    WORLD_TEST(each_state_shows_its_own_figures_alone),
    WORLD_TEST(what_a_transport_refuses_has_no_timer),
    WORLD_TEST(what_a_protocol_refuses_has_no_timer),
    cmocka_unit_test(a_child_that_lacks_memory_leaves_nothing),
    WORLD_TEST(a_write_outside_of_a_turn_is_sent_before_the_loop_waits),
    WORLD_TEST(on_a_unix_socket_likewise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
