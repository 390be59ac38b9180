/* test_sim_kernel.c - the simulated kernel by itself: its clock, its network, and that a seed says
 * it all. */
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel.h"
#include "truth.h"

typedef struct pair {
  sim_kernel *kernel;
  sim_process *here, *there;
  const lc_sys *server, *client;
  int listener, far, near; /* descriptors */
} pair;

static struct sockaddr_in loopback(void)
{
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void begin(pair *p, lc_time delay)
{
  struct sockaddr_in address = loopback();
  socklen_t length = sizeof address;
  *p = (pair){.kernel = sim_kernel_new(7)};
  p->here = sim_process_new(p->kernel, 1);
  p->there = sim_process_new(p->kernel, 2);
  p->server = sim_process_sys(p->here);
  p->client = sim_process_sys(p->there);
  sim_kernel_network(p->kernel)->delay = delay;
  p->listener = p->server->socket(p->server, AF_INET, SOCK_STREAM, 0);
  assert_int_equal(p->server->bind(p->server, p->listener, (void *)&address, length), 0);
  assert_int_equal(p->server->listen(p->server, p->listener, 16), 0);
  assert_int_equal(p->server->getsockname(p->server, p->listener, (void *)&address, &length), 0);
  p->far = p->client->socket(p->client, AF_INET, SOCK_STREAM, 0);
  assert_int_equal(p->client->connect(p->client, p->far, (void *)&address, length), -EINPROGRESS);
}

static void connect_both(pair *p, lc_time delay)
{
  begin(p, delay);
  sim_run(p->kernel, sim_now(p->kernel) + 4 * delay);
  p->near = p->server->accept(p->server, p->listener, NULL, NULL);
  assert_true(p->near > p->listener);
}

static void end(pair *p) { sim_kernel_free(p->kernel); }

static ssize_t say(const lc_sys *sys, int fd, const char *text, size_t length)
{
  struct iovec piece = {(void *)(uintptr_t)text, length};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  return sys->sendmsg(sys, fd, &message, 0);
}

static void a_handshake_takes_a_round_trip_and_a_half(void **state)
{
  pair p;
  (void)state;
  begin(&p, 10 * LC_MILLISECOND);
  lc_time start = sim_now(p.kernel);
  struct pollfd one = {p.listener, POLLIN, 0};
  assert_int_equal(p.server->poll(p.server, &one, 1, LC_SECOND), 1);
  assert_int_equal(sim_now(p.kernel) - start, 30 * LC_MILLISECOND);
  end(&p);
}

static void bytes_arrive_after_the_delay_and_in_order(void **state)
{
  pair p;
  char text[16];
  (void)state;
  connect_both(&p, 5 * LC_MILLISECOND);
  assert_int_equal(say(p.client, p.far, "one ", 4), 4);
  assert_int_equal(say(p.client, p.far, "two", 3), 3);
  assert_int_equal(p.server->recv(p.server, p.near, text, sizeof text, 0), -EAGAIN);
  sim_run(p.kernel, sim_now(p.kernel) + 5 * LC_MILLISECOND);
  assert_int_equal(p.server->unread(p.server, p.near), 7);
  assert_int_equal(p.server->recv(p.server, p.near, text, sizeof text, 0), 7);
  assert_memory_equal(text, "one two", 7);
  end(&p);
}

static void what_is_lost_is_sent_again(void **state)
{
  enum { SIZE = 30000 };
  static char sent[SIZE], got[SIZE];
  pair p;
  size_t have = 0;
  (void)state;
  connect_both(&p, LC_MILLISECOND);
  sim_network *network = sim_kernel_network(p.kernel);
  network->loss = 200;
  network->jitter = 3 * LC_MILLISECOND;
  for (int i = 0; i < SIZE; i++) sent[i] = (char)(i * 7 + i / 256);
  assert_int_equal(say(p.client, p.far, sent, SIZE), SIZE);
  assert_int_equal(p.client->shutdown(p.client, p.far, SHUT_WR), 0);
  for (;;) {
    struct pollfd one = {p.near, POLLIN, 0};
    assert_int_equal(p.server->poll(p.server, &one, 1, 600 * LC_SECOND), 1);
    ssize_t size = p.server->recv(p.server, p.near, got + have, SIZE - have, 0);
    if (have == SIZE) break;
    assert_true(size > 0);
    have += (size_t)size;
  }
  assert_memory_equal(got, sent, SIZE);
  end(&p);
}

static void a_hidden_listener_refuses_and_keeps_who_was_under_way(void **state)
{
  pair p;
  int device = 0x7fffffff, error = 0;
  socklen_t length = sizeof error;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  (void)state;
  begin(&p, 10 * LC_MILLISECOND);
  sim_run(p.kernel, sim_now(p.kernel) + 15 * LC_MILLISECOND); /* the SYN is here, the ACK is not */
  sim_truth truth;
  sim_truth_of(p.here, p.listener, &truth);
  assert_int_equal(truth.half_open, 1);
  assert_int_equal(
    p.server->setsockopt(p.server, p.listener, SOL_SOCKET, 62, &device, sizeof device), 0);
  p.server->getsockname(p.server, p.listener, (void *)&address, &size);
  int late = p.client->socket(p.client, AF_INET, SOCK_STREAM, 0);
  p.client->connect(p.client, late, (void *)&address, size);
  sim_run(p.kernel, sim_now(p.kernel) + 40 * LC_MILLISECOND);
  assert_true(p.server->accept(p.server, p.listener, NULL, NULL) > 0);
  p.client->getsockopt(p.client, late, SOL_SOCKET, SO_ERROR, &error, &length);
  assert_int_equal(error, ECONNREFUSED);
  end(&p);
}

static void the_fin_is_counted_until_it_is_acknowledged(void **state)
{
  pair p;
  (void)state;
  connect_both(&p, 10 * LC_MILLISECOND);
  assert_int_equal(say(p.server, p.near, "bye", 3), 3);
  assert_int_equal(p.server->shutdown(p.server, p.near, SHUT_WR), 0);
  assert_int_equal(p.server->unacked(p.server, p.near), 4);
  sim_run(p.kernel, sim_now(p.kernel) + 25 * LC_MILLISECOND);
  assert_int_equal(p.server->unacked(p.server, p.near), 0);
  end(&p);
}

static void a_peer_that_vanished_is_given_up_after_the_user_timeout(void **state)
{
  pair p;
  int timeout = 5000, error = 0;
  socklen_t length = sizeof error;
  (void)state;
  connect_both(&p, LC_MILLISECOND);
  p.server->setsockopt(p.server, p.near, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
  sim_process_vanish(p.there);
  lc_time start = sim_now(p.kernel);
  assert_int_equal(say(p.server, p.near, "hello?", 6), 6);
  struct pollfd one = {p.near, POLLIN, 0};
  assert_int_equal(p.server->poll(p.server, &one, 1, 100 * LC_SECOND), 1);
  p.server->getsockopt(p.server, p.near, SOL_SOCKET, SO_ERROR, &error, &length);
  assert_int_equal(error, ETIMEDOUT);
  assert_int_equal(sim_now(p.kernel) - start, 5 * LC_SECOND);
  end(&p);
}

static void closing_with_bytes_unread_resets_the_peer(void **state)
{
  pair p;
  char byte;
  (void)state;
  connect_both(&p, LC_MILLISECOND);
  say(p.client, p.far, "unread", 6);
  sim_run(p.kernel, sim_now(p.kernel) + 2 * LC_MILLISECOND);
  p.server->close(p.server, p.near);
  sim_run(p.kernel, sim_now(p.kernel) + 2 * LC_MILLISECOND);
  assert_int_equal(p.client->recv(p.client, p.far, &byte, 1, 0), -ECONNRESET);
  assert_int_equal(p.client->recv(p.client, p.far, &byte, 1, 0), 0);
  end(&p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_handshake_takes_a_round_trip_and_a_half),
    cmocka_unit_test(bytes_arrive_after_the_delay_and_in_order),
    cmocka_unit_test(what_is_lost_is_sent_again),
    cmocka_unit_test(a_hidden_listener_refuses_and_keeps_who_was_under_way),
    cmocka_unit_test(the_fin_is_counted_until_it_is_acknowledged),
    cmocka_unit_test(a_peer_that_vanished_is_given_up_after_the_user_timeout),
    cmocka_unit_test(closing_with_bytes_unread_resets_the_peer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
