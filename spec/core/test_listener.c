/* test_listener.c - opening, accepting a share at a time, holding back, and shortages. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "world.h"

static faults bad;

static int set_up_with_faults(void **state)
{
  world *w = malloc(sizeof *w);
  int error;
  assert_non_null(w);
  faults_init(&bad);
  world_begin(w, &bad.sys);
  w->loop = lc_loop_new(&bad.sys, &error);
  assert_non_null(w->loop);
  *state = w;
  return 0;
}

static int tear_down_with_faults(void **state)
{
  world_tear_down(state);
  assert_int_equal(bad.open, 0);
  assert_int_equal(bad.strange, 0);
  return 0;
}

/* ---------------------------------------------------------------- opening -- */

static void port_0_gives_a_port_and_the_same_one_can_be_had_again_at_once(void **state)
{
  world *w = *state;
  for (int i = 0; i < 3; i++) {
    int peer;
    if (i == 0) w->address = world_loopback();
    assert_int_equal(world_new_server(w, 0), 0);
    assert_int_equal(world_listen(w, NULL), 0);
    assert_int_not_equal(w->address.of.in.sin_port, 0);
    world_accept(w, &peer);
    peer_close(peer);
    lc_server_free(w->server); /* with a connection open: TIME_WAIT is no obstacle */
    w->server = NULL;
  }
}

static void an_address_in_use_is_said_to_be(void **state)
{
  world *w = *state;
  world_serve(w);
  assert_int_equal(lc_server_listen(w->server, &w->address, NULL), -EADDRINUSE);
}

static void several_addresses_are_served_and_listed(void **state)
{
  world *w = *state;
  lc_address second = world_unix_name(), listed;
  int peer;
  world_serve(w);
  assert_int_equal(lc_server_listen(w->server, &second, NULL), 0);
  assert_int_equal(lc_server_address(w->server, 1, &listed), 0);
  assert_int_equal(listed.of.any.sa_family, AF_UNIX);
  assert_int_equal(lc_server_address(w->server, 2, &listed), -ENOENT);
  world_accept(w, &peer);
  peer_close(peer);
  w->address = second;
  world_accept(w, &peer);
  peer_close(peer);
}

static lc_address path_of(const char *name)
{
  lc_address address = {.of.un = {.sun_family = AF_UNIX}, .length = sizeof(struct sockaddr_un)};
  snprintf(address.of.un.sun_path, sizeof address.of.un.sun_path, "/tmp/lastcall-%s-%d", name,
           (int)getpid());
  return address;
}

static void a_stale_path_is_taken_over_a_live_one_and_a_plain_file_are_not(void **state)
{
  world *w = *state;
  int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  lc_address address = path_of("stale");
  const char *path = address.of.un.sun_path;
  assert_int_equal(bind(stale, &address.of.any, address.length), 0);
  peer_close(stale); /* nobody answers there any more */
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen(w->server, &address, NULL), 0);
  assert_int_equal(lc_server_listen(w->server, &address, NULL), -EADDRINUSE); /* we live there */
  lc_server_free(w->server);
  assert_int_equal(access(path, F_OK), -1);

  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen(w->server, &address, NULL), -EADDRINUSE);
  assert_int_equal(unlink(path), 0); /* it is still there */
}

static void only_our_own_path_is_unlinked(void **state)
{
  world *w = *state;
  lc_address address = path_of("own");
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen(w->server, &address, NULL), 0);
  assert_int_equal(unlink(address.of.un.sun_path), 0);
  int heir = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(heir, &address.of.any, address.length), 0);
  lc_server_free(w->server);
  w->server = NULL;
  assert_int_equal(unlink(address.of.un.sun_path), 0); /* the heir's was left alone */
  peer_close(heir);
}

