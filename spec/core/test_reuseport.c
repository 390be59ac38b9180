/* test_reuseport.c - who gets the clients of a SO_REUSEPORT group, steered and not. */
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/reuseport.h"
#include "server/server.h"
#include "world.h"

enum { MEMBERS = 3, CLIENTS = 90 };

static int join(lc_address *address)
{
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  address->length = sizeof address->of.in;
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  assert_int_equal(bind(fd, &address->of.any, address->length), 0);
  assert_int_equal(listen(fd, CLIENTS), 0);
  assert_int_equal(getsockname(fd, &address->of.any, &address->length), 0);
  return fd;
}

/* How many of CLIENTS each of the members gets. */
static void deal(const lc_address *address, const int *members, int *got)
{
  for (int i = 0; i < CLIENTS; i++) peer_close(peer_connect(address));
  for (int i = 0; i < MEMBERS; i++) {
    got[i] = 0;
    for (int fd; members[i] >= 0 && (fd = accept(members[i], NULL, NULL)) >= 0; got[i]++) close(fd);
  }
  assert_int_equal(got[0] + got[1] + got[2], CLIENTS);
}

static void steered_clients_go_to_all_the_others(void **state)
{
  const lc_sys *sys = lc_sys_linux();
  lc_address address = world_loopback();
  int members[MEMBERS], got[MEMBERS];
  (void)state;
  if (!world_steers()) skip();
  for (int i = 0; i < MEMBERS; i++) members[i] = join(&address);
  for (int place = 0; place < MEMBERS; place++) {
    assert_int_equal(lc_reuseport_steer(sys, members[place], place, MEMBERS), 0);
    deal(&address, members, got);
    for (int i = 0; i < MEMBERS; i++) assert_true(i == place ? got[i] == 0 : got[i] > 0);
  }
  assert_int_equal(lc_reuseport_release(sys, members[0]), 0); /* any member may */
  assert_int_equal(lc_reuseport_release(sys, members[1]), 0); /* also when there is none */
  deal(&address, members, got);
  for (int i = 0; i < MEMBERS; i++) assert_true(got[i] > 0);
  for (int i = 0; i < MEMBERS; i++) close(members[i]);
}

/* What lc_reuseport_release is for. */
static void a_program_outlives_its_author_and_the_last_moves_to_the_place_that_is_free(void **state)
{
  const lc_sys *sys = lc_sys_linux();
  lc_address address = world_loopback();
  int members[MEMBERS], got[MEMBERS];
  (void)state;
  if (!world_steers()) skip();
  for (int i = 0; i < MEMBERS; i++) members[i] = join(&address);
  assert_int_equal(lc_reuseport_steer(sys, members[0], 0, MEMBERS), 0);
  close(members[0]);
  members[0] = join(&address); /* at the end: the last one is at place 0 now */
  deal(&address, members, got);
  assert_true(got[0] > 0 && got[1] > 0 && got[2] == 0);
  assert_int_equal(lc_reuseport_release(sys, members[2]), 0);
  deal(&address, members, got);
  assert_true(got[2] > 0);
  for (int i = 0; i < MEMBERS; i++) close(members[i]);
}

static void places_that_cannot_be_are_refused(void **state)
{
  const lc_sys *sys = lc_sys_linux();
  lc_address address = world_loopback();
  int fd = join(&address), alone = socket(AF_INET, SOCK_STREAM, 0);
  (void)state;
  assert_int_equal(lc_reuseport_steer(sys, fd, 0, 1), -EINVAL);
  assert_int_equal(lc_reuseport_steer(sys, fd, 2, 2), -EINVAL);
  assert_int_equal(lc_reuseport_steer(sys, fd, -1, 2), -EINVAL);
  assert_true(lc_reuseport_release(sys, alone) < 0); /* in no group */
  close(alone);
  close(fd);
}

/* A member stops: no client is refused or late, whatever handshakes the others have, and the group
 * is left without a program. */
