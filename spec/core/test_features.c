/* test_features.c - the self-test at the start says what the kernel can do, and leaves nothing. */
#include <stdio.h>

#include "faults.h"
#include "loop.h"
#include "sock_diag.h"
#include "world.h"

static faults bad;

static lc_features probe(void)
{
  lc_features features = {-1, -1, NULL};
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
  assert_string_equal(features.stop, "accept-close");
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
  assert_int_equal(probe().hide, 0);
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
  assert_int_equal(lc_loop_features(w.loop)->hide, 0);
  faults_none(&bad);
  assert_int_equal(lc_loop_features(w.loop)->hide, can_hide);
  world_end(&w);
  if (!can_hide) {
    puts("this kernel cannot hide a listener");
    skip();
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_kernel_without_the_option_cannot_hide),
    cmocka_unit_test(an_option_that_has_no_effect_is_found_out),
    cmocka_unit_test(without_netlink_handshakes_cannot_be_counted),
    cmocka_unit_test(whatever_fails_in_the_self_test_nothing_is_left),
    cmocka_unit_test(a_loop_finds_out_once),
    cmocka_unit_test(a_shortage_during_the_self_test_is_not_remembered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