static void a_unix_path_gets_the_mode_that_was_asked_for(void **state)
{
  world *w = *state;
  struct stat status;
  lc_listen_options options;
  lc_address address = path_of("mode");
  lc_listen_options_init(&options);
  options.unix_mode = 0600;
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen(w->server, &address, &options), 0);
  assert_int_equal(stat(address.of.un.sun_path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
}

static int refuse(int fd, void *user)
{
  struct sockaddr_in bound;
  socklen_t length = sizeof bound;
  assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &length), 0);
  assert_int_equal(bound.sin_port, 0); /* not bound yet */
  ++*(int *)user;
  return -EPERM;
}

static void the_control_function_sees_the_socket_before_bind_and_may_refuse(void **state)
{
  world *w = *state;
  int calls = 0;
  lc_listen_options options;
  lc_listen_options_init(&options);
  options.control = refuse;
  options.user = &calls;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen(w->server, &w->address, &options), -EPERM);
  assert_int_equal(calls, 1);
  assert_int_equal(lc_server_is_listening(w->server), 0);
}

static void a_listening_descriptor_is_taken_over_and_no_other(void **state)
{
  world *w = *state;
  int peer, fd = socket(AF_INET, SOCK_STREAM, 0), pipes[2];
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(lc_server_listen_fd(w->server, fd, NULL), -EINVAL); /* it does not listen */
  assert_int_equal(pipe(pipes), 0);
  assert_int_equal(lc_server_listen_fd(w->server, pipes[0], NULL), -ENOTSOCK);
  assert_int_equal(lc_server_listen_fd(w->server, -1, NULL), -EBADF);
  for (int i = 0; i < 2; i++) peer_close(pipes[i]); /* they stayed ours */
  assert_int_equal(bind(fd, &w->address.of.any, w->address.length), 0);
  assert_int_equal(listen(fd, 10), 0);
  assert_int_equal(lc_server_listen_fd(w->server, fd, NULL), 0); /* the server's from here on */
  assert_int_equal(lc_server_address(w->server, 0, &w->address), 0);
  world_accept(w, &peer);
  peer_close(peer);
}

/* -------------------------------------------------------------- accepting -- */

static void new_is_seen_before_anything_else(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  peer = peer_connect(&w->address);
  peer_say(peer, "early");
  TURN_UNTIL(w, w->count == 1); /* `opened` has checked the state */
  assert_string_equal(w->conns[0].states, "");
  peer_close(peer);
}

static void a_crowd_is_accepted_a_share_a_turn(void **state)
{
  enum { MANY = 60 };
  world *w = *state;
  int peers[MANY];
  world_serve(w);
  for (int i = 0; i < MANY; i++) peers[i] = peer_connect(&w->address);
  TURN_UNTIL(w, w->count == MANY);
  assert_int_equal(lc_server_report(w->server)->accepted, MANY);
  for (int i = 0; i < MANY; i++) peer_close(peers[i]);
}

static void over_max_connections_clients_wait_and_are_served_when_there_is_room(void **state)
{
  world *w = *state;
  int peers[3];
  w->options.max_connections = 2;
  world_serve(w);
  for (int i = 0; i < 3; i++) peers[i] = peer_connect(&w->address);
  world_turn_for(w, 30 * LC_MILLISECOND);
  assert_int_equal(w->count, 2);
  lc_conn_abort(w->conns[0].conn, "room");
  TURN_UNTIL(w, w->count == 3);
  for (int i = 0; i < 3; i++) peer_close(peers[i]);
}

static void suspended_it_refuses_nobody_and_resumed_it_serves_the_queue(void **state)
{
  world *w = *state;
  int peers[3];
  world_serve(w);
  lc_server_suspend(w->server);
  for (int i = 0; i < 3; i++) peers[i] = peer_connect(&w->address);
  world_turn_for(w, 30 * LC_MILLISECOND);
  assert_int_equal(w->count, 0);
  lc_server_resume(w->server);
  TURN_UNTIL(w, w->count == 3);
  for (int i = 0; i < 3; i++) peer_close(peers[i]);
}

