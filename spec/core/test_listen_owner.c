/* test_listen_owner.c - a listener serves any owner: here one that is no server, and whose
 * connections are numbers. */
#include <unistd.h>

#include "listen/listener.h"
#include "world.h"

enum { CLIENTS = 8 };

/* Stands for a connection. */
typedef struct client {
  int fd;
  int served;
  unsigned kept_from; /* the number of its listener */
} client;

typedef struct owner {
  lc_listen_owner listening;
  lc_settings settings;
  lc_time settle;
  uint32_t limit; /* of clients taken; 0: none */
  int refusal;    /* what the next take gives, once */
  client clients[CLIENTS];
  uint32_t count;
  int acceptable, lossy, settled;
  lc_notice notice;
  char notices[WORLD_TEXT];
} owner;

static owner *of(const lc_listen_owner *listening) { return LC_OWNER(listening, owner, listening); }

static const lc_limit *limit_reached(const lc_listen_owner *listening, uint32_t *number)
{
  static const lc_limit limit = {"max_connections reached", "max_connections: accept resumed"};
  const owner *o = of(listening);
  *number = o->limit;
  return o->limit && o->count >= o->limit ? &limit : NULL;
}

static int prepare(lc_listen_owner *listening)
{
  return of(listening)->count < CLIENTS ? 0 : -ENOMEM;
}

static int take(lc_listen_owner *listening, int fd, const lc_address *peer, lc_conn **conn)
{
  owner *o = of(listening);
  int refusal = o->refusal;
  assert_true(peer->of.any.sa_family == AF_INET || peer->of.any.sa_family == AF_UNIX);
  o->refusal = 0;
  if (refusal) return refusal;
  client *one = &o->clients[o->count++];
  one->fd = fd;
  *conn = (void *)one;
  return 0;
}

static client *client_of(lc_conn *conn) { return (void *)conn; }

static void serve(lc_listen_owner *listening, lc_conn *conn)
{
  (void)listening;
  client_of(conn)->served++;
}

static void keep(lc_listen_owner *listening, lc_conn *conn, unsigned listener)
{
  (void)listening;
  client_of(conn)->kept_from = listener;
}

static int frees_soon(const lc_listen_owner *listening)
{
  (void)listening;
  return 0;
}

static int lend_descriptor(lc_listen_owner *listening)
{
  (void)listening;
  return 0;
}

static void acceptable(lc_listen_owner *listening) { of(listening)->acceptable++; }

static void notice(lc_listen_owner *listening, lc_notice what, const lc_address *address)
{
  owner *o = of(listening);
  assert_non_null(address);
  o->notice = what;
  strcat(strcat(o->notices, " "), what.event);
}

static void lossy(lc_listen_owner *listening) { of(listening)->lossy++; }
static void changed(lc_listen_owner *listening) { (void)listening; }
static void settled(lc_listen_owner *listening) { of(listening)->settled++; }

static const lc_listen_calls CALLS = {limit_reached, prepare,         take,       serve,  keep,
                                      frees_soon,    lend_descriptor, acceptable, notice, lossy,
                                      changed,       settled};

static void begin(owner *o, world *w, int serving, lc_address address)
{
  lc_server_options defaults;
  lc_server_options_init(&defaults);
  *o = (owner){.settings = defaults.settings, .settle = defaults.drain.settle};
  o->listening = (lc_listen_owner){.calls = &CALLS,
                                   .loop = w->loop,
                                   .settings = &o->settings,
                                   .settle = &o->settle,
                                   .serving = serving};
  lc_list_init(&o->listening.listeners);
  assert_int_equal(lc_listener_open(&o->listening, &address, NULL), 0);
  w->address = *lc_listener_address(lc_listener_next(&o->listening, NULL));
}

static lc_listener *listener_of(const owner *o) { return lc_listener_next(&o->listening, NULL); }

static void end(owner *o)
{
  for (lc_listener *listener; (listener = listener_of(o));) lc_listener_free(listener);
  for (uint32_t i = 0; i < o->count; i++) assert_int_equal(close(o->clients[i].fd), 0);
}

static void clients_become_the_owners_each_served_once(void **state)
{
  world *w = *state;
  const lc_address places[] = {world_loopback(), world_unix_name()};
  for (size_t place = 0; place < sizeof places / sizeof *places; place++) {
    owner o;
    int peers[3];
    begin(&o, w, 1, places[place]);
    for (int i = 0; i < 3; i++) peers[i] = peer_connect(&w->address);
    TURN_UNTIL(w, o.count == 3);
    lc_listener_stop(listener_of(&o));
    TURN_UNTIL(w, lc_listener_is_closed(listener_of(&o)));
    for (int i = 0; i < 3; i++) assert_int_equal(o.clients[i].served, 1);
    assert_int_equal(o.settled, 2); /* the handshakes, and the whole */
    end(&o);
    for (int i = 0; i < 3; i++) peer_close(peers[i]);
  }
}

