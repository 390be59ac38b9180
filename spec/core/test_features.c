/* test_features.c - the self-test at the start says what the kernel can do, and leaves nothing. */
#include "faults.h"
#include "kernel/features.h"
#include "world.h"

static faults bad;

static lc_features probe(void)
{
  lc_features features = {.hide = -1, .sock_diag = -1};
  lc_features_probe(&bad.sys, &features);
  assert_int_equal(bad.open, 0);
  assert_int_equal(bad.strange, 0);
  return features;
}

/* With hiding out of the way, a listener is stopped by accepting what is there. */
static void a_kernel_without_the_option_cannot_hide(void **state)
{
  (void)state;
  faults_init(&bad);
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 1000, -ENOPROTOOPT);
  lc_features features = probe();
  assert_int_equal(features.hide, 0);
  assert_int_equal(features.hide_code, -ENOPROTOOPT);
  assert_string_equal(features.stop, "accept-close");
}

static void what_a_filter_says_is_told_as_it_is(void **state)
{
  (void)state;
  faults_init(&bad);
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 1000, -EPERM);
  faults_fail(&bad, FAULT_SENDMSG, 1, 1000, -EACCES);
  lc_features features = probe();
  assert_int_equal(features.hide_code, -EPERM);
  assert_true(features.sock_diag_code == -EACCES || features.sock_diag_code == -EPERM);
}

/* As in a sandbox that lets the option through and does nothing. */
static int does_nothing(const lc_sys *sys, int fd, int level, int name, const void *value,
                        socklen_t length)
{
  (void)sys, (void)fd, (void)level, (void)name, (void)value, (void)length;
  return 0;
}

static void an_option_that_has_no_effect_is_found_out(void **state)
{
  (void)state;
  faults_init(&bad);
  bad.sys.setsockopt = does_nothing;
  assert_int_equal(probe().hide_code, -EOPNOTSUPP);
}

/* ------------------------------------------------- loopback down, or filtered -- */

static int accepts(const lc_sys *sys, int fd, int level, int name, const void *value,
                   socklen_t length)
{
  if (level == SOL_SOCKET && name == SO_BINDTOIFINDEX) return 0;
  return lc_sys_linux()->setsockopt(sys, fd, level, name, value, length);
}

/* The SYN goes out, and nothing comes back. */
static int is_dropped(const lc_sys *sys, int fd, const struct sockaddr *address, socklen_t length)
{
  (void)sys, (void)fd, (void)address, (void)length;
  return -EINPROGRESS;
}

static int can_hide_with(fault_call call, int code)
{
  faults_init(&bad);
  bad.sys.setsockopt = accepts;
  faults_fail(&bad, call, 1, 1000, code);
  return probe().hide;
}

static void where_loopback_tells_nothing_the_option_is_believed(void **state)
{
  (void)state;
  assert_true(can_hide_with(FAULT_BIND, -EADDRNOTAVAIL));   /* it is down */
  assert_true(can_hide_with(FAULT_CONNECT, -ECONNREFUSED)); /* rejected by a filter */
  assert_true(can_hide_with(FAULT_CONNECT, -EPERM));
  assert_true(can_hide_with(FAULT_CONNECT, -ENETUNREACH));
  assert_true(can_hide_with(FAULT_GETSOCKOPT, -EPERM)); /* what became of it is not told */
  faults_init(&bad);
  bad.sys.setsockopt = accepts;
  bad.sys.connect = is_dropped;
  assert_true(probe().hide);
}

static void where_loopback_tells_nothing_a_refused_option_is_not(void **state)
{
  (void)state;
  faults_init(&bad);
  faults_fail(&bad, FAULT_BIND, 1, 1000, -EADDRNOTAVAIL);
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 1000, -EPERM);
  assert_int_equal(probe().hide_code, -EPERM);
}

static void without_netlink_handshakes_cannot_be_counted(void **state)
{
  (void)state;
  faults_init(&bad);
  faults_fail(&bad, FAULT_SENDMSG, 1, 1000, -ECONNREFUSED);
  assert_int_equal(probe().sock_diag, 0);
}

static void whatever_fails_in_the_self_test_nothing_is_left(void **state)
{
  static const fault_call calls[] = {FAULT_SOCKET,  FAULT_BIND,       FAULT_LISTEN,
                                     FAULT_CONNECT, FAULT_SETSOCKOPT, FAULT_GETSOCKOPT,
                                     FAULT_SENDMSG, FAULT_GETSOCKNAME};
  (void)state;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    for (unsigned nth = 1; nth <= 8; nth++) {
      faults_init(&bad);
      faults_fail(&bad, calls[i], nth, 1, -ENOMEM);
      lc_features features = probe();
      assert_string_equal(features.stop, features.hide ? "hide" : "accept-close");
    }
  }
}

static void a_loop_finds_out_once(void **state)
{
  world w;
  int error;
  (void)state;
  faults_init(&bad);
  world_begin(&w, &bad.sys);
  w.loop = lc_loop_new(&bad.sys, &error);
  const lc_features *features = lc_loop_features(w.loop);
  unsigned made = bad.of[FAULT_SOCKET].made;
  assert_true(made > 0);
  assert_ptr_equal(lc_loop_features(w.loop), features);
  assert_int_equal(bad.of[FAULT_SOCKET].made, made);
  world_end(&w);
}

/* A process that is short of descriptors just then is not taken for a kernel that cannot. */
static void a_shortage_during_the_self_test_is_not_remembered(void **state)
{
  world w;
  int error;
  (void)state;
  faults_init(&bad);
  int can_hide = probe().hide;
  world_begin(&w, &bad.sys);
  w.loop = lc_loop_new(&bad.sys, &error);
  faults_fail(&bad, FAULT_SOCKET, 1, 1000, -EMFILE);
  assert_int_equal(lc_loop_features(w.loop)->hide, 1); /* worth a try */
  faults_none(&bad);
  assert_int_equal(lc_loop_features(w.loop)->hide, can_hide);
  world_end(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_kernel_without_the_option_cannot_hide),
    cmocka_unit_test(what_a_filter_says_is_told_as_it_is),
    cmocka_unit_test(where_loopback_tells_nothing_the_option_is_believed),
    cmocka_unit_test(where_loopback_tells_nothing_a_refused_option_is_not),
    cmocka_unit_test(an_option_that_has_no_effect_is_found_out),
    cmocka_unit_test(without_netlink_handshakes_cannot_be_counted),
    cmocka_unit_test(whatever_fails_in_the_self_test_nothing_is_left),
    cmocka_unit_test(a_loop_finds_out_once),
    cmocka_unit_test(a_shortage_during_the_self_test_is_not_remembered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
