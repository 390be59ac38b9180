/* test_network.c - sets of addresses: what they may look like, and which addresses they have. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "world.h"

static lc_network network(const char *text)
{
  lc_network one;
  assert_int_equal(lc_network_parse(text, strlen(text), &one), 0);
  return one;
}

static lc_address address(const char *text)
{
  lc_endpoint endpoint;
  lc_address one;
  const char *problem;
  assert_int_equal(lc_endpoint_parse(text, strlen(text), &endpoint, &problem), 0);
  assert_int_equal(lc_endpoint_address(&endpoint, &one), 0);
  return one;
}

static int has(const char *set, const char *text)
{
  lc_network one = network(set);
  lc_address peer = address(text);
  return lc_network_has(&one, &peer);
}

static void a_network_has_the_addresses_that_begin_as_it_does(void **state)
{
  (void)state;
  assert_true(has("10.0.0.0/8", "10.255.0.1:80"));
  assert_false(has("10.0.0.0/8", "11.0.0.1:80"));
  assert_true(has("192.0.2.128/25", "192.0.2.255:1"));
  assert_false(has("192.0.2.128/25", "192.0.2.127:1"));
  assert_true(has("0.0.0.0/0", "203.0.113.1:1"));
  assert_false(has("0.0.0.0/0", "[2001:db8::1]:1"));
  assert_true(has("192.0.2.1", "192.0.2.1:1"));
  assert_false(has("192.0.2.1", "192.0.2.2:1"));
  assert_true(has("fd00::/8", "[fdff::1]:1"));
  assert_false(has("fd00::/8", "[fe80::1]:1"));
  assert_true(has("::/0", "[2001:db8::1]:1"));
  assert_true(has("::1", "[::1]:1"));
}

static void an_address_of_version_4_is_the_same_mapped_into_6(void **state)
{
  (void)state;
  assert_true(has("10.0.0.0/8", "[::ffff:10.1.2.3]:80"));
  assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3:80"));
  assert_false(has("::ffff:10.0.0.0/104", "11.1.2.3:80"));
}

static void unix_stands_for_every_unix_domain_socket(void **state)
{
  (void)state;
  assert_true(has("unix:", "unix:/tmp/x"));
  assert_false(has("unix:", "127.0.0.1:1"));
  assert_false(has("0.0.0.0/0", "unix:/tmp/x"));
  assert_false(has("::/0", "unix:/tmp/x"));
}

static void anything_else_is_refused(void **state)
{
  static const char *const wrong[] = {"",
                                      "10.0.0.1/8",
                                      "10.0.0.0/33",
                                      "::1/129",
                                      "::1/64",
                                      "10.0.0.0/",
                                      "/8",
                                      "10.0.0.0/x",
                                      "10.0.0.0/+8",
                                      "10.0.0",
                                      "unix:/x",
                                      "unix",
                                      "[::1]",
                                      "10.0.0.0/0008",
                                      "localhost",
                                      " 10.0.0.0/8",
                                      "fe80::1%lo",
                                      "10.0.0.0/8 ",
                                      "1.2.3.4/32/32"};
  (void)state;
  lc_network one;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    if (lc_network_parse(wrong[i], strlen(wrong[i]), &one) != -EINVAL) fail_msg("%s", wrong[i]);
  assert_int_equal(lc_network_parse("10.0.0.0\0/8", 11, &one), -EINVAL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_network_has_the_addresses_that_begin_as_it_does),
    cmocka_unit_test(an_address_of_version_4_is_the_same_mapped_into_6),
    cmocka_unit_test(unix_stands_for_every_unix_domain_socket),
    cmocka_unit_test(anything_else_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
