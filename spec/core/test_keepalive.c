/* test_keepalive.c - what is set on the socket is what the kernel then says. */
#include "kernel/keepalive.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include "faults.h"
#include "world.h"

static int option(int fd, int level, int name)
{
  int value = -1;
  socklen_t length = sizeof value;
  assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
  return value;
}

static void assert_kept(int fd, int on, int idle, int interval, int count, int user_timeout)
{
  assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE) != 0, on);
  if (on) {
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), count);
  }
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), user_timeout);
}

static void an_accepted_connection_has_the_defaults_together(void **state)
{
  world *w = *state;
  int peer;
  world_serve(w);
  const seen *one = world_accept(w, &peer);
  assert_kept(lc_conn_fd(one->conn), 1, 30, 10, 3, 60000);
  assert_int_not_equal(option(lc_conn_fd(one->conn), IPPROTO_TCP, TCP_NODELAY), 0);
  peer_close(peer);
}

static void a_connection_of_our_own_making_has_them_too(void **state)
{
  world *w = *state;
  lc_conn *conn;
  world_serve(w);
  assert_int_equal(lc_conn_connect(w->server, &w->address, NULL, 0, &conn), 0);
  assert_kept(lc_conn_fd(conn), 1, 30, 10, 3, 60000);
  assert_int_equal(option(lc_conn_fd(conn), IPPROTO_TCP, TCP_NODELAY), 0); /* as asked */
  TURN_UNTIL(w, w->count == 2);
}

static void off_means_as_the_kernel_leaves_it(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.keepalive.count = 0;
  w->options.settings.user_timeout = 0;
  w->options.settings.nodelay = 0;
  world_serve(w);
  const seen *one = world_accept(w, &peer);
  assert_kept(lc_conn_fd(one->conn), 0, 0, 0, 0, 0);
  assert_int_equal(option(lc_conn_fd(one->conn), IPPROTO_TCP, TCP_NODELAY), 0);
  peer_close(peer);
}

static void one_connection_can_be_changed_and_changed_back(void **state)
{
  world *w = *state;
  int peers[2];
  world_serve(w);
  seen *a = world_accept(w, &peers[0]);
  const seen *b = world_accept(w, &peers[1]);
  const lc_settings before = *lc_conn_settings(a->conn);
  lc_settings settings = before;
  settings.keepalive = (lc_keepalive){5 * LC_SECOND, 2 * LC_SECOND, 4};
  settings.user_timeout = lc_keepalive_user_timeout(&settings.keepalive);
  settings.nodelay = 0;
  assert_int_equal(lc_conn_set_settings(a->conn, &settings), 0);
  assert_kept(lc_conn_fd(a->conn), 1, 5, 2, 4, 13000);
  assert_int_equal(option(lc_conn_fd(a->conn), IPPROTO_TCP, TCP_NODELAY), 0);
  assert_kept(lc_conn_fd(b->conn), 1, 30, 10, 3, 60000);
  settings.keepalive.count = 0;
  settings.user_timeout = 0;
  assert_int_equal(lc_conn_set_settings(a->conn, &settings), 0);
  assert_kept(lc_conn_fd(a->conn), 0, 0, 0, 0, 0);
  assert_int_equal(lc_conn_set_settings(a->conn, &before), 0);
  assert_kept(lc_conn_fd(a->conn), 1, 30, 10, 3, 60000);
  for (int i = 0; i < 2; i++) peer_close(peers[i]);
}

static void the_user_timeout_is_the_time_that_the_probes_take(void **state)
{
  const lc_keepalive usual = {30 * LC_SECOND, 10 * LC_SECOND, 3}, off = {LC_SECOND, LC_SECOND, 0};
  const lc_keepalive endless = {LC_NEVER, LC_SECOND, 3}, rare = {LC_SECOND, LC_NEVER / 2, 3};
  (void)state;
  assert_true(lc_keepalive_user_timeout(&usual) == 60 * LC_SECOND);
  assert_true(lc_keepalive_user_timeout(&off) == 0);
  assert_true(lc_keepalive_user_timeout(&endless) == LC_NEVER);
  assert_true(lc_keepalive_user_timeout(&rare) == LC_NEVER);
}

static void fractions_are_rounded_up_to_the_kernels_units(void **state)
{
  world *w = *state;
  int peer;
  w->options.settings.keepalive = (lc_keepalive){LC_MILLISECOND, 1500 * LC_MILLISECOND, 1};
  w->options.settings.user_timeout = LC_MILLISECOND / 2;
  world_serve(w);
  const seen *one = world_accept(w, &peer);
  assert_kept(lc_conn_fd(one->conn), 1, 1, 2, 1, 1);
  peer_close(peer);
}

static void a_refusal_is_told_and_unix_sockets_have_none_of_it(void **state)
{
  static faults bad;
  lc_settings settings;
  lc_server_options options;
  int fds[2];
  (void)state;
  lc_server_options_init(&options);
  settings = options.settings;
  faults_init(&bad);
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  fds[1] = socket(AF_UNIX, SOCK_STREAM, 0);
  for (unsigned nth = 1; nth <= 6; nth++) { /* on, idle, interval, count, user timeout, nodelay */
    faults_fail(&bad, FAULT_SETSOCKOPT, nth, 1, -ENOPROTOOPT);
    assert_int_equal(lc_keepalive_apply(&bad.sys, fds[0], AF_INET, &settings, NULL), -ENOPROTOOPT);
  }
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 2, -EINTR); /* repeated */
  assert_int_equal(lc_keepalive_apply(&bad.sys, fds[0], AF_INET, &settings, NULL), 0);
  assert_int_equal(lc_keepalive_apply(&bad.sys, fds[1], AF_UNIX, &settings, NULL), 0);
  lc_keepalive_bound_orphan(&bad.sys, fds[0], &settings);
  assert_int_equal(option(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
  settings.user_timeout = 2 * LC_SECOND;
  lc_keepalive_bound_orphan(&bad.sys, fds[0], &settings);
  assert_int_equal(option(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 2000);
  for (int i = 0; i < 2; i++) peer_close(fds[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(an_accepted_connection_has_the_defaults_together),
    WORLD_TEST(a_connection_of_our_own_making_has_them_too),
    WORLD_TEST(off_means_as_the_kernel_leaves_it),
    WORLD_TEST(one_connection_can_be_changed_and_changed_back),
    WORLD_TEST(the_user_timeout_is_the_time_that_the_probes_take),
    WORLD_TEST(fractions_are_rounded_up_to_the_kernels_units),
    WORLD_TEST(a_refusal_is_told_and_unix_sockets_have_none_of_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