static void a_listener_that_stops_sends_its_clients_to_the_others_and_cleans_up(void **state)
{
  world *w = *state;
  lc_listen_options options;
  lc_listener_report report;
  int others[MEMBERS] = {-1, -1, -1}, got[MEMBERS];
  lc_listen_options_init(&options);
  options.reuseport = 1;
  options.reuseport_of = 2;
  w->address = world_loopback();
  assert_int_equal(world_new_server(w, 0), 0);
  if (!world_hides(w) || !world_steers()) skip();
  assert_int_equal(world_listen(w, &options), 0);
  others[0] = join(&w->address);
  int before = w->count;
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  world_turn(w);
  deal(&w->address, others, got); /* while it settles */
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
  assert_int_equal(w->count, before);
  assert_int_equal(lc_server_listener_report(w->server, 0, &report), 0);
  assert_string_equal(report.method, "steer");
  assert_int_equal(report.lossless, world_stops_lossless(w));
  assert_string_equal(w->notices, report.lossless ? "" : " stop unseen");
  others[1] = join(&w->address);
  deal(&w->address, others, got);
  assert_true(got[0] > 0 && got[1] > 0);
  close(others[0]);
  close(others[1]);
}

/* The kernel deals clients to the last of a group, whatever the program says. */
static void a_listener_that_cannot_be_hidden_does_not_know_whether_it_loses_somebody(void **state)
{
  world *w = *state;
  lc_listen_options options;
  lc_listener_report report;
  lc_listen_options_init(&options);
  options.reuseport = 1;
  options.reuseport_of = 2;
  w->address = world_loopback();
  if (!world_steers()) skip();
  w->loop->features = (lc_features){.hide_code = -EPERM, .stop = "accept-close"};
  w->loop->features_known = 1;
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(world_listen(w, &options), 0);
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
  assert_int_equal(lc_server_listener_report(w->server, 0, &report), 0);
  assert_string_equal(report.method, "steer");
  assert_false(report.lossless);
  assert_true(report.is_unknown);
  assert_non_null(strstr(w->notices, "stop degraded"));
}

/* Stops a member while another one has handshakes that do not end, begun `after` the stop. */
static lc_listener_report stop_beside_handshakes(const lc_sys *sys, lc_time settle, lc_time after)
{
  enum { SILENT = 8 };
  world w;
  lc_listen_options options;
  int peers[SILENT], seconds = 30;
  lc_listen_options_init(&options);
  options.reuseport = 1;
  options.reuseport_of = 2;
  world_begin(&w, sys);
  w.loop = lc_loop_new(sys, NULL);
  w.address = world_loopback();
  w.options.drain.settle = settle;
  assert_int_equal(world_new_server(&w, 0), 0);
  assert_int_equal(world_listen(&w, &options), 0);
  int other = join(&w.address);
  assert_int_equal(setsockopt(other, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
  assert_int_equal(lc_server_unlisten(w.server, NULL), 1);
  world_turn_for(&w, after);
  for (int i = 0; i < SILENT; i++) peers[i] = peer_connect(&w.address);
  TURN_UNTIL(&w, !lc_server_is_listening(w.server));
  lc_listener_report report = world_listener_report(&w);
  for (int i = 0; i < SILENT; i++) peer_close(peers[i]);
  close(other);
  world_end(&w);
  return report;
}

static int can_stop(world *w)
{
  return world_hides(w) && world_steers() && world_stops_lossless(w);
}

static void handshakes_of_other_members_do_not_hold_up_a_stop(void **state)
{
  if (!can_stop(*state)) skip();
  lc_time after = 60 * LC_MILLISECOND; /* their age is known to 20 ms */
  assert_true(stop_beside_handshakes(lc_sys_linux(), world_seconds(5), after).lossless);
}

static lc_time late_tick(const lc_sys *sys) { return lc_sys_linux()->tick(sys) - LC_SECOND; }

/* As when the processor that counts the ticks stands still: handshakes look younger than they are. */
static void while_no_tick_tells_their_age_all_handshakes_count(void **state)
{
  lc_sys sys = *lc_sys_linux();
  sys.tick = late_tick;
  if (!can_stop(*state)) skip();
  assert_false(stop_beside_handshakes(&sys, 300 * LC_MILLISECOND, 0).lossless);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(steered_clients_go_to_all_the_others),
    cmocka_unit_test(a_program_outlives_its_author_and_the_last_moves_to_the_place_that_is_free),
    cmocka_unit_test(places_that_cannot_be_are_refused),
    WORLD_TEST(a_listener_that_stops_sends_its_clients_to_the_others_and_cleans_up),
    WORLD_TEST(a_listener_that_cannot_be_hidden_does_not_know_whether_it_loses_somebody),
    WORLD_TEST(handshakes_of_other_members_do_not_hold_up_a_stop),
    WORLD_TEST(while_no_tick_tells_their_age_all_handshakes_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