static void handed_out_connections_come_one_by_one(void **state)
{
  world *w = *state;
  int peers[2];
  lc_conn *conn, *second;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 1), 0);
  assert_int_equal(world_listen(w, NULL), 0);
  assert_int_equal(lc_server_accept(w->server, &conn), LC_AGAIN);
  for (int i = 0; i < 2; i++) peers[i] = peer_connect(&w->address);
  TURN_UNTIL(w, w->acceptable);
  assert_int_equal(lc_server_accept(w->server, &conn), 0);
  assert_int_equal(lc_conn_state(conn), LC_STATE_NEW);
  assert_int_equal(lc_server_accept(w->server, &second), 0);
  assert_ptr_not_equal(conn, second);
  assert_int_equal(lc_server_accept(w->server, &second), LC_AGAIN);
  w->acceptable = 0;
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  TURN_UNTIL(w, lc_server_accept(w->server, &conn) == LC_CLOSED);
  assert_true(w->acceptable > 0); /* who waits in accept hears that it is over */
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

/* --------------------------------------------------------------- shortages -- */

static void short_of_descriptors_it_pauses_says_so_once_and_resumes(void **state)
{
  static const int shortages[] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM};
  world *w = *state;
  world_serve(w);
  for (size_t i = 0; i < sizeof shortages / sizeof *shortages; i++) {
    int peer = peer_connect(&w->address), before = w->count;
    w->notices[0] = 0;
    faults_fail(&bad, FAULT_ACCEPT, 1, 4, shortages[i]);
    unsigned made = bad.of[FAULT_ACCEPT].made;
    TURN_UNTIL(w, strstr(w->notices, "paused"));
    assert_int_equal(w->notice.code, shortages[i]);
    assert_true(w->notice.retry == 5 * LC_MILLISECOND);
    TURN_UNTIL(w, w->count == before + 1); /* no new client had to come for that */
    assert_string_equal(w->notices, " accept paused accept resumed");
    assert_true(bad.of[FAULT_ACCEPT].made - made <= 6); /* 5, 10, 20, 40 ms: no spinning */
    peer_close(peer);
  }
}

static void a_listener_that_could_not_be_taken_over_leaves_no_descriptor_in_reserve(void **state)
{
  world *w = *state;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(bind(fd, &w->address.of.any, w->address.length), 0);
  assert_int_equal(listen(fd, 10), 0);
  lc_loop_features(w->loop);
  int before = bad.open;
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 1, -ENOBUFS);
  assert_int_equal(lc_server_listen_fd(w->server, fd, NULL), -ENOBUFS);
  assert_int_equal(bad.open, before);
  assert_int_equal(close(fd), 0); /* it stayed ours */
}

static int listening;

static void count_listening(const lc_sys *sys, int more)
{
  (void)sys;
  listening += more;
}

static void a_listener_that_could_not_be_opened_is_not_counted(void **state)
{
  static const fault_call calls[] = {FAULT_GETSOCKNAME, FAULT_SETSOCKOPT, FAULT_POLLER_CONTROL};
  world *w = *state;
  listening = 0;
  bad.sys.listening = count_listening;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 0), 0);
  lc_loop_features(w->loop);
  for (size_t i = 0; i < 2 * sizeof calls / sizeof *calls; i++) {
    int fd = -1, is_taken = i % 2;
    if (is_taken) {
      fd = socket(AF_INET, SOCK_STREAM, 0);
      assert_int_equal(bind(fd, &w->address.of.any, w->address.length), 0);
      assert_int_equal(listen(fd, 10), 0);
    }
    faults_fail(&bad, calls[i / 2], 1, 1, -ENOBUFS);
    int result = is_taken ? lc_server_listen_fd(w->server, fd, NULL)
                          : lc_server_listen(w->server, &w->address, NULL);
    assert_int_equal(result, -ENOBUFS);
    assert_int_equal(listening, 0);
    if (is_taken) close(fd);
  }
  assert_int_equal(lc_server_listen(w->server, &w->address, NULL), 0);
  assert_int_equal(listening, 1);
}

