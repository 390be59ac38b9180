/* test_refused_conn.c - a connection that its transport or its protocol refuses as it begins leaves
 * nothing behind. */
#include "conn/guess.h"
#include "conn/transport.h"
#include "world.h"

static int refuse(const lc_transport *transport, int is_outbound, void **state)
{
  (void)transport, (void)is_outbound, (void)state;
  return -EPROTO;
}

static const lc_transport REFUSES = {
  .version = LC_TRANSPORT_VERSION, .name = "refuses", .begin = refuse};

static int begin_nothing(lc_conn *conn, void **state)
{
  (void)conn, (void)state;
  return -ENOMEM;
}

static int heartbeats;

static void on_heartbeat(lc_conn *conn, void *user)
{
  (void)conn, (void)user;
  heartbeats++;
}

static const lc_events HEARD = {.heartbeat = on_heartbeat};

/* What was to become a connection is none: it has no deadline, and no heart that beats. */
static void begin_in_vain(world *w, lc_server_options *options)
{
  int error = 0;
  lc_conn *conn;
  w->options.settings.linger = 0;
  world_serve(w);
  options->settings.heartbeat = (lc_heartbeat){LC_MILLISECOND, LC_SECOND};
  options->settings.first_byte_timeout = LC_MILLISECOND;
  lc_server *server = lc_server_new(w->loop, options, &HEARD, NULL, &error);
  lc_loop_stats before, after;
  assert_non_null(server);
  lc_loop_stats_get(w->loop, &before);
  assert_true(lc_conn_connect(server, &w->address, NULL, 1, &conn) < 0);
  lc_loop_stats_get(w->loop, &after);
  assert_int_equal(after.timers, before.timers);
  world_turn_for(w, 20 * LC_MILLISECOND);
  assert_int_equal(heartbeats, 0);
  assert_int_equal(lc_server_count(server, LC_STATES), 0);
  assert_int_equal(lc_server_count(server, LC_STATE_NEW), 0);
  lc_server_free(server);
}

static void what_a_transport_refuses_has_no_timer(void **state)
{
  lc_server_options options;
  lc_server_options_init(&options);
  options.transport = &REFUSES;
  begin_in_vain(*state, &options);
}

static void what_a_protocol_refuses_has_no_timer(void **state)
{
  static lc_protocol refuses;
  lc_server_options options;
  refuses = lc_guess;
  refuses.begin = begin_nothing;
  lc_server_options_init(&options);
  options.protocol = &refuses;
  begin_in_vain(*state, &options);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(what_a_transport_refuses_has_no_timer),
    WORLD_TEST(what_a_protocol_refuses_has_no_timer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
