/* test_sock_diag.c - counts real half-open handshakes.
 *
 * A handshake is kept half-open in two ways. TCP_DEFER_ACCEPT on a listener
 * keeps silent clients in SYN_RECV and needs no privileges. And in a network
 * namespace of our own, a SYN is sent in the name of a host that is not there,
 * so that nobody ever answers the SYN-ACK; where that is not permitted the test
 * says so and is skipped. */
#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/sock_diag.h"

#define TIME_LIMIT 60 /* seconds for the whole file, then SIGALRM ends it */

static const lc_sys *sys;

/* ---------------------------------------------------------- a real kernel -- */

static void set_option(int fd, int level, int name, int value)
{
  assert_int_equal(sys->setsockopt(sys, fd, level, name, &value, sizeof value), 0);
}

/* Listens on every address of the family; clients stay half-open until they say something. */
static int listen_deferred(int family, uint16_t *port)
{
  lc_address address;
  int fd = sys->socket(sys, family, SOCK_STREAM, 0);

  assert_true(fd >= 0);
  memset(&address, 0, sizeof address);
  address.of.any.sa_family = (sa_family_t)family;
  address.length = family == AF_INET ? sizeof address.of.in : sizeof address.of.in6;
  if (family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 60);
  assert_int_equal(sys->bind(sys, fd, &address.of.any, address.length), 0);
  assert_int_equal(sys->listen(sys, fd, 1024), 0);
  assert_int_equal(sys->getsockname(sys, fd, &address.of.any, &address.length), 0);
  *port = ntohs(address.of.in.sin_port); /* in the same place in both */
  return fd;
}

static int connect_to(int family, uint16_t port)
{
  lc_address address;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0); /* blocking: connected when it returns */

  assert_true(fd >= 0);
  memset(&address, 0, sizeof address);
  if (family == AF_INET) {
    address.of.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof address.of.in;
  } else {
    address.of.in6.sin6_addr = in6addr_loopback;
    address.length = sizeof address.of.in6;
  }
  address.of.any.sa_family = (sa_family_t)family;
  address.of.in.sin_port = htons(port);
  assert_int_equal(connect(fd, &address.of.any, address.length), 0);
  return fd;
}

static int open_diag(void)
{
  int fd = lc_sock_diag_open(sys);
  int result = fd < 0 ? fd : lc_sock_diag_half_open(sys, fd, AF_INET, 1);

  if (result < 0) {
    if (fd >= 0) close(fd);
    print_message("sock_diag is not to be had here (%s)\n", lc_code_name(result));
    skip();
  }
  return fd;
}

static int half_open(int diag, int family, uint16_t port)
{
  int count = lc_sock_diag_half_open(sys, diag, family, port);

  assert_true(count >= 0);
  return count;
}

/* The count after at most five seconds in which it may become `expected`. */
static int half_open_soon(int diag, int family, uint16_t port, int expected)
{
  int count = -1;

  for (int i = 0; i < 500 && count != expected; i++) {
    if (i > 0) usleep(10000);
    count = half_open(diag, family, port);
  }
  return count;
}

static void half_open_handshakes_are_counted(void **state)
{
  int diag = open_diag(), clients[3];
  uint16_t port, other;
  int listener = listen_deferred(AF_INET, &port);
  int quiet = listen_deferred(AF_INET, &other);

  (void)state;
  assert_int_equal(half_open(diag, AF_INET, port), 0);
  for (int i = 0; i < 3; i++) {
    clients[i] = connect_to(AF_INET, port);
    assert_int_equal(half_open_soon(diag, AF_INET, port, i + 1), i + 1);
  }
  assert_int_equal(half_open(diag, AF_INET, other), 0); /* of this port alone */
  assert_int_equal(half_open(diag, AF_INET6, port), 0); /* of this family alone */

  for (int i = 0; i < 3; i++) { /* complete once they speak */
    assert_int_equal(write(clients[i], "x", 1), 1);
    assert_int_equal(half_open_soon(diag, AF_INET, port, 2 - i), 2 - i);
  }
  for (int i = 0; i < 3; i++) close(clients[i]);
  close(listener);
  close(quiet);
  close(diag);
}

static void a_dual_stack_listener_counts_both_families(void **state)
{
  int diag = open_diag(), four, six;
  uint16_t port;
  int listener = listen_deferred(AF_INET6, &port);

  (void)state;
  four = connect_to(AF_INET, port);
  assert_int_equal(half_open_soon(diag, AF_INET6, port, 1), 1);
  six = connect_to(AF_INET6, port);
  assert_int_equal(half_open_soon(diag, AF_INET6, port, 2), 2);
  close(four);
  close(six);
  close(listener);
  close(diag);
}

static void many_fill_several_messages(void **state)
{
  enum { MANY = 400 };
  int diag = open_diag(), clients[MANY];
  uint16_t port;
  int listener = listen_deferred(AF_INET, &port);

  (void)state;
  for (int i = 0; i < MANY; i++) clients[i] = connect_to(AF_INET, port);
  assert_int_equal(half_open_soon(diag, AF_INET, port, MANY), MANY);
  for (int i = 0; i < MANY; i++) close(clients[i]);
  close(listener);
  close(diag);
}

static void nothing_is_left_behind(void **state)
{
  int diag = open_diag();
  char byte;

  (void)state;
  assert_int_equal(half_open(diag, AF_INET, 1), 0);
  assert_int_equal(sys->recv(sys, diag, &byte, 1, 0), -EAGAIN);
  assert_int_equal(sys->close(sys, diag), 0);
}