static void while_it_pauses_those_who_are_there_are_served(void **state)
{
  world *w = *state;
  char text[16];
  int peers[2];
  world_serve(w);
  seen *first = world_accept(w, &peers[0]);
  faults_fail(&bad, FAULT_ACCEPT, 1, 1000, -EMFILE);
  peers[1] = peer_connect(&w->address);
  TURN_UNTIL(w, strstr(w->notices, "paused"));
  peer_say(peers[0], "served");
  assert_string_equal(world_read(first, text, sizeof text), "served");
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void an_error_that_lasts_does_not_make_it_spin(void **state)
{
  static const int codes[] = {-EIO, -EINVAL, -EPERM};
  world *w = *state;
  world_serve(w);
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    int peer = peer_connect(&w->address), before = w->count;
    faults_fail(&bad, FAULT_ACCEPT, 1, UINT32_MAX, codes[i]);
    unsigned made = bad.of[FAULT_ACCEPT].made;
    world_turn_for(w, 50 * LC_MILLISECOND);
    assert_true(bad.of[FAULT_ACCEPT].failed > 0);
    assert_true(bad.of[FAULT_ACCEPT].made - made < 20);
    faults_none(&bad);
    TURN_UNTIL(w, w->count == before + 1);
    peer_close(peer);
  }
}

static void a_client_that_left_the_queue_is_skipped(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  faults_fail(&bad, FAULT_ACCEPT, 1, 3, -ECONNABORTED);
  world_accept(w, &peer);
  assert_string_equal(w->notices, "");
  peer_close(peer);
}

static void one_that_cannot_be_watched_does_not_hold_up_those_behind_it(void **state)
{
  world *w = *state;
  int peers[4];
  world_serve(w);
  world_turn(w);
  for (int i = 0; i < 4; i++) peers[i] = peer_connect(&w->address);
  faults_fail(&bad, FAULT_POLLER_CONTROL, 1, 1, -ENOSPC);
  TURN_UNTIL(w, w->count == 3); /* all but the first, and nobody new has come */
  assert_true(strstr(w->notices, "accept paused") != NULL);
  assert_int_equal(w->notice.code, 0); /* and then resumed */
  for (int i = 0; i < 4; i++) peer_close(peers[i]);
}

#define FAULTS_TEST(name) \
  cmocka_unit_test_setup_teardown(name, set_up_with_faults, tear_down_with_faults)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(port_0_gives_a_port_and_the_same_one_can_be_had_again_at_once),
    WORLD_TEST(an_address_in_use_is_said_to_be),
    WORLD_TEST(several_addresses_are_served_and_listed),
    WORLD_TEST(a_stale_path_is_taken_over_a_live_one_and_a_plain_file_are_not),
    WORLD_TEST(only_our_own_path_is_unlinked),
    WORLD_TEST(a_unix_path_gets_the_mode_that_was_asked_for),
    WORLD_TEST(the_control_function_sees_the_socket_before_bind_and_may_refuse),
    WORLD_TEST(a_listening_descriptor_is_taken_over_and_no_other),
    WORLD_TEST(new_is_seen_before_anything_else),
    WORLD_TEST(a_crowd_is_accepted_a_share_a_turn),
    WORLD_TEST(over_max_connections_clients_wait_and_are_served_when_there_is_room),
    WORLD_TEST(suspended_it_refuses_nobody_and_resumed_it_serves_the_queue),
    WORLD_TEST(handed_out_connections_come_one_by_one),
    FAULTS_TEST(short_of_descriptors_it_pauses_says_so_once_and_resumes),
    FAULTS_TEST(a_listener_that_could_not_be_taken_over_leaves_no_descriptor_in_reserve),
    FAULTS_TEST(a_listener_that_could_not_be_opened_is_not_counted),
    FAULTS_TEST(while_it_pauses_those_who_are_there_are_served),
    FAULTS_TEST(an_error_that_lasts_does_not_make_it_spin),
    FAULTS_TEST(a_client_that_left_the_queue_is_skipped),
    FAULTS_TEST(one_that_cannot_be_watched_does_not_hold_up_those_behind_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
