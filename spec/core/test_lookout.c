/* test_lookout.c - one look at the handshakes under way for all listeners of a loop that settle. */
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "kernel/sock_diag.h"
#include "loop/loop.h"
#include "world.h"

enum { LISTENERS = 4 };

static faults bad;

/* Counts the questions to netlink: nothing else has no address and no peer here. */
static unsigned questions;
static ssize_t (*sendmsg_of)(const lc_sys *sys, int fd, const struct msghdr *message, int flags);

static ssize_t counting(const lc_sys *sys, int fd, const struct msghdr *message, int flags)
{
  int domain = 0;
  socklen_t length = sizeof domain;
  if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) && domain == AF_NETLINK) questions++;
  return sendmsg_of(sys, fd, message, flags);
}

static void serve(world *w, const lc_sys *sys)
{
  world_begin(w, sys);
  w->loop = lc_loop_new(sys, NULL);
  assert_non_null(w->loop);
  world_serve(w);
  for (int i = 1; i < LISTENERS; i++) {
    w->address = world_loopback();
    assert_int_equal(world_listen(w, NULL), 0);
  }
}

static void serve_badly(world *w)
{
  faults_init(&bad);
  sendmsg_of = bad.sys.sendmsg;
  bad.sys.sendmsg = counting;
  serve(w, &bad.sys);
}

static void stop_all(world *w)
{
  assert_int_equal(lc_server_unlisten(w->server, NULL), LISTENERS);
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
}

static void check_all(world *w, int is_lossless)
{
  for (unsigned i = 0; i < LISTENERS; i++) {
    lc_listener_report report;
    assert_int_equal(lc_server_listener_report(w->server, i, &report), 0);
    assert_int_equal(report.lossless, is_lossless);
    assert_int_equal(report.is_unknown, !is_lossless);
    assert_true(report.settled >= 100 * LC_MILLISECOND);
  }
}

static void one_question_counts_for_all(void **state)
{
  world w;
  (void)state;
  serve_badly(&w);
  if (world_hides(&w) && world_stops_lossless(&w)) {
    questions = 0;
    stop_all(&w);
    check_all(&w, 1);
    /* Two looks of one family. Where the machine is slow, the stops are those of several turns. */
    assert_in_range(questions, 2, 2 * LISTENERS - 1);
  }
  world_end(&w);
}

static void where_it_fails_none_is_known(void **state)
{
  world w;
  (void)state;
  serve_badly(&w);
  if (world_hides(&w)) {
    faults_fail(&bad, FAULT_SENDMSG, 1, 1000, -EPERM);
    stop_all(&w);
    check_all(&w, 0);
  }
  world_end(&w);
}

static int waits; /* for arrivals */
static int refused(const lc_sys *sys)
{
  (void)sys;
  waits++;
  return -ENOSYS;
}

static void a_kernel_that_cannot_wait_for_arrivals_is_looked_at_all_the_same(void **state)
{
  world w;
  (void)state;
  faults_init(&bad);
  bad.sys.wait_for_arrivals = refused;
  serve(&w, &bad.sys);
  if (world_hides(&w) && world_stops_lossless(&w)) {
    waits = 0;
    stop_all(&w);
    check_all(&w, 1);
    assert_true(waits >= 2); /* before each look */
  }
  world_end(&w);
}

static void a_thread_looks_and_the_loop_goes_on(void **state)
{
  world w;
  (void)state;
  serve(&w, lc_sys_linux());
  if (world_hides(&w) && world_stops_lossless(&w)) {
    stop_all(&w);
    check_all(&w, 1);
  }
  world_end(&w);
}

static int asked; /* by a thread */
static ssize_t slow_answer(const lc_sys *sys, int fd, void *buffer, size_t size, int flags)
{
  if (flags & MSG_TRUNC && __atomic_load_n(&asked, __ATOMIC_SEQ_CST) == 0) {
    __atomic_store_n(&asked, 1, __ATOMIC_SEQ_CST);
    usleep(50000);
  }
  return lc_sys_linux()->recv(sys, fd, buffer, size, flags);
}

/* The end of the loop waits for that of the look. */
static void the_loop_may_end_during_a_look(void **state)
{
  lc_sys sys;
  world w;
  (void)state;
  sys = *lc_sys_linux();
  __atomic_store_n(&asked, 1, __ATOMIC_SEQ_CST); /* not that of the features */
  sys.recv = slow_answer;
  serve(&w, &sys);
  if (world_hides(&w)) {
    __atomic_store_n(&asked, 0, __ATOMIC_SEQ_CST);
    assert_int_equal(lc_server_unlisten(w.server, NULL), LISTENERS);
    TURN_UNTIL(&w, __atomic_load_n(&asked, __ATOMIC_SEQ_CST));
  }
  lc_server_free(w.server);
  lc_loop_free(w.loop);
  assert_int_equal(sys.descriptors_open(&sys), w.descriptors); /* also the thread's */
}

static int listen_deferred(uint16_t *port, int family)
{
  struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family};
  socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof address;
  int seconds = 30, fd = socket(family, SOCK_STREAM, 0);
  assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
  assert_int_equal(listen(fd, 8), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
  *port = ntohs(address.sin6_port); /* at the same place in both */
  return fd;
}

static int connect_v4(uint16_t port)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

/* A silent client of a deferring listener stays half-open. */
static void each_port_of_each_family_has_its_own_count(void **state)
{
  const lc_sys *sys = lc_sys_linux();
  lc_half_open ports[4] = {{.family = AF_INET}, {.family = AF_INET}, {.family = AF_INET6}, {0}};
  int listeners[3], clients[3], diag = lc_sock_diag_open(sys);
  (void)state;
  listeners[0] = listen_deferred(&ports[0].port, AF_INET);
  listeners[1] = listen_deferred(&ports[1].port, AF_INET);
  listeners[2] = listen_deferred(&ports[2].port, AF_INET6);
  clients[0] = connect_v4(ports[0].port);
  clients[1] = connect_v4(ports[0].port);
  clients[2] = connect_v4(ports[2].port);
  ports[3] = (lc_half_open){.family = AF_INET, .port = ports[0].port, .age = 100 * LC_SECOND};
  int result = diag < 0 ? diag : lc_sock_diag_count(sys, diag, ports, 4);
  if (result == 0) {
    assert_int_equal(ports[0].count, 2);
    assert_int_equal(ports[1].count, 0);
    assert_int_equal(ports[2].count, 1);
    assert_int_equal(ports[3].count, 0); /* none is so old */
  } else {
    print_message("sock_diag is not to be had here (%s)\n", lc_code_name(result));
  }
  for (int i = 0; i < 3; i++) {
    close(clients[i]);
    close(listeners[i]);
  }
  if (diag >= 0) close(diag);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_question_counts_for_all),
    cmocka_unit_test(where_it_fails_none_is_known),
    cmocka_unit_test(a_kernel_that_cannot_wait_for_arrivals_is_looked_at_all_the_same),
    cmocka_unit_test(a_thread_looks_and_the_loop_goes_on),
    cmocka_unit_test(the_loop_may_end_during_a_look),
    cmocka_unit_test(each_port_of_each_family_has_its_own_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
