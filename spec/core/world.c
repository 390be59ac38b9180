/* world.c - what the tests of the upper storeys share. */
#include "world.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conn/state.h"

enum { TIME_LIMIT = 60 }; /* seconds for one test, then SIGALRM ends it */

static char zeros[64 * 1024];

/* ------------------------------------------------------------------ notes -- */

static void note(char *text, const char *word)
{
  size_t length = strlen(text);
  snprintf(text + length, WORLD_TEXT - length, " %s", word);
}

static seen *seen_of(world *w, lc_conn *conn)
{
  seen *one = lc_conn_user(conn);
  if (one) return one;
  assert_true(w->count < WORLD_CONNS);
  one = &w->conns[w->count++];
  *one = (seen){.in = w, .conn = lc_conn_ref(conn)};
  lc_conn_set_user(conn, one);
  return one;
}

static void on_opened(lc_conn *conn, void *user)
{
  world *w = user;
  seen *one = seen_of(w, conn);
  assert_int_equal(lc_conn_state(conn), LC_STATE_NEW);
  if (w->opened) w->opened(one);
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  world *w = user;
  seen *one = seen_of(w, conn);
  assert_int_equal(one->closed, 0);
  one->ready |= what;
  if (w->ready) w->ready(one, what);
}

static void on_state(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user)
{
  seen *one = seen_of(user, conn);
  if (!lc_state_may_move(from, to))
    fail_msg("from %s to %s", lc_state_name(from), lc_state_name(to));
  assert_int_equal(lc_conn_state(conn), to);
  assert_non_null(cause);
  one->cause = cause;
  note(one->states, lc_state_name(to));
}

static void on_closed(lc_conn *conn, void *user)
{
  world *w = user;
  seen *one = seen_of(w, conn);
  lc_verdict verdict;
  one->closed++;
  assert_int_equal(one->closed, 1);
  assert_int_equal(lc_conn_state(conn), LC_STATE_CLOSED);
  assert_int_equal(lc_conn_fd(conn), -1);
  assert_int_equal(lc_conn_verdict(conn, &verdict), 0);
  if (w->closed) w->closed(one);
}

static void on_draining(lc_conn *conn, void *user) { seen_of(user, conn)->draining++; }

static void on_acceptable(lc_server *server, void *user)
{
  (void)server;
  ((world *)user)->acceptable++;
}

static void on_step(lc_server *server, lc_step step, void *user)
{
  world *w = user;
  assert_int_equal(lc_server_step(server), step);
  note(w->steps, lc_step_name(step));
  if (w->step) w->step(w, step);
}

static void on_notice(lc_server *server, const lc_notice *notice, void *user)
{
  world *w = user;
  (void)server;
  note(w->notices, notice->event);
  w->notice = *notice;
  w->notice.address = NULL;
}

static const lc_events EVENTS = {.opened = on_opened,
                                 .ready = on_ready,
                                 .state = on_state,
                                 .draining = on_draining,
                                 .closed = on_closed,
                                 .acceptable = on_acceptable,
                                 .step = on_step,
                                 .notice = on_notice};

/* ---------------------------------------------------------- birth and death -- */

void world_begin(world *w, const lc_sys *sys)
{
  alarm((unsigned)lc_to_seconds(world_seconds(TIME_LIMIT)));
  *w = (world){.sys = sys};
  lc_server_options_init(&w->options);
  w->options.closes_at_cancel = 0;
  w->descriptors = lc_sys_linux()->descriptors_open(lc_sys_linux());
}

void world_end(world *w)
{
  lc_server_free(w->server);
  for (int i = 0; i < w->count; i++) lc_conn_unref(w->conns[i].conn);
  lc_loop_free(w->loop);
  assert_int_equal(lc_sys_linux()->descriptors_open(lc_sys_linux()), w->descriptors);
}

int world_set_up(void **state)
{
  world *w = malloc(sizeof *w);
  int error = 0;
  assert_non_null(w);
  world_begin(w, lc_sys_linux());
  w->loop = lc_loop_new(NULL, &error);
  assert_non_null(w->loop);
  *state = w;
  return 0;
}

int world_tear_down(void **state)
{
  world_end(*state);
  free(*state);
  return 0;
}

lc_address world_loopback(void)
{
  return (lc_address){
    .of.in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}},
    .length = sizeof(struct sockaddr_in),
  };
}

lc_address world_unix_name(void)
{
  static int count;
  lc_address address = {.of.un = {.sun_family = AF_UNIX}};
  int length = snprintf(address.of.un.sun_path + 1, sizeof address.of.un.sun_path - 1,
                        "lastcall-test-%d-%d", (int)getpid(), ++count);
  address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
  return address;
}

int world_new_server(world *w, int hands_out)
{
  int error = 0;
  w->options.accepts_by_hand = hands_out;
  w->server = lc_server_new(w->loop, &w->options, &EVENTS, w, &error);
  return w->server ? 0 : error;
}

int world_listen(world *w, const lc_listen_options *options)
{
  int result = lc_server_listen(w->server, &w->address, options);
  return result < 0 ? result : lc_server_address(w->server, 0, &w->address);
}

static void serve_at(world *w, lc_address address)
{
  w->address = address;
  assert_int_equal(world_new_server(w, 0), 0);
  assert_int_equal(world_listen(w, NULL), 0);
}

void world_serve(world *w) { serve_at(w, world_loopback()); }

void world_serve_unix(world *w) { serve_at(w, world_unix_name()); }

/* ---------------------------------------------------------------- turning -- */

lc_time world_seconds(double seconds)
{
  const char *slow = getenv("LASTCALL_SLOW");
  double factor = slow ? strtod(slow, NULL) : 1;
  return lc_seconds(factor > 1 ? seconds * factor : seconds);
}

