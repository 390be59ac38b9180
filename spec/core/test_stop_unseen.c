/* test_stop_unseen.c - stopping a listener where the handshakes under way cannot be counted: the
 * report calls it unknown whether a client was lost. */
#include "faults.h"
#include "server/server.h"
#include "world.h"

static faults bad;

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
  world_stop_listening(w);
  assert_string_equal(world_listener_report(w).method, "hide");
  assert_false(world_listener_report(w).lossless);
  assert_true(world_listener_report(w).is_unknown);
  assert_false(lc_server_report(w->server)->lossless);
  assert_string_equal(w->notices, " stop unseen");
  world_end(w);
}

static void without_netlink_it_is_not_known_whether_a_client_was_lost(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  with_netlink = bad.sys.socket;
  bad.sys.socket = without_netlink;
  serve_hideable(&w);
  check_not_known(&w);
}

static void nor_where_there_was_no_time_to_count(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  with_netlink = bad.sys.socket;
  bad.sys.socket = without_netlink;
  serve_hideable(&w);
  w.loop->features.sock_diag_code = -EPERM;
  lc_server_advance(w.server, LC_STEP_CANCEL);
  TURN_UNTIL(&w, lc_server_step(w.server) == LC_STEP_DONE);
  assert_false(world_listener_report(&w).lossless);
  assert_true(world_listener_report(&w).is_unknown);
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

static void nor_where_the_kernel_stops_answering(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  serve_hideable(&w);
  faults_fail(&bad, FAULT_SENDMSG, 2, 1000, -ENOBUFS); /* the first look is answered */
  check_not_known(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(without_netlink_it_is_not_known_whether_a_client_was_lost),
    cmocka_unit_test(nor_where_there_was_no_time_to_count),
    cmocka_unit_test(nor_where_the_part_that_knows_tcp_is_missing),
    cmocka_unit_test(nor_where_the_kernel_stops_answering),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
