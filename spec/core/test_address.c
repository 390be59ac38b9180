/* test_address.c - what can be written as an address, what is told about the rest, and the way
 * back. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* Parses a copy that ends with the last byte, so that a sanitizer sees any read beyond it. */
static int parse_bytes(const char *text, size_t length, lc_endpoint *endpoint, const char **problem)
{
  char *copy = malloc(length > 0 ? length : 1);
  int result;

  assert_non_null(copy);
  memcpy(copy, text, length);
  result = lc_endpoint_parse(copy, length, endpoint, problem);
  free(copy);
  return result;
}

static lc_endpoint parse(const char *text)
{
  lc_endpoint endpoint;
  const char *problem = "not set";

  assert_int_equal(parse_bytes(text, strlen(text), &endpoint, &problem), 0);
  assert_null(problem);
  return endpoint;
}

/* The text is refused, and what is said about it mentions `word`. */
static void check_refused(const char *text, size_t length, const char *word)
{
  lc_endpoint endpoint;
  const char *problem = NULL;

  assert_int_equal(parse_bytes(text, length, &endpoint, &problem), -EINVAL);
  assert_non_null(problem);
  if (strstr(problem, word) == NULL) fail_msg("\"%s\": \"%s\" says no \"%s\"", text, problem, word);
}

static void refused(const char *text, const char *word) { check_refused(text, strlen(text), word); }

static void check_host_and_port(const char *text, const char *host, unsigned port)
{
  lc_endpoint endpoint = parse(text);

  assert_false(endpoint.is_unix);
  assert_string_equal(endpoint.host, host);
  assert_int_equal(endpoint.port, port);
}

static void hosts_and_ports_are_taken_apart(void **state)
{
  (void)state;
  check_host_and_port("127.0.0.1:80", "127.0.0.1", 80);
  check_host_and_port("localhost:65535", "localhost", 65535);
  check_host_and_port("a-b.example_1.org.:1", "a-b.example_1.org.", 1);
  check_host_and_port("localhost:0", "localhost", 0);
  check_host_and_port("localhost:0080", "localhost", 80);
  check_host_and_port(":8080", "", 8080);
  check_host_and_port("*:8080", "", 8080);
  check_host_and_port("[::1]:80", "::1", 80);
  check_host_and_port("[::]:0", "::", 0);
  check_host_and_port("[fe80::1%eth0]:80", "fe80::1%eth0", 80);
  check_host_and_port("[::ffff:10.0.0.1]:443", "::ffff:10.0.0.1", 443);
  check_host_and_port("unix.example.org:80", "unix.example.org", 80);
}

static void paths_are_taken_apart(void **state)
{
  lc_endpoint endpoint = parse("unix:/run/x.sock");

  (void)state;
  assert_true(endpoint.is_unix);
  assert_string_equal(endpoint.path, "/run/x.sock");
  assert_int_equal(endpoint.path_length, 11);

  endpoint = parse("unix:relative:80"); /* colons mean nothing in a path */
  assert_string_equal(endpoint.path, "relative:80");

  endpoint = parse("unix:@name");
  assert_true(endpoint.is_unix);
  assert_int_equal(endpoint.path_length, 5);
  assert_memory_equal(endpoint.path, "\0name", 5);
}

static void the_longest_path_fits(void **state)
{
  char text[5 + 200];
  lc_endpoint endpoint;

  (void)state;
  memset(text, 'x', sizeof text);
  memcpy(text, "unix:", 5);
  text[5 + 107] = 0;
  endpoint = parse(text);
  assert_int_equal(endpoint.path_length, 107);
  assert_int_equal(endpoint.path[107], 0);

  text[5 + 107] = 'x';
  check_refused(text, 5 + 108, "too long");
  check_refused(text, sizeof text, "107");

  text[5] = '@'; /* an abstract name needs no end */
  text[5 + 108] = 0;
  endpoint = parse(text);
  assert_int_equal(endpoint.path_length, 108);
  text[5 + 108] = 'x';
  check_refused(text, 5 + 109, "too long");
}

static void the_longest_host_fits(void **state)
{
  char text[LC_HOST_MAX + 5];
  lc_endpoint endpoint;

  (void)state;
  memset(text, 'h', sizeof text);
  memcpy(text + LC_HOST_MAX, ":80", 4);
  endpoint = parse(text);
  assert_int_equal(strlen(endpoint.host), LC_HOST_MAX);
  memcpy(text + LC_HOST_MAX, "h:80", 5);
  refused(text, "255");
}