void world_turn(world *w) { assert_int_equal(lc_loop_turn(w->loop, 0), 0); }

void world_turn_for(world *w, lc_time time)
{
  lc_time end = w->sys->now(w->sys) + time;
  for (lc_time left = time; left > 0; left = end - w->sys->now(w->sys))
    assert_int_equal(lc_loop_turn(w->loop, left), 0);
}

void world_drain_within(world *w, lc_time time)
{
  assert_int_equal(lc_server_shutdown(w->server, lc_loop_clock(w->loop) + time), 0);
}

void world_write(seen *one, const char *text)
{
  struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
  assert_int_equal(lc_conn_write(one->conn, &piece, 1), strlen(text));
}

const char *world_read(seen *one, char *text, size_t size)
{
  lc_slice slice;
  TURN_UNTIL(one->in, lc_conn_await(one->conn) != LC_AGAIN);
  assert_int_equal(lc_conn_read_some(one->conn, size - 1, &slice), 0);
  memcpy(text, slice.data, slice.length);
  text[slice.length] = 0;
  return text;
}

void world_swallow(seen *one)
{
  lc_slice slice;
  int result;
  TURN_UNTIL(one->in, (result = lc_conn_read_some(one->conn, 1 << 20, &slice)) != LC_AGAIN);
  assert_int_equal(result, 0);
}

size_t world_fill(seen *one)
{
  struct iovec piece = {zeros, sizeof zeros};
  size_t total = 0;
  ssize_t took;
  while ((took = lc_conn_write(one->conn, &piece, 1)) == (ssize_t)sizeof zeros)
    total += sizeof zeros;
  assert_true(took >= 0);
  return total + (size_t)took;
}

lc_verdict world_verdict(const seen *one)
{
  lc_verdict verdict;
  assert_int_equal(lc_conn_verdict(one->conn, &verdict), 0);
  return verdict;
}

/* ------------------------------------------------------------------ peers -- */

int peer_connect(const lc_address *address)
{
  int fd = socket(address->of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, &address->of.any, address->length), 0);
  return fd;
}

seen *world_accept(world *w, int *peer)
{
  int before = w->count;
  *peer = peer_connect(&w->address);
  TURN_UNTIL(w, w->count > before);
  return &w->conns[before];
}

seen *world_accept_busy(world *w, int *peer)
{
  seen *one = world_accept(w, peer);
  peer_say(*peer, "x");
  world_swallow(one);
  return one;
}

void peer_say(int peer, const char *text)
{
  assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT), strlen(text));
}

size_t peer_flood(int peer, size_t most)
{
  size_t done = 0;
  while (done < most) {
    size_t size = most - done < sizeof zeros ? most - done : sizeof zeros;
    ssize_t sent = send(peer, zeros, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) break;
    done += (size_t)sent;
  }
  return done;
}

peer_sight peer_look(int peer)
{
  char byte;
  ssize_t got = recv(peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return PEER_DATA;
  if (got == 0) return PEER_EOF;
  return errno == ECONNRESET || errno == EPIPE ? PEER_RESET : PEER_QUIET;
}

size_t peer_take(int peer, char *buffer, size_t size)
{
  ssize_t got = recv(peer, buffer, size, MSG_DONTWAIT);
  return got > 0 ? (size_t)got : 0;
}

size_t peer_skip(int peer)
{
  char sink[64 * 1024];
  size_t total = 0;
  for (size_t got; (got = peer_take(peer, sink, sizeof sink)) > 0;) total += got;
  return total;
}

void peer_finish(int peer) { assert_int_equal(shutdown(peer, SHUT_WR), 0); }

void peer_reset(int peer)
{
  struct linger none = {.l_onoff = 1, .l_linger = 0};
  assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
  peer_close(peer);
}

void peer_close(int peer) { assert_int_equal(close(peer), 0); }

void world_expect(world *w, int peer, const char *text)
{
  char heard[WORLD_TEXT] = "";
  size_t length = strlen(text), held = 0;
  assert_true(length < sizeof heard);
  TURN_UNTIL(w, (held += peer_take(peer, heard + held, length - held)) == length);
  assert_string_equal(heard, text);
}

void world_expect_sight(world *w, int peer, peer_sight sight)
{
  peer_sight now = PEER_QUIET;
  TURN_UNTIL(w, (now = peer_look(peer)) != PEER_QUIET);
  assert_int_equal(now, sight);
}

lc_listener_report world_listener_report(world *w)
{
  lc_listener_report report;
  assert_int_equal(lc_server_listener_report(w->server, 0, &report), 0);
  return report;
}

void world_stop_listening(world *w)
{
  assert_int_equal(lc_server_unlisten(w->server, NULL), 1);
  assert_int_equal(lc_server_unlisten(w->server, NULL), 0); /* once */
  TURN_UNTIL(w, !lc_server_is_listening(w->server));
  assert_true(world_listener_report(w).is_closed);
}

static int is_allowed(const char *what, int code)
{
  if (code < 0) printf("%s here: %s\n", what, lc_code_name(code));
  return code == 0;
}

int world_hides(world *w)
{
  return is_allowed("no listener can be hidden", lc_loop_features(w->loop)->hide_code);
}

int world_stops_lossless(world *w)
{
  return world_hides(w) &&
         is_allowed("handshakes cannot be counted", lc_loop_features(w->loop)->sock_diag_code);
}

/* By a program that deals nobody to a group of one. */
int world_steers(void)
{
  struct sock_filter first = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {.len = 1, .filter = &first};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), code = 0;
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
    code = -errno;
  close(fd);
  return is_allowed("no group can be steered", code);
}
