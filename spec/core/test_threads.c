/* test_threads.c - several loops in one process, one to a thread, know nothing of each other. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "world.h"

enum { THREADS = 3, ROUNDS = 20 };

/* No assertion of cmocka's off its own thread: what went wrong is counted and told there. */
typedef struct party {
  pthread_t thread;
  lc_loop *loop;
  lc_server *server;
  lc_address address;
  int opened, closed, answers, looked_up;
  int wrong;
} party;

static void expect(party *one, int holds)
{
  if (!holds) one->wrong++;
}

static void echo(lc_conn *conn)
{
  lc_slice slice;
  int result;
  while ((result = lc_conn_read_some(conn, 4096, &slice)) == 0) {
    struct iovec piece = {(void *)(uintptr_t)slice.data, slice.length};
    (void)lc_conn_write(conn, &piece, 1);
  }
  if (result == LC_AGAIN) lc_conn_wait(conn, LC_WAIT_READ, LC_NEVER);
  else lc_conn_finish(conn, "peer finished");
}

static void on_opened(lc_conn *conn, void *user)
{
  ((party *)user)->opened++;
  echo(conn);
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)user;
  if (what & LC_READABLE) echo(conn);
}

static void on_closed(lc_conn *conn, void *user)
{
  (void)conn;
  ((party *)user)->closed++;
}

static void on_answered(lc_query *query)
{
  party *one = query->user;
  expect(one, query->result > 0);
  one->looked_up++;
}

static const lc_events EVENTS = {.opened = on_opened, .ready = on_ready, .closed = on_closed};

/* A client's round by plain sockets, the loop turning meanwhile. */
static void converse(party *one)
{
  char heard[8] = "";
  size_t held = 0;
  int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  lc_time until = lc_loop_clock(one->loop) + world_seconds(10);
  expect(one, connect(peer, &one->address.of.any, one->address.length) == 0);
  expect(one, send(peer, "hello", 5, MSG_NOSIGNAL) == 5);
  while (held < 5 && lc_loop_clock(one->loop) < until) {
    expect(one, lc_loop_turn(one->loop, LC_MILLISECOND) == 0);
    held += peer_take(peer, heard + held, 5 - held);
  }
  if (!strcmp(heard, "hello")) one->answers++;
  close(peer);
}

static void *live(void *argument)
{
  party *one = argument;
  int error = 0;
  lc_query query = {.host = "127.0.0.1", .port = 1, .answered = on_answered, .user = one};
  one->address = world_loopback();
  one->loop = lc_loop_new(NULL, &error);
  one->server = lc_server_new(one->loop, NULL, &EVENTS, one, &error);
  expect(one, lc_server_listen(one->server, &one->address, NULL) == 0);
  expect(one, lc_server_address(one->server, 0, &one->address) == 0);
  expect(one, lc_resolve(one->loop, &query) == 0);
  for (int i = 0; i < ROUNDS; i++) converse(one);
  lc_server_shutdown(one->server, lc_loop_clock(one->loop) + world_seconds(10));
  while (lc_server_step(one->server) != LC_STEP_DONE || !one->looked_up)
    expect(one, lc_loop_turn(one->loop, LC_SECOND) == 0);
  lc_loop_free(one->loop); /* and the server with it */
  return NULL;
}

static void loops_on_several_threads_serve_side_by_side(void **state)
{
  static party all[THREADS];
  const lc_sys *sys = lc_sys_linux();
  int before = sys->descriptors_open(sys);
  (void)state;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&all[i].thread, NULL, live, &all[i]), 0);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    assert_int_equal(all[i].wrong, 0);
    assert_int_equal(all[i].answers, ROUNDS);
    assert_int_equal(all[i].opened, ROUNDS);
    assert_int_equal(all[i].closed, ROUNDS);
    assert_int_equal(all[i].looked_up, 1);
  }
  assert_int_equal(sys->descriptors_open(sys), before);
}

static atomic_int is_over;

static void *wake_on_and_on(void *loop)
{
  while (!atomic_load(&is_over)) lc_loop_wake(loop);
  return NULL;
}

static void wakes_from_other_threads_disturb_nothing(void **state)
{
  world *w = *state;
  pthread_t threads[THREADS];
  char text[8];
  int peer;
  atomic_store(&is_over, 0);
  world_serve(w);
  seen *one = world_accept(w, &peer);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, wake_on_and_on, w->loop), 0);
  for (int i = 0; i < 200; i++) {
    peer_say(peer, "x");
    assert_string_equal(world_read(one, text, sizeof text), "x");
  }
  atomic_store(&is_over, 1);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  peer_close(peer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(loops_on_several_threads_serve_side_by_side),
    WORLD_TEST(wakes_from_other_threads_disturb_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
