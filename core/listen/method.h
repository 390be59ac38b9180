/* method.h - one way to stop a listener. The machine that all ways share is stop.c; it also has their table.
 *
 * A method decides where new clients go from now on, and what becomes of the handshakes under way. The queue is
 * the machine's, and so are the states and the timer.
 */
#ifndef LC_STOP_METHOD_H
#define LC_STOP_METHOD_H

#include "listen/listener.h"

/* The diagram in stop.c has the moves. */
typedef enum lc_listener_state {
  LC_LISTENER_OPEN,
  LC_LISTENER_WIDENING,
  LC_LISTENER_SETTLING,
  LC_LISTENER_EMPTYING,
  LC_LISTENER_CLOSED
} lc_listener_state;

typedef struct lc_stop_method {
  const char *name;   /* in the report */
  int is_lossless;    /* else a stop by this method is degraded, and an operator hears so */
  int has_handshakes; /* that are seen to, and a small backlog widened, before this method begins */
  int (*suits)(const lc_listener *listener); /* NULL: any */
  /* The state that follows, or a code: then nothing has changed, and the next method in the table is tried. */
  int (*begin)(lc_listener *listener);
  const char *refused; /* what an operator hears when `begin` fails, or NULL */
  /* In state settling, which ends with 1; with 0, `*again` is the time of the next look. */
  int (*due)(lc_listener *listener, lc_time now, lc_time *again);
  /* What `begin` did that would outlive the descriptor is undone; NULL: nothing would. */
  void (*end)(lc_listener *listener);
} lc_stop_method;

extern const lc_stop_method lc_stop_at_once, lc_stop_unix, lc_stop_steer, lc_stop_hide,
  lc_stop_accept_close;

#endif
