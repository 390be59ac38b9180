/* protocol.h - what the bytes of a connection mean: where a unit of work begins and ends, and how
 * to say goodbye.
 *
 *              a whole unit is there          the embedder says that its work is done
 *   between --------------------------> unit -----------------------------------------> between
 *      |  arrived                                unit_ended
 *      |  the ladder dismisses the connection, or the connection has reached a limit: leave
 *      v
 *   leaving ----> closing    at once; or when the peer answers, the linger is over, or the ladder
 *                            cancels
 *
 * A protocol that knows its units has the function `arrived`. The core reads for such a protocol
 * while no unit is under way. Meanwhile no task runs, and between two units the connection holds no
 * buffer. A protocol that does not know its units (guess.c) leaves reading to the embedder, and
 * judges the connection by what its tasks wait for.
 *
 * lc_conn_set_protocol replaces the protocol in mid-connection, also while bytes are buffered. The
 * functions below may call it; it frees the state of the old protocol at once. A unit that is under
 * way goes on, and at its end the core calls `unit_ended` of the new protocol.
 *
 * A write of the protocol may fail, and end the connection. The state stays valid until the
 * protocol's function returns.
 */
#ifndef LC_PROTOCOL_H
#define LC_PROTOCOL_H

#include "conn/inside.h"

typedef enum lc_arrival {
  LC_ARRIVAL_MORE, /* the unit is not complete yet, or the protocol has taken all bytes */
  LC_ARRIVAL_UNIT, /* the buffer holds a complete unit, or as much of it as work needs to begin */
  LC_ARRIVAL_REFUSED, /* the bytes make no sense; an answer, if there is one, has been written */
  LC_ARRIVAL_LATER,   /* the buffer holds more, for a later turn: other connections come first */
  LC_ARRIVAL_LEFT     /* the peer has said goodbye, first or in answer to ours */
} lc_arrival;

struct lc_protocol {
  const char *name;
  /* `begin` makes the state that the protocol keeps for a connection, and returns 0 or a code.
   * `end` frees it. Both are NULL where there is no state. A protocol whose state lives for a time
   * only has no `begin`, and sets conn->protocol_state by itself. */
  int (*begin)(lc_conn *conn, void **state);
  void (*end)(void *state);
  /* Called when bytes lie in the buffer (lc_conn_buffered) and no unit is under way. May write, and
   * may take bytes that belong to no unit. NULL: the embedder reads by itself. */
  lc_arrival (*arrived)(lc_conn *conn, void *state);
  /* For a protocol without `arrived`, whose embedder reads through the protocol: looks at events
   * (LC_READABLE and the like) first, and returns those that the embedder gets. May be NULL. */
  unsigned (*ready)(lc_conn *conn, void *state, unsigned what);
  /* Asks the peer for a sign of life (settings.heartbeat). NULL: the embedder asks. */
  void (*ask)(lc_conn *conn, void *state);
  /* Called when the work for the unit is done. Takes the bytes of the unit that the embedder has
   * left. May be NULL. */
  void (*unit_ended)(lc_conn *conn, void *state);
  /* Called when the work has failed; the connection ends. May write an answer. May be NULL.
   * Without `arrived`, all of the embedder's work counts as one unit. */
  void (*unit_failed)(lc_conn *conn, void *state);
  /* Called when the embedder has done with the connection (lc_conn_leave), before `leave`. May be
   * NULL. */
  void (*abandoned)(lc_conn *conn, void *state);
  /* Whether the connection is idle: neither side owes the other anything. Every doubt counts as
   * work. */
  int (*is_between)(const lc_conn *conn, const void *state);
  /* Since when an idle connection has been idle. NULL: since it came to be so. Frames that only
   * keep a connection alive make it busy, and are no reason to keep it. */
  lc_time (*idle_since)(const lc_conn *conn, const void *state);
  /* Whether `is_between` is certain, and not only likely. If it is certain, a drain closes the
   * connection without waiting for silence. Called only for idle connections that have received
   * something. */
  int (*is_sure)(const lc_conn *conn, const void *state);
  /* Says goodbye, because the ladder dismisses the connection or the connection has reached a
   * limit. Called once, between two units, or when a unit is refused or canceled; from then on
   * every unit is refused. Returns 0 when the connection may be closed at once; NULL means the
   * same. Returns LC_AGAIN when the peer is to answer: the core then waits for LC_ARRIVAL_LEFT, but
   * no longer than `linger`, and not beyond the step cancel. */
  int (*leave)(lc_conn *conn, void *state);
  /* Returns how long the rest of a unit may take after its first byte. NULL:
   * settings.read_timeout. */
  lc_time (*patience)(const lc_conn *conn, const void *state);
  /* Called when it took longer; the connection ends. May write an answer. May be NULL. */
  void (*timed_out)(lc_conn *conn, void *state);
  /* Names what the connection is at work for, in `size` bytes, and since when. Returns whether
   * there is anything. May be NULL. */
  int (*label)(const lc_conn *conn, const void *state, char *text, size_t size, lc_time *since);
  /* 1: an answer can say that it is the last one. Then a drain refuses no unit because it began
   * late, and max_age closes the connection only after the silence `quiet`. */
  int ends_by_answer;
};

/* A connection without a protocol of its own has that of its owner. */
static inline const lc_protocol *lc_protocol_of(const lc_conn *conn)
{
  return conn->extra && conn->extra->protocol ? conn->extra->protocol : conn->owner->protocol;
}

static inline void *lc_protocol_state(const lc_conn *conn) { return conn->protocol_state; }

/* Makes the state of the connection's protocol: 0 or a code. */
int lc_protocol_begin(lc_conn *conn);
void lc_protocol_end(lc_conn *conn); /* frees that state */
/* Makes the state of another protocol for the connection: 0 or a code. */
int lc_protocol_make_state(lc_conn *conn, const lc_protocol *protocol, void **state);

#endif