static void a_client_that_the_owner_refuses_is_closed_and_the_next_is_taken(void **state)
{
  static const int codes[] = {-ENOBUFS, -ENOSPC};
  world *w = *state;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    owner o;
    begin(&o, w, 1, world_loopback());
    o.refusal = codes[i];
    int refused = peer_connect(&w->address), peer = peer_connect(&w->address);
    world_expect_sight(w, refused, PEER_EOF);
    TURN_UNTIL(w, o.count == 1);
    assert_string_equal(o.notices, " accept paused accept resumed");
    end(&o);
    peer_close(refused);
    peer_close(peer);
  }
}

static void at_the_owners_limit_clients_wait_and_it_is_said_once(void **state)
{
  world *w = *state;
  owner o;
  int peers[3];
  begin(&o, w, 1, world_loopback());
  o.limit = 1;
  for (int i = 0; i < 3; i++) peers[i] = peer_connect(&w->address);
  TURN_UNTIL(w, o.notice.event);
  assert_int_equal(o.count, 1);
  assert_int_equal(o.notice.limit, 1);
  assert_int_equal(o.notice.queue, 2);
  for (o.limit = 2; o.limit <= 3; o.limit++) {
    lc_listener_unhold(listener_of(&o));
    TURN_UNTIL(w, o.count == o.limit);
  }
  lc_listener_unhold(listener_of(&o));
  TURN_UNTIL(w, strstr(o.notices, "accept resumed"));
  assert_string_equal(o.notices, " max_connections reached max_connections: accept resumed");
  end(&o);
  for (int i = 0; i < 3; i++) peer_close(peers[i]);
}

static void a_stop_by_hand_leaves_the_clients_with_the_owner_in_order(void **state)
{
  world *w = *state;
  const lc_address places[] = {world_loopback(), world_unix_name()};
  for (size_t place = 0; place < sizeof places / sizeof *places; place++) {
    owner o;
    int peers[3];
    begin(&o, w, 0, places[place]);
    for (int i = 0; i < 3; i++) peers[i] = peer_connect(&w->address);
    TURN_UNTIL(w, o.acceptable > 0);
    assert_int_equal(o.count, 0);
    lc_listener_stop(listener_of(&o));
    TURN_UNTIL(w, lc_listener_is_closed(listener_of(&o)));
    assert_int_equal(o.count, 3);
    for (int i = 0; i < 3; i++) {
      peer_say(peers[i], (const char *const[]){"0", "1", "2"}[i]);
      char said = 0;
      assert_int_equal(recv(o.clients[i].fd, &said, 1, 0), 1);
      assert_int_equal(said, '0' + i);
      assert_int_equal(o.clients[i].served, 0);
      assert_int_equal(o.clients[i].kept_from, 1);
      peer_close(peers[i]);
    }
    assert_int_equal(o.lossy, 0);
    end(&o);
  }
}

static void a_client_that_is_lost_spoils_the_stop_of_its_own_listener(void **state)
{
  world *w = *state;
  lc_address address = world_unix_name();
  owner o;
  lc_listener_report report;
  begin(&o, w, 0, world_unix_name());
  assert_int_equal(lc_listener_open(&o.listening, &address, NULL), 0);
  lc_listener *second = lc_listener_next(&o.listening, listener_of(&o));
  for (lc_listener *one = NULL; (one = lc_listener_next(&o.listening, one));) lc_listener_stop(one);
  TURN_UNTIL(w, lc_listener_is_closed(listener_of(&o)) && lc_listener_is_closed(second));
  for (int i = 0; i < 2; i++) lc_listener_lost_client(&o.listening, 2);
  lc_listener_describe(listener_of(&o), &report);
  assert_true(report.lossless);
  lc_listener_describe(second, &report);
  assert_false(report.lossless);
  assert_string_equal(o.notices, " client not accepted");
  int before = o.lossy;
  lc_listener_lost_client(&o.listening, 7); /* it has been forgotten */
  assert_int_equal(o.lossy, before + 1);
  end(&o);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(clients_become_the_owners_each_served_once),
    WORLD_TEST(a_client_that_the_owner_refuses_is_closed_and_the_next_is_taken),
    WORLD_TEST(at_the_owners_limit_clients_wait_and_it_is_said_once),
    WORLD_TEST(a_stop_by_hand_leaves_the_clients_with_the_owner_in_order),
    WORLD_TEST(a_client_that_is_lost_spoils_the_stop_of_its_own_listener),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
