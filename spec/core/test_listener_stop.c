/* scripts/test: early */
/* test_listener_stop.c - stopping a listener: by which method, for how long, and losing nobody. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "faults.h"
#include "server/server.h"
#include "world.h"

static faults bad;

static lc_listener_report report_of(world *w)
{
  lc_listener_report report;
  assert_int_equal(lc_server_listener_report(w->server, 0, &report), 0);
  return report;
}

static void stop_listening(world *w)
{
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  assert_int_equal(lc_server_unlisten(w->server, NULL), 0); /* once */
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
  assert_true(report_of(w).is_closed);
}

/* Connects without waiting: 0, or what connect() said. */
static int try_connect(const lc_address *address, int *peer)
{
  *peer = socket(address->of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(*peer >= 0);
  return connect(*peer, &address->of.any, address->length) < 0 ? -errno : 0;
}

static void everybody_whose_connect_succeeded_is_served_and_everybody_else_refused(void **state)
{
  enum { MANY = 30 };
  world *w = *state;
  int served = 0, connected = 0, peers[MANY], count = 0;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    (is_unix ? world_serve_unix : world_serve)(w);
    connected = count = 0;
    served = w->count;
    assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
    while (lc_server_is_listening(w->server)) { /* they come before, during, and after */
      if (count < MANY) {
        int result = try_connect(&w->address, &peers[count++]);
        if (result == 0) connected++;
        else assert_int_equal(result, -ECONNREFUSED);
      }
      assert_int_equal(lc_loop_turn(w->loop, LC_MILLISECOND), 0);
    }
    assert_int_equal(w->count - served, connected);
    int late, result = try_connect(&w->address, &late);
    assert_int_equal(result, -ECONNREFUSED);
    peer_close(late);
    assert_true(report_of(w).lossless || !world_stops_lossless(w));
    for (int i = 0; i < count; i++) peer_close(peers[i]);
    lc_server_free(w->server);
    w->server = NULL;
  }
}

static void the_queue_is_served_before_the_end(void **state)
{
  enum { MANY = 20 };
  world *w = *state;
  int peers[MANY];
  world_serve(w);
  lc_server_suspend(w->server); /* so that there is a queue */
  for (int i = 0; i < MANY; i++) peers[i] = peer_connect(&w->address);
  world_turn(w);
  assert_int_equal(w->count, 0);
  stop_listening(w);
  assert_int_equal(w->count, MANY);
  assert_true(report_of(w).lossless || !world_stops_lossless(w));
  for (int i = 0; i < MANY; i++) peer_close(peers[i]);
}

static void a_tcp_listener_of_ours_is_hidden_and_settles(void **state)
{
  world *w = *state;
  world_serve(w);
  if (!world_hides(w)) skip();
  stop_listening(w);
  int is_known = world_stops_lossless(w);
  assert_string_equal(report_of(w).method, "hide");
  assert_int_equal(report_of(w).lossless, is_known);
  assert_int_equal(report_of(w).is_unknown, !is_known);
  assert_true(report_of(w).settled >= 100 * LC_MILLISECOND);
  assert_string_equal(w->notices, is_known ? "" : " stop unseen");
}

static void where_it_cannot_be_hidden_it_is_emptied_and_the_report_says_so(void **state)
{
  world w;
  int error, peer;
  (void)state;
  faults_init(&bad);
  world_begin(&w, &bad.sys);
  w.loop = lc_loop_new(&bad.sys, &error);
  assert_non_null(w.loop);
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 1, -ENOPROTOOPT); /* the self-test's */
  (void)lc_loop_features(w.loop);
  world_serve(&w);
  lc_server_suspend(w.server);
  peer = peer_connect(&w.address);
  stop_listening(&w);
  assert_int_equal(w.count, 1);
  assert_string_equal(report_of(&w).method, "accept-close");
  assert_false(report_of(&w).lossless);
  assert_false(lc_server_report(w.server)->lossless);
  assert_string_equal(w.notices, " stop degraded");
  peer_close(peer);
  world_end(&w);
}

/* ------------------------------------------ handshakes that cannot be counted -- */

static int (*with_netlink)(const lc_sys *sys, int family, int type, int protocol);

static int without_netlink(const lc_sys *sys, int family, int type, int protocol)
{
  if (family == AF_NETLINK) return -EPERM;
  return with_netlink(sys, family, type, protocol);
}

/* Whether it is allowed here or not. */
static int takes_the_option(const lc_sys *sys, int fd, int level, int name, const void *value,
                            socklen_t length)
{
  if (level == SOL_SOCKET && name == SO_BINDTOIFINDEX) return 0;
  return lc_sys_linux()->setsockopt(sys, fd, level, name, value, length);
}

