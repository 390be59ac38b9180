/* test_sockopt.c - socket options by name. */
#include <unistd.h>

#include "faults.h"
#include "world.h"

static void what_is_set_is_what_is_got(void **state)
{
  static const struct {
    const char *name;
    int value;
  } some[] = {{"reuseaddr", 1}, {"keepalive", 1},        {"nodelay", 1},   {"keepidle", 42},
              {"keepintvl", 7}, {"user_timeout", 12345}, {"tos", 0x10},    {"ttl", 33},
              {"cork", 1},      {"syncnt", 3},           {"rcvlowat", 2},  {"keepcnt", 5},
              {"priority", 3},  {"freebind", 1},         {"reuseport", 1}, {"maxseg", 1000}};
  world *w = *state;
  int fd = socket(AF_INET, SOCK_STREAM, 0), value;
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
    assert_int_equal(lc_sockopt_set(lc_loop_sys(w->loop), fd, some[i].name, some[i].value), 0);
    if (!strcmp(some[i].name, "maxseg")) continue; /* known only once it is connected */
    value = -1;
    assert_int_equal(lc_sockopt_get(lc_loop_sys(w->loop), fd, some[i].name, &value), 0);
    assert_int_equal(value, some[i].value);
  }
  peer_close(fd);
}

static void it_is_the_option_of_that_name_that_the_kernel_sees(void **state)
{
  world *w = *state;
  int fd = socket(AF_INET6, SOCK_STREAM, 0), value = 0;
  socklen_t length = sizeof value;
  assert_int_equal(lc_sockopt_set(lc_loop_sys(w->loop), fd, "ipv6_only", 1), 0);
  assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length), 0);
  assert_int_equal(value, 1);
  assert_int_equal(lc_sockopt_set(lc_loop_sys(w->loop), fd, "rcvbuf", 50000), 0);
  assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &length), 0);
  assert_int_equal(value, 100000); /* the kernel counts its own part too */
  peer_close(fd);
}

static void unknown_names_and_bad_descriptors_are_told_apart(void **state)
{
  world *w = *state;
  int value;
  assert_int_equal(lc_sockopt_set(lc_loop_sys(w->loop), -1, "no such option", 1), -ENOENT);
  assert_int_equal(lc_sockopt_get(lc_loop_sys(w->loop), -1, "", &value), -ENOENT);
  assert_int_equal(lc_sockopt_set(lc_loop_sys(w->loop), -1, "nodelay", 1), -EBADF);
  assert_int_equal(lc_sockopt_get(lc_loop_sys(w->loop), -1, "nodelay", &value), -EBADF);
}

static void every_name_that_is_listed_is_known_and_listed_once(void **state)
{
  world *w = *state;
  int value;
  unsigned count = 0;
  for (const char *name; (name = lc_sockopt_name(count)); count++) {
    assert_int_equal(lc_sockopt_get(lc_loop_sys(w->loop), -1, name, &value),
                     -EBADF); /* and not -ENOENT */
    for (unsigned i = 0; i < count; i++) assert_string_not_equal(lc_sockopt_name(i), name);
  }
  assert_true(count > 20);
  assert_null(lc_sockopt_name(count + 1000));
}

static void an_interrupted_call_is_repeated(void **state)
{
  static faults bad;
  world w;
  int error, fd = socket(AF_INET, SOCK_STREAM, 0);
  (void)state;
  faults_init(&bad);
  world_begin(&w, &bad.sys);
  w.loop = lc_loop_new(&bad.sys, &error);
  assert_non_null(w.loop);
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 3, -EINTR);
  assert_int_equal(lc_sockopt_set(lc_loop_sys(w.loop), fd, "nodelay", 1), 0);
  faults_fail(&bad, FAULT_SETSOCKOPT, 1, 1, -ENOBUFS);
  assert_int_equal(lc_sockopt_set(lc_loop_sys(w.loop), fd, "nodelay", 1), -ENOBUFS);
  world_end(&w);
  peer_close(fd);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(what_is_set_is_what_is_got),
    WORLD_TEST(it_is_the_option_of_that_name_that_the_kernel_sees),
    WORLD_TEST(unknown_names_and_bad_descriptors_are_told_apart),
    WORLD_TEST(every_name_that_is_listed_is_known_and_listed_once),
    cmocka_unit_test(an_interrupted_call_is_repeated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
