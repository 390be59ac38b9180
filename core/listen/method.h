/* method.h - one way to stop a listener. stop.c has the machine that all ways share, and their
 * table.
 *
 * A method decides where new clients go, and what becomes of the handshakes under way. The machine
 * has the queue, the states and the timer.
 */
#ifndef LC_STOP_METHOD_H
#define LC_STOP_METHOD_H

#include "listen/listener.h"

/* stop.c draws the moves. */
typedef enum lc_listener_state {
  LC_LISTENER_OPEN,
  LC_LISTENER_WIDENING,
  LC_LISTENER_SETTLING,
  LC_LISTENER_EMPTYING,
  LC_LISTENER_CLOSED
} lc_listener_state;

typedef struct lc_stop_method {
  const char *name; /* in the report */
  int is_lossless;  /* 0: a stop by this method is degraded, and a notice says so */
  /* the machine widens a small backlog before this method begins, so that handshakes complete */
  int has_handshakes;
  int (*suits)(const lc_listener *listener); /* NULL: any */
  /* Returns the next state; or a code, when nothing has changed and the next method is to be
   * tried. */
  int (*begin)(lc_listener *listener);
  const char *refused; /* the notice when `begin` fails, or NULL */
  /* Called in state settling. Returns 1 when the state ends; else 0, and `*again` is the time of
   * the next look. */
  int (*due)(lc_listener *listener, lc_time now, lc_time *again);
  /* Undoes effects of `begin` that would outlive the descriptor. NULL: there are none. */
  void (*end)(lc_listener *listener);
} lc_stop_method;

extern const lc_stop_method lc_stop_at_once, lc_stop_unix, lc_stop_steer, lc_stop_hide,
  lc_stop_accept_close;

#endif