static void serve_hideable(world *w)
{
  int error;
  world_begin(w, &bad.sys);
  bad.sys.setsockopt = takes_the_option;
  w->loop = lc_loop_new(&bad.sys, &error);
  assert_non_null(w->loop);
  w->loop->features = (lc_features){.hide = 1, .stop = "hide"};
  w->loop->features_known = 1;
  world_serve(w);
}

static void check_not_known(world *w)
{
  stop_listening(w);
  assert_string_equal(report_of(w).method, "hide");
  assert_false(report_of(w).lossless);
  assert_true(report_of(w).is_unknown);
  assert_false(lc_server_report(w->server)->lossless);
  assert_string_equal(w->notices, " stop unseen");
  world_end(w);
}

static void without_netlink_it_is_not_known_whether_somebody_was_lost(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  with_netlink = bad.sys.socket;
  bad.sys.socket = without_netlink;
  serve_hideable(&w);
  check_not_known(&w);
}

static void nor_where_there_was_no_time_for_it(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  with_netlink = bad.sys.socket;
  bad.sys.socket = without_netlink;
  serve_hideable(&w);
  lc_server_advance(w.server, LC_STEP_CANCEL);
  TURN_UNTIL(&w, lc_server_step(w.server) == LC_STEP_DONE);
  assert_false(report_of(&w).lossless);
  assert_true(report_of(&w).is_unknown);
  assert_string_equal(w.notices, " stop cut short");
  world_end(&w);
}

static void nor_where_the_part_that_knows_tcp_is_missing(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  serve_hideable(&w);
  faults_fail(&bad, FAULT_SENDMSG, 1, 1000, -ENOENT);
  check_not_known(&w);
}

static void nor_where_the_kernel_ceases_to_tell(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  serve_hideable(&w);
  faults_fail(&bad, FAULT_SENDMSG, 2, 1000, -ENOBUFS); /* the first look is answered */
  check_not_known(&w);
}

static void a_unix_listener_is_shut_down_and_its_path_removed(void **state)
{
  world *w = *state;
  lc_address address = {.of.un = {.sun_family = AF_UNIX}, .length = sizeof(struct sockaddr_un)};
  snprintf(address.of.un.sun_path, sizeof address.of.un.sun_path, "/tmp/lastcall-stop-%d",
           (int)getpid());
  w->address = address;
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen(w->server, &w->address, NULL), 0);
  stop_listening(w);
  assert_string_equal(report_of(w).method, "shutdown");
  assert_true(report_of(w).lossless);
  assert_int_equal(access(address.of.un.sun_path, F_OK), -1);
}

static void a_shared_listener_is_only_closed_and_its_queue_stays_for_the_other(void **state)
{
  world *w = *state;
  lc_listen_options options;
  int fd = socket(AF_INET, SOCK_STREAM, 0), other, peer, accepted;
  lc_listen_options_init(&options);
  options.shared = 1;
  w->address = world_loopback();
  assert_int_equal(bind(fd, &w->address.of.any, w->address.length), 0);
  assert_int_equal(listen(fd, 10), 0);
  other = dup(fd); /* stands for another process's */
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen_fd(w->server, fd, &options), 0);
  assert_int_equal(lc_server_address(w->server, 0, &w->address), 0);
  stop_listening(w);
  assert_string_equal(report_of(w).method, "close");
  assert_true(report_of(w).lossless);
  peer = peer_connect(&w->address);
  accepted = accept(other, NULL, NULL);
  assert_true(accepted >= 0);
  peer_close(accepted);
  peer_close(peer);
  peer_close(other);
}

static void a_small_backlog_is_widened_first(void **state)
{
  world *w = *state;
  lc_listen_options options;
  lc_time began;
  lc_listen_options_init(&options);
  options.backlog = 8;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(world_listen(w, &options), 0);
  began = lc_loop_clock(w->loop);
  stop_listening(w);
  assert_true(lc_loop_clock(w->loop) - began >= 150 * LC_MILLISECOND);
}

/* Found by `make sim`: no event told of them, so they waited until a backlog was widened. */
static void who_was_held_back_is_served_as_soon_as_it_stops(void **state)
{
  world *w = *state;
  lc_listen_options options;
  int peers[3];
  lc_listen_options_init(&options);
  options.backlog = 8;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(world_listen(w, &options), 0);
  lc_server_suspend(w->server);
  for (int i = 0; i < 3; i++) peers[i] = peer_connect(&w->address);
  world_turn(w);
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  for (int i = 0; i < 4; i++) world_turn(w);
  assert_int_equal(w->count, 3);
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
  for (int i = 0; i < 3; i++) peer_close(peers[i]);
}

