/* lastcall/websocket_conn.h - a connection that speaks WebSocket: whole messages in and out, and
 * the handshake of its end.
 *
 *   lc_http_upgrade(x, conn, fields, length);       (or the handshake of a client has been made)
 *   lc_websocket_begin(conn, &options, &ws);
 *
 * The library reads ahead up to one message, also while the embedder works. So it answers pings,
 * finds what is illegal, and hears the peer's Close at once. A connection whose embedder waits for
 * a message, and has none unread, is idle: a drain then sends Close. What the peer had sent before
 * its own Close is still handed over.
 */
#ifndef LASTCALL_WEBSOCKET_CONN_H
#define LASTCALL_WEBSOCKET_CONN_H

#include <sys/uio.h>

#include "lastcall/read.h"
#include "lastcall/state.h"
#include "lastcall/time.h"
#include "lastcall/websocket.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_websocket lc_websocket;

/* The comments begin with the default. */
typedef struct lc_websocket_options {
  /* 0. 1: our end is the client, which masks what it sends. */
  int is_client;
  /* 16 MiB: the longest message. Then Close 1009. */
  uint64_t max_message;
  /* 30 s: for a message, or a frame of control, from its first byte on, and a second more for each
   * `message_rate` bytes (240; 0: no more). Then Close 1008. Counts while the embedder waits.
   * LC_NEVER: no bound. */
  lc_time message_timeout;
  uint32_t message_rate;
  /* LC_WS_GOING_AWAY: the code with which the library ends the connection: in a drain, or over a
   * limit. */
  int leaving_code;
  /* "": what names the connection in logs. Copied. */
  const char *label;
  /* NULL. Called when the peer has sent what is illegal, before the Close; for a log. It may look
   * at the connection, and change nothing. */
  void (*refused)(const lc_conn *conn, lc_ws_fault fault, void *user);
  void *user;
} lc_websocket_options;
void lc_websocket_options_init(lc_websocket_options *options);

/* From now on the connection speaks WebSocket; bytes that lie in its buffer are the first ones. The
 * result is held: lc_websocket_release it. Returns 0, or a code. */
int lc_websocket_begin(lc_conn *conn, const lc_websocket_options *options, lc_websocket **made);
void lc_websocket_release(lc_websocket *ws);
/* NULL: the connection does not speak WebSocket, or has left its server. */
lc_websocket *lc_websocket_of(const lc_conn *conn);

/* ----------------------------------------------------------------- messages -- */

typedef struct lc_websocket_message {
  lc_slice data; /* valid until the next call on any connection of the loop */
  lc_ws_opcode kind;
} lc_websocket_message;
/* The next message. The work for the one before has ended. Returns 0; LC_AGAIN: lc_websocket_wait,
 * and call again at LC_READABLE; LC_EOF: the peer has said Close, or has left
 * (lc_websocket_verdict); LC_WS_BAD: it has sent what is illegal; LC_CLOSED: lc_websocket_close was
 * called; or the code of a failure. */
int lc_websocket_read(lc_websocket *ws, lc_websocket_message *message);
/* Begins to wait for a message, with a deadline as of lc_conn_wait: at LC_READ_TIMEOUT it has
 * passed. */
void lc_websocket_wait(lc_websocket *ws, lc_time deadline);

/* How the conversation has ended. */
typedef struct lc_websocket_verdict {
  int code; /* of the peer's Close; LC_WS_ABNORMAL where none has come; 0: it has not ended */
  const char *reason;
  size_t reason_length;
  lc_ws_fault fault; /* what was illegal */
  int is_cut;        /* the peer has left in the middle of a message */
} lc_websocket_verdict;
void lc_websocket_verdict_get(const lc_websocket *ws, lc_websocket_verdict *verdict);

/* ------------------------------------------------------------------ sending -- */

/* Whether a message may be sent: 0; LC_DRAINING: the library has said Close, for the server leaves;
 * LC_EOF: the peer has; LC_CLOSED: the embedder has; or a code. */
int lc_websocket_may_send(const lc_websocket *ws);
/* Sends a message. `*done` is 0 at first, and counts what has been accepted, the frame's head
 * included. Returns 0 when all has been; LC_AGAIN: lc_conn_wait_write, and call again with the same
 * arguments at LC_WRITABLE; a code of lc_websocket_may_send, before anything has been accepted; or
 * the code of a failure. */
int lc_websocket_send(lc_websocket *ws, lc_ws_opcode kind, const char *data, size_t length,
                      size_t *done);
/* Queues a whole message, as lc_conn_post. */
int lc_websocket_post(lc_websocket *ws, lc_ws_opcode kind, const char *data, size_t length);
/* Queues a ping; up to LC_WS_CONTROL_MOST bytes. */
int lc_websocket_ping(lc_websocket *ws, const char *data, size_t length);

/* ------------------------------------------------------------------- ending -- */

/* Says Close, and ends the connection when the peer has answered, at the latest after `linger`.
 * Messages that still come are dropped. `code` 0: LC_WS_NORMAL, or leaving_code when the server
 * leaves. -EINVAL: the code must not be sent, or the reason is not UTF-8. LC_CLOSED: it has ended
 * already. */
int lc_websocket_close(lc_websocket *ws, int code, const char *reason, size_t length);

#ifdef __cplusplus
}
#endif

#endif