static void odd_questions_are_refused(void **state)
{
  int diag = open_diag();

  (void)state;
  assert_true(lc_sock_diag_half_open(sys, diag, AF_UNIX, 80) <= 0); /* a count of 0 or a code */
  assert_int_equal(half_open(diag, AF_INET, 1), 0);                 /* and it works afterwards */
  close(diag);
  assert_int_equal(lc_sock_diag_half_open(sys, diag, AF_INET, 80), -EBADF);
}

/* ------------------------------------------------ a SYN that nobody follows -- */

#define ABSENT "192.0.2.7" /* reserved for documentation: nobody is there */
#define HERE "10.77.0.1"

static uint16_t checksum(const void *data, size_t size, uint32_t sum)
{
  const uint8_t *bytes = data;

  for (size_t i = 0; i + 1 < size; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return htons((uint16_t)~sum);
}

/* Brings lo up with a second address, and lets answers to the absent host go out by it. */
static int prepare_namespace(void)
{
  struct ifreq request;
  struct rtentry route;
  struct sockaddr_in address = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_DGRAM, 0), result;

  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
  result = ioctl(fd, SIOCSIFFLAGS, &request);
  strcpy(request.ifr_name, "lo:1");
  inet_pton(AF_INET, HERE, &address.sin_addr);
  memcpy(&request.ifr_addr, &address, sizeof address);
  if (result == 0) result = ioctl(fd, SIOCSIFADDR, &request);

  memset(&route, 0, sizeof route);
  inet_pton(AF_INET, ABSENT, &address.sin_addr);
  memcpy(&route.rt_dst, &address, sizeof address);
  inet_pton(AF_INET, "255.255.255.255", &address.sin_addr);
  memcpy(&route.rt_genmask, &address, sizeof address);
  route.rt_flags = RTF_UP | RTF_HOST;
  route.rt_dev = request.ifr_name;
  strcpy(request.ifr_name, "lo");
  if (result == 0) result = ioctl(fd, SIOCADDRT, &route);
  close(fd);
  return result;
}

static ssize_t send_syn(int raw, uint16_t from, uint16_t port)
{
  struct {
    struct iphdr ip;
    struct tcphdr tcp;
  } packet;
  struct sockaddr_in to = {.sin_family = AF_INET};

  memset(&packet, 0, sizeof packet);
  packet.ip.version = 4;
  packet.ip.ihl = 5;
  packet.ip.ttl = 64;
  packet.ip.protocol = IPPROTO_TCP;
  packet.ip.tot_len = htons(sizeof packet);
  inet_pton(AF_INET, ABSENT, &packet.ip.saddr);
  inet_pton(AF_INET, HERE, &packet.ip.daddr);
  packet.tcp.source = htons(from);
  packet.tcp.dest = htons(port);
  packet.tcp.seq = htonl(1000);
  packet.tcp.doff = 5;
  packet.tcp.syn = 1;
  packet.tcp.window = htons(1024);
  /* Over the pseudo header as well: both addresses, the protocol, the length. */
  packet.tcp.check =
    checksum(&packet.ip.saddr, 8 + sizeof packet.tcp, IPPROTO_TCP + sizeof packet.tcp);
  to.sin_addr.s_addr = packet.ip.daddr;
  return sendto(raw, &packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to);
}

/* In a process of its own, for a namespace cannot be left again. The number
 * counted, from 1; or what was not permitted, from NOT_PERMITTED. */
enum { SYNS = 5, NO_NAMESPACE = 100, NO_ROUTE, NO_RAW, NO_DIAG };

static int count_absent(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  int raw, diag, listener, count = 0;

  if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) return NO_NAMESPACE;
  if (prepare_namespace() < 0) return NO_ROUTE;
  raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  if (raw < 0) return NO_RAW;
  diag = lc_sock_diag_open(sys);
  if (diag < 0) return NO_DIAG;
  listener = sys->socket(sys, AF_INET, SOCK_STREAM, 0);
  sys->bind(sys, listener, (struct sockaddr *)&address, sizeof address);
  sys->listen(sys, listener, 64);
  sys->getsockname(sys, listener, (struct sockaddr *)&address, &length);
  for (int i = 0; i < SYNS; i++) send_syn(raw, (uint16_t)(2000 + i), ntohs(address.sin_port));
  for (int i = 0; i < 200 && count < SYNS; i++) {
    count = lc_sock_diag_half_open(sys, diag, AF_INET, ntohs(address.sin_port));
    usleep(10000);
  }
  close(raw);
  close(diag);
  close(listener);
  return count;
}

static void handshakes_that_nobody_completes_are_counted(void **state)
{
  static const char *const reasons[] = {"a network namespace", "a route on lo", "a raw socket",
                                        "sock_diag"};
  pid_t child = fork();
  int status = 0, count;

  (void)state;
  assert_true(child >= 0);
  if (child == 0) {
    alarm(TIME_LIMIT / 2);
    _exit(count_absent() & 0xff);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  count = WEXITSTATUS(status);
  if (count >= NO_NAMESPACE && count <= NO_DIAG) {
    print_message("%s is not permitted here\n", reasons[count - NO_NAMESPACE]);
    skip();
  }
  assert_int_equal(count, SYNS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(half_open_handshakes_are_counted),
    cmocka_unit_test(a_dual_stack_listener_counts_both_families),
    cmocka_unit_test(many_fill_several_messages),
    cmocka_unit_test(nothing_is_left_behind),
    cmocka_unit_test(odd_questions_are_refused),
    cmocka_unit_test(handshakes_that_nobody_completes_are_counted),
  };

  alarm(TIME_LIMIT);
  sys = lc_sys_linux();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