static void one_of_several_can_be_stopped_alone(void **state)
{
  world *w = *state;
  lc_address second = world_unix_name();
  int peer;
  world_serve(w);
  assert_int_equal(lc_server_listen(w->server, &second, NULL), 0);
  assert_int_equal(lc_server_unlisten(w->server, &second), 1);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(try_connect(&second, &peer), -ECONNREFUSED);
  peer_close(peer);
  world_accept(w, &peer); /* the first goes on */
  peer_close(peer);
}

static void stopping_leaves_connections_alone(void **state)
{
  world *w = *state;
  char text[8];
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  stop_listening(w);
  peer_say(peer, "still");
  assert_string_equal(world_read(one, text, sizeof text), "still");
  assert_int_equal(lc_server_step(w->server), LC_STEP_SERVING);
  peer_close(peer);
}

static void the_same_address_can_be_listened_on_again_at_once(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  stop_listening(w);
  assert_int_equal(lc_server_listen(w->server, &w->address, NULL), 0);
  world_accept(w, &peer);
  peer_close(peer);
}

static void of_listeners_stopped_one_by_one_the_last_are_told_of_and_the_others_counted(
  void **state)
{
  enum { MANY = 40 };
  world *w = *state;
  lc_listener_report report;
  unsigned told = 0;
  w->address = world_unix_name();
  assert_int_equal(world_new_server(w, 0), 0);
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(lc_server_listen(w->server, &w->address, NULL), 0);
    assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
    TURN_UNTIL(w, !lc_server_is_listening(w->server));
    world_turn_for(w, LC_MILLISECOND);
  }
  while (lc_server_listener_report(w->server, told, &report) == 0) told++;
  assert_true(told <= 17);
  assert_int_equal(lc_server_report(w->server)->stopped_earlier + told, MANY);
}

static void cut_short_it_says_that_it_was_not_lossless(void **state)
{
  world *w = *state;
  world_serve(w);
  if (!world_hides(w)) skip();
  lc_server_advance(w->server, LC_STEP_CANCEL); /* no time to settle */
  TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
  assert_false(report_of(w).lossless);
  assert_false(lc_server_report(w->server)->lossless);
  assert_true(strstr(w->notices, "stop cut short") != NULL);
}

static void accept_by_hand(world *w, int is_unix)
{
  w->address = is_unix ? world_unix_name() : world_loopback();
  assert_int_equal(world_new_server(w, 1), 0);
  assert_int_equal(world_listen(w, NULL), 0);
}

static void with_nobody_queued_it_does_not_wait_for_who_accepts_by_hand(void **state)
{
  world *w = *state;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    accept_by_hand(w, is_unix);
    stop_listening(w);
    assert_true(report_of(w).lossless || !world_stops_lossless(w));
    lc_server_free(w->server);
    w->server = NULL;
  }
}

static void who_is_queued_waits_for_who_accepts_by_hand(void **state)
{
  world *w = *state;
  lc_conn *conn;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    int peers[2];
    accept_by_hand(w, is_unix);
    for (int i = 0; i < 2; i++) peers[i] = peer_connect(&w->address);
    assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
    world_turn_for(w, 400 * LC_MILLISECOND);
    assert_true(lc_server_is_listening(w->server));
    for (int i = 0; i < 2; i++) {
      assert_int_equal(lc_server_accept(w->server, &conn), 0);
      assert_int_equal(lc_conn_state(conn), LC_STATE_NEW);
    }
    TURN_UNTIL(w, !lc_server_is_listening(w->server));
    assert_int_equal(lc_server_report(w->server)->accepted, 2);
    assert_true(report_of(w).lossless || !world_stops_lossless(w));
    lc_server_free(w->server);
    w->server = NULL;
    for (int i = 0; i < 2; i++) peer_close(peers[i]);
  }
}

static void cut_short_with_somebody_queued_it_says_so(void **state)
{
  world *w = *state;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    accept_by_hand(w, is_unix);
    int peer = peer_connect(&w->address);
    lc_server_shutdown(w->server, lc_time_add(lc_loop_clock(w->loop), 400 * LC_MILLISECOND));
    TURN_UNTIL(w, lc_server_step(w->server) == LC_STEP_DONE);
    assert_false(report_of(w).lossless);
    assert_false(lc_server_report(w->server)->lossless);
    lc_server_free(w->server);
    w->server = NULL;
    peer_close(peer);
  }
}