static void what_is_wrong_is_said(void **state)
{
  (void)state;
  refused("", "empty");
  check_refused("local\0host:80", 13, "zero byte");
  check_refused("unix:/x\0y", 9, "zero byte");
  refused("localhost", "no port");
  refused("80", "no port");
  refused("localhost:", "port");
  refused(":", "port");
  refused("localhost:http", "digits");
  refused("localhost:-1", "digits");
  refused("localhost:+1", "digits");
  refused("localhost: 80", "digits");
  refused("localhost:80 ", "digits");
  refused("localhost:80/", "digits");
  refused("localhost:65536", "65535");
  refused("localhost:99999999999999999999999999", "65535");
  refused("::1", "brackets");
  refused("::1:80", "brackets");
  refused("fe80::1%eth0:80", "brackets");
  refused("http://localhost:80", "URL");
  refused("/run/x.sock", "unix:");
  refused("local host:80", "space");
  refused("localhost\n:80", "control");
  refused("*.example.org:80", "star");
  refused("host[1]:80", "brackets");
  refused("unix:", "empty");
  refused("unix:@", "empty");
}

static void what_is_wrong_with_brackets_is_said(void **state)
{
  (void)state;
  refused("[", "not closed");
  refused("[::1", "not closed");
  refused("[::1]", "no port");
  refused("[::1]80", "no port");
  refused("[::1]:", "port");
  refused("[::1]:x", "digits");
  refused("[]:80", "IPv6");
  refused("[127.0.0.1]:80", "IPv6");
  refused("[localhost]:80", "IPv6");
  refused("[::1%]:80", "IPv6");
  refused("[%1]:80", "IPv6");
  refused("[1:2:3:4:5:6:7:8:9]:80", "IPv6");
  refused("[0000000000000000000000000000000000000000000000000001::]:80", "IPv6");
}

static void any_bytes_can_be_parsed(void **state)
{
  static const char letters[] = "[]:%*@./ux1fni\0-";
  uint32_t random = 12345;

  (void)state;
  for (int round = 0; round < 200000; round++) {
    char text[24] = {0};
    size_t length;
    lc_endpoint endpoint;
    const char *problem = NULL;
    int result;

    random = random * 1664525u + 1013904223u;
    length = (random >> 16) % sizeof text;
    for (size_t i = 0; i < length; i++) {
      random = random * 1664525u + 1013904223u;
      text[i] = letters[(random >> 16) % (sizeof letters - 1)];
    }
    if (length > 5 && random % 4 == 0) memcpy(text, "unix:", 5);
    result = parse_bytes(text, length, &endpoint, &problem);
    assert_true(result == 0 ? problem == NULL : result == -EINVAL && problem != NULL);
  }
}

/* ------------------------------------------------------- addresses and back -- */

static lc_address address_of(const char *text)
{
  lc_endpoint endpoint = parse(text);
  lc_address address;

  memset(&address, 0xa5, sizeof address);
  assert_int_equal(lc_endpoint_address(&endpoint, &address), 0);
  return address;
}

static void check_text(const lc_address *address, const char *expected)
{
  char text[LC_ADDRESS_TEXT_MAX];

  assert_ptr_equal(lc_address_format(address, text, sizeof text), text);
  assert_string_equal(text, expected);
}

static void there_and_back(const char *text, const char *back)
{
  lc_address address = address_of(text);

  check_text(&address, back);
}

static void addresses_survive_the_way_there_and_back(void **state)
{
  (void)state;
  there_and_back("127.0.0.1:80", "127.0.0.1:80");
  there_and_back("255.255.255.255:65535", "255.255.255.255:65535");
  there_and_back("[::1]:80", "[::1]:80");
  there_and_back("[2001:DB8:0::1]:1", "[2001:db8::1]:1");
  there_and_back("[fe80::1%3]:80", "[fe80::1%3]:80");
  there_and_back("[fe80::1%4294967295]:80", "[fe80::1%4294967295]:80");
  there_and_back(":80", "[::]:80");
  there_and_back("*:0", "[::]:0");
  there_and_back("unix:/run/x.sock", "unix:/run/x.sock");
  there_and_back("unix:@name", "unix:@name");
  there_and_back("[::ffff:10.0.0.1]:443", "10.0.0.1:443"); /* mapped */
}

static void lengths_are_those_the_kernel_wants(void **state)
{
  lc_address address = address_of("unix:/run/x.sock");

  (void)state;
  assert_int_equal(address.length, PATH_OFFSET + 11 + 1); /* with the zero byte */
  address = address_of("unix:@name");
  assert_int_equal(address.length, PATH_OFFSET + 5);
  address = address_of("127.0.0.1:80");
  assert_int_equal(address.length, sizeof(struct sockaddr_in));
  assert_int_equal(address.of.in.sin_port, htons(80));
  address = address_of(":80");
  assert_int_equal(address.length, sizeof(struct sockaddr_in6));
  assert_memory_equal(&address.of.in6.sin6_addr, &in6addr_any, sizeof in6addr_any);
}

static void names_have_to_be_looked_up(void **state)
{
  static const char *const names[] = {"localhost:80", "127.1:80", "[fe80::1%eth0]:80",
                                      "[fe80::1%4294967296]:80", "1.2.3.4.5:80"};

  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lc_endpoint endpoint = parse(names[i]);
    lc_address address;

    assert_int_equal(lc_endpoint_address(&endpoint, &address), -EINVAL);
  }
}

