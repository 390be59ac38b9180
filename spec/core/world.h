/* world.h - what the tests of the upper storeys share: a server that writes down its events, and
 * peers that are plain sockets.
 *
 * Server and peers live on one thread: a test that waits for something turns the
 * loop meanwhile. Every wait is bounded and fails the test when it is over;
 * LASTCALL_SLOW stretches the bounds. A test ends with the check that the
 * process has as many descriptors open as before.
 */
#ifndef WORLD_H
#define WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sys/sys.h"

enum { WORLD_CONNS = 64, WORLD_TEXT = 512 };

typedef struct world world;

/* The events of one connection. */
typedef struct seen {
  world *in;
  lc_conn *conn;           /* held until the world ends */
  char states[WORLD_TEXT]; /* each move: " active idle" */
  const char *cause;       /* of the last move */
  unsigned ready;          /* everything `ready` said, since it was last cleared */
  int draining;            /* how often it was told */
  int closed;              /* likewise */
} seen;

struct world {
  const lc_sys *sys;
  lc_loop *loop;
  lc_server *server;
  lc_server_options options; /* for world_serve */
  lc_address address;
  seen conns[WORLD_CONNS];
  int count; /* of those */
  char steps[WORLD_TEXT];
  char notices[WORLD_TEXT];
  lc_notice notice; /* the last one; its address is not kept */
  int acceptable;   /* how often it was told */

  /* What the test does about it, beside noting; any may be NULL. */
  void (*opened)(seen *one);
  void (*ready)(seen *one, unsigned what);
  void (*closed)(seen *one);
  void (*step)(world *w, lc_step step);

  int descriptors; /* that the process had when the world began */
};

/* For cmocka: a world with a loop on the real kernel, in *state; and its end. */
int world_set_up(void **state);
int world_tear_down(void **state);
/* The same by hand, on any kernel; the loop is made by the test. */
void world_begin(world *w, const lc_sys *sys);
void world_end(world *w);

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

/* Whether a listener can be hidden here; also, whether the handshakes under way can be counted, so
 * that a TCP listener is known to stop without loss; and whether a SO_REUSEPORT group can be
 * steered. Else prints what is denied. */
int world_hides(world *w);
int world_stops_lossless(world *w);
int world_steers(void);

/* A server by w->options that listens on loopback, or on an abstract unix-domain address. */
void world_serve(world *w);
void world_serve_unix(world *w);
/* The same in steps, with results. */
int world_new_server(world *w, int hands_out);
int world_listen(world *w, const lc_listen_options *options);
lc_address world_loopback(void);
lc_address world_unix_name(void);

/* Stops all listeners of the server, and waits until the first is closed; what its report says of
 * the first. */
void world_stop_listening(world *w);
lc_listener_report world_listener_report(world *w);

/* A peer of the server at w->address, connected; and what the server knows of it, when it has
 * been accepted. */
int peer_connect(const lc_address *address);
seen *world_accept(world *w, int *peer);
/* One that is being worked for: a byte of its peer's was read, and nothing written since. */
seen *world_accept_busy(world *w, int *peer);

lc_time world_seconds(double seconds); /* stretched by LASTCALL_SLOW */
void world_turn(world *w);             /* once, without waiting */
void world_turn_for(world *w, lc_time time);

/* Turns the loop until the condition holds; fails the test when it takes too long. */
#define TURN_UNTIL(w, condition)                                                         \
  do {                                                                                   \
    lc_time until_ = (w)->sys->now((w)->sys) + world_seconds(10);                        \
    while (!(condition)) {                                                               \
      if ((w)->sys->now((w)->sys) > until_) fail_msg("never came true: %s", #condition); \
      assert_int_equal(lc_loop_turn((w)->loop, 10 * LC_MILLISECOND), 0);                 \
    }                                                                                    \
  } while (0)

/* Begins the shutdown of the server, with so much time; turns until it is done. */
void world_drain_within(world *w, lc_time time);
#define TURN_UNTIL_DONE(w) TURN_UNTIL(w, lc_server_step((w)->server) == LC_STEP_DONE)

/* The server's side: writes the text, whole; reads what has come, into text. */
void world_write(seen *one, const char *text);
const char *world_read(seen *one, char *text, size_t size);
void world_swallow(seen *one); /* waits for something to read, and drops it */
/* Writes zeros until the kernel and the gathering buffer are full; how many were accepted. */
size_t world_fill(seen *one);
lc_verdict world_verdict(const seen *one); /* of one that is closed */

/* The peer's side. None of them waits for anything but room in the kernel. */
typedef enum peer_sight { PEER_QUIET, PEER_DATA, PEER_EOF, PEER_RESET } peer_sight;
void peer_say(int peer, const char *text);
size_t peer_flood(int peer, size_t most); /* until the kernel is full; how much it took */
peer_sight peer_look(int peer);           /* consumes nothing, a reset excepted */
size_t peer_take(int peer, char *buffer, size_t size);
size_t peer_skip(int peer); /* everything that is there */
void peer_finish(int peer); /* the FIN */
void peer_reset(int peer);  /* RST, and closed */
void peer_close(int peer);

/* Turns until the peer has received exactly this, or its end. */
void world_expect(world *w, int peer, const char *text);
void world_expect_sight(world *w, int peer, peer_sight sight);

#endif