static void retired_with_somebody_queued_it_says_so(void **state)
{
  world *w = *state;
  for (int is_unix = 0; is_unix < 2; is_unix++) {
    for (int queued = 0; queued < 2; queued++) {
      accept_by_hand(w, is_unix);
      int peer = queued ? peer_connect(&w->address) : -1;
      lc_server_retire(w->server);
      assert_int_equal(report_of(w).lossless, !queued);
      assert_int_equal(lc_server_report(w->server)->lossless, !queued);
      lc_server_free(w->server);
      w->server = NULL;
      if (queued) peer_close(peer);
    }
  }
}

static void retired_while_it_settles_it_was_cut_short(void **state)
{
  world *w = *state;
  accept_by_hand(w, 0);
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  world_turn(w);
  assert_true(lc_server_is_listening(w->server));
  lc_server_retire(w->server);
  assert_false(lc_server_is_listening(w->server));
  assert_false(report_of(w).lossless);
}

static void it_settles_for_as_long_as_it_takes_where_there_is_no_limit(void **state)
{
  world *w = *state;
  w->options.drain.settle = LC_NEVER;
  if (!world_hides(w)) skip();
  world_serve(w);
  stop_listening(w);
  assert_int_equal(report_of(w).lossless, world_stops_lossless(w));
}

static void short_of_anything_while_stopping_nobody_is_lost(void **state)
{
  enum { MANY = 5 };
  static const int codes[] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM, -ECONNABORTED, -EINTR};
  world w;
  int error, peers[MANY];
  (void)state;
  faults_init(&bad);
  world_begin(&w, &bad.sys);
  w.loop = lc_loop_new(&bad.sys, &error);
  assert_non_null(w.loop);
  for (unsigned i = 0; i < 2 * sizeof codes / sizeof *codes; i++) {
    if (i % 2) world_serve_unix(&w);
    else world_serve(&w);
    int before = w.count;
    lc_server_suspend(w.server);
    for (int peer = 0; peer < MANY; peer++) peers[peer] = peer_connect(&w.address);
    faults_fail(&bad, FAULT_ACCEPT, 2, 20, codes[i / 2]);
    stop_listening(&w);
    assert_int_equal(w.count - before, MANY);
    for (int peer = 0; peer < MANY; peer++) peer_close(peers[peer]);
    lc_server_free(w.server);
    w.server = NULL;
  }
  world_end(&w);
  assert_int_equal(bad.open, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(everybody_whose_connect_succeeded_is_served_and_everybody_else_refused),
    WORLD_TEST(the_queue_is_served_before_the_end),
    WORLD_TEST(a_tcp_listener_of_ours_is_hidden_and_settles),
    cmocka_unit_test(where_it_cannot_be_hidden_it_is_emptied_and_the_report_says_so),
    cmocka_unit_test(without_netlink_it_is_not_known_whether_somebody_was_lost),
    cmocka_unit_test(nor_where_there_was_no_time_for_it),
    cmocka_unit_test(nor_where_the_part_that_knows_tcp_is_missing),
    cmocka_unit_test(nor_where_the_kernel_ceases_to_tell),
    WORLD_TEST(a_unix_listener_is_shut_down_and_its_path_removed),
    WORLD_TEST(a_shared_listener_is_only_closed_and_its_queue_stays_for_the_other),
    WORLD_TEST(a_small_backlog_is_widened_first),
    WORLD_TEST(who_was_held_back_is_served_as_soon_as_it_stops),
    WORLD_TEST(one_of_several_can_be_stopped_alone),
    WORLD_TEST(stopping_leaves_connections_alone),
    WORLD_TEST(the_same_address_can_be_listened_on_again_at_once),
    WORLD_TEST(of_listeners_stopped_one_by_one_the_last_are_told_of_and_the_others_counted),
    WORLD_TEST(with_nobody_queued_it_does_not_wait_for_who_accepts_by_hand),
    WORLD_TEST(who_is_queued_waits_for_who_accepts_by_hand),
    WORLD_TEST(cut_short_with_somebody_queued_it_says_so),
    WORLD_TEST(retired_with_somebody_queued_it_says_so),
    WORLD_TEST(retired_while_it_settles_it_was_cut_short),
    WORLD_TEST(it_settles_for_as_long_as_it_takes_where_there_is_no_limit),
    WORLD_TEST(cut_short_it_says_that_it_was_not_lossless),
    cmocka_unit_test(short_of_anything_while_stopping_nobody_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
