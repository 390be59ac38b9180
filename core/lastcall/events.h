/* lastcall/events.h - the callbacks of a server. */
#ifndef LASTCALL_EVENTS_H
#define LASTCALL_EVENTS_H

#include <stdint.h>

#include "lastcall/ready.h"
#include "lastcall/state.h"
#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A message for an operator's log. The strings are static, or valid during the call. */
typedef struct lc_notice {
  const char *event;   /* "accept paused", "accept resumed", "handshake failed", ... */
  int code;            /* or 0 */
  const char *address; /* of the listener, or NULL */
  lc_conn *conn;       /* or NULL */
  lc_time retry;       /* the time until the next attempt; 0: there is none */
  /* For "max_connections reached", and for "accept paused" for lack of descriptors: the limit, the
   * number of connections that the server has, and the number of clients that are connected and
   * wait to be accepted (of a unix-domain socket only whether there are any). For other events the
   * limit is 0. */
  uint32_t limit;
  uint32_t connections;
  uint32_t queue;
} lc_notice;

/* Any callback may be NULL. A callback only notifies: what the server does is chosen in
 * lc_server_options. */
typedef struct lc_events {
  /* A connection was accepted; its state is new. Where the transport has a handshake, this comes
   * after the handshake. A connection whose handshake fails causes a notice and no other callback,
   * unless the embedder has accepted or made the connection itself. */
  void (*opened)(lc_conn *conn, void *user);
  /* A wait may go on, or is over: LC_READABLE and the other flags. */
  void (*ready)(lc_conn *conn, unsigned what, void *user);
  /* The connection has moved; `cause` is a static string. Must not call back into the library. */
  void (*state)(lc_conn *conn, lc_state from, lc_state to, const char *cause, void *user);
  /* The server drains and this connection is idle. */
  void (*draining)(lc_conn *conn, void *user);
  /* No byte came from the peer for heartbeat.interval: the callback may lc_conn_post a question. */
  void (*heartbeat)(lc_conn *conn, void *user);
  /* The descriptor is gone and the verdict is known. The last callback for this connection. */
  void (*closed)(lc_conn *conn, void *user);
  /* A connection has left the registry. */
  void (*departed)(lc_server *server, void *user);
  /* Connections wait for lc_server_accept; or accepting has ended. */
  void (*acceptable)(lc_server *server, void *user);
  /* The ladder has come to this step. */
  void (*step)(lc_server *server, lc_step step, void *user);
  /* Each of the steps LC_STEP_DRAIN to LC_STEP_KILL reaches every connection, some of them in each
   * turn. The embedder may tell the connection's tasks, cancel them, or take a note. LC_STEP_KILL
   * resets the connection after the callback. */
  void (*reached)(lc_conn *conn, lc_step step, void *user);
  /* The step has reached every connection: the embedder goes on with what no connection stands for.
   * Non-zero: there is more to do, and the callback is called again. */
  int (*reached_all)(lc_server *server, lc_step step, void *user);
  void (*notice)(lc_server *server, const lc_notice *notice, void *user);
} lc_events;

#ifdef __cplusplus
}
#endif

#endif