/* inet_pton may have written half of one. */
static void half_an_address_leaves_nothing_behind(void **state)
{
  static const char *const names[] = {"1.2.3.x:80", "255.255.255.256:80", "1.2.3.4.5:80",
                                      "1.2.3:80", "[fe80::1%eth0]:80"};
  static const lc_address nothing;

  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lc_endpoint endpoint = parse(names[i]);
    lc_address address;

    memset(&address, 0xa5, sizeof address);
    assert_int_equal(lc_endpoint_address(&endpoint, &address), -EINVAL);
    assert_memory_equal(&address, &nothing, sizeof address);
  }
}

static void odd_addresses_are_shown(void **state)
{
  lc_address address;
  char expected[LC_ADDRESS_TEXT_MAX];

  (void)state;
  memset(&address, 0, sizeof address);
  check_text(&address, "unknown");
  address.length = sizeof address.of.any;
  address.of.any.sa_family = AF_APPLETALK;
  check_text(&address, "unknown");

  address.of.un.sun_family = AF_UNIX;
  address.length = PATH_OFFSET;
  check_text(&address, "unix:"); /* unnamed */
  memcpy(address.of.un.sun_path, "\0a\0b", 4);
  address.length = PATH_OFFSET + 4;
  check_text(&address, "unix:@a@b");

  memset(address.of.un.sun_path, 'p', sizeof address.of.un.sun_path); /* without an end */
  address.length = sizeof address.of.un + 1;
  memset(expected, 0, sizeof expected);
  memcpy(expected, "unix:", 5);
  memset(expected + 5, 'p', 108);
  check_text(&address, expected);
}

static void check_parts(const char *text, const char *family, const char *host, unsigned port)
{
  lc_address address = address_of(text);
  char got[LC_HOST_MAX + 1];
  uint16_t got_port = 1;

  assert_string_equal(lc_address_parts(&address, got, &got_port), family);
  assert_string_equal(got, host);
  assert_int_equal(got_port, port);
}

static void parts_are_given(void **state)
{
  (void)state;
  check_parts("10.1.2.3:80", "inet", "10.1.2.3", 80);
  check_parts("[2001:db8::1]:443", "inet6", "2001:db8::1", 443);
  check_parts("[fe80::1%7]:443", "inet6", "fe80::1%7", 443);
  check_parts("[::ffff:10.0.0.1]:443", "inet", "10.0.0.1", 443);
  check_parts("unix:/run/x.sock", "unix", "/run/x.sock", 0);
  check_parts("unix:@name", "unix", "@name", 0);
}

static void peers_are_packed_and_unpacked(void **state)
{
  static const char *const texts[] = {"10.1.2.3:80", "[2001:db8::1]:443", "[fe80::1%7]:65535",
                                      "[::]:0"};
  lc_address address, back;
  lc_peer peer;

  (void)state;
  assert_int_equal(sizeof peer, 24);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    address = address_of(texts[i]);
    lc_peer_pack(&peer, &address);
    memset(&back, 0xa5, sizeof back);
    lc_peer_unpack(&peer, &back);
    assert_int_equal(back.length, address.length);
    assert_memory_equal(&back.of, &address.of, address.length);
    check_text(&back, texts[i]);
  }

  address = address_of("[::ffff:10.0.0.1]:443"); /* stays as the kernel gave it */
  lc_peer_pack(&peer, &address);
  lc_peer_unpack(&peer, &back);
  assert_int_equal(back.of.any.sa_family, AF_INET6);
  check_text(&back, "10.0.0.1:443");

  address = address_of("unix:/run/x.sock");
  lc_peer_pack(&peer, &address);
  lc_peer_unpack(&peer, &back);
  check_text(&back, "unix:");

  memset(&address, 0, sizeof address);
  lc_peer_pack(&peer, &address);
  lc_peer_unpack(&peer, &back);
  check_text(&back, "unknown");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hosts_and_ports_are_taken_apart),
    cmocka_unit_test(paths_are_taken_apart),
    cmocka_unit_test(the_longest_path_fits),
    cmocka_unit_test(the_longest_host_fits),
    cmocka_unit_test(what_is_wrong_is_said),
    cmocka_unit_test(what_is_wrong_with_brackets_is_said),
    cmocka_unit_test(any_bytes_can_be_parsed),
    cmocka_unit_test(addresses_survive_the_way_there_and_back),
    cmocka_unit_test(lengths_are_those_the_kernel_wants),
    cmocka_unit_test(names_have_to_be_looked_up),
    cmocka_unit_test(half_an_address_leaves_nothing_behind),
    cmocka_unit_test(odd_addresses_are_shown),
    cmocka_unit_test(parts_are_given),
    cmocka_unit_test(peers_are_packed_and_unpacked),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
