/* scripts/test: early */
/* test_listener_stop.c - stopping a listener: by which method, for how long, and losing nobody. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "faults.h"
#include "server/server.h"
#include "world.h"

static faults bad;

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
    assert_true(world_listener_report(w).lossless || !world_stops_lossless(w));
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
  world_stop_listening(w);
  assert_int_equal(w->count, MANY);
  assert_true(world_listener_report(w).lossless || !world_stops_lossless(w));
  for (int i = 0; i < MANY; i++) peer_close(peers[i]);
}

static void a_tcp_listener_of_ours_is_hidden_and_settles(void **state)
{
  world *w = *state;
  world_serve(w);
  if (!world_hides(w)) skip();
  world_stop_listening(w);
  int is_known = world_stops_lossless(w);
  assert_string_equal(world_listener_report(w).method, "hide");
  assert_int_equal(world_listener_report(w).lossless, is_known);
  assert_int_equal(world_listener_report(w).is_unknown, !is_known);
  assert_true(world_listener_report(w).settled >= 100 * LC_MILLISECOND);
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
  world_stop_listening(&w);
  assert_int_equal(w.count, 1);
  assert_string_equal(world_listener_report(&w).method, "accept-close");
  assert_false(world_listener_report(&w).lossless);
  assert_false(lc_server_report(w.server)->lossless);
  assert_string_equal(w.notices, " stop degraded");
  peer_close(peer);
  world_end(&w);
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
  world_stop_listening(w);
  assert_string_equal(world_listener_report(w).method, "shutdown");
  assert_true(world_listener_report(w).lossless);
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
  world_stop_listening(w);
  assert_string_equal(world_listener_report(w).method, "close");
  assert_true(world_listener_report(w).lossless);
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
  world_stop_listening(w);
  assert_true(lc_loop_clock(w->loop) - began >= 150 * LC_MILLISECOND);
}

/* Found by `make sim`: no event came for these clients, so they waited until a backlog was
 * widened. */
static void held_back_clients_are_served_as_soon_as_it_stops(void **state)
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
  world_stop_listening(w);
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
  world_stop_listening(w);
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
  assert_false(world_listener_report(w).lossless);
  assert_false(lc_server_report(w->server)->lossless);
  assert_true(strstr(w->notices, "stop cut short") != NULL);
}

static void it_settles_for_as_long_as_it_takes_where_there_is_no_limit(void **state)
{
  world *w = *state;
  w->options.drain.settle = LC_NEVER;
  if (!world_hides(w)) skip();
  world_serve(w);
  world_stop_listening(w);
  assert_int_equal(world_listener_report(w).lossless, world_stops_lossless(w));
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
    world_stop_listening(&w);
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
    WORLD_TEST(a_unix_listener_is_shut_down_and_its_path_removed),
    WORLD_TEST(a_shared_listener_is_only_closed_and_its_queue_stays_for_the_other),
    WORLD_TEST(a_small_backlog_is_widened_first),
    WORLD_TEST(held_back_clients_are_served_as_soon_as_it_stops),
    WORLD_TEST(one_of_several_can_be_stopped_alone),
    WORLD_TEST(stopping_leaves_connections_alone),
    WORLD_TEST(the_same_address_can_be_listened_on_again_at_once),
    WORLD_TEST(of_listeners_stopped_one_by_one_the_last_are_told_of_and_the_others_counted),
    WORLD_TEST(it_settles_for_as_long_as_it_takes_where_there_is_no_limit),
    WORLD_TEST(cut_short_it_says_that_it_was_not_lossless),
    cmocka_unit_test(short_of_anything_while_stopping_nobody_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
