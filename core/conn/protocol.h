/* protocol.h - what a connection's bytes mean: where a unit of work begins and ends, and how it is left.
 *
 *              a whole unit is there          the embedder says that its work is done
 *   between --------------------------> unit -----------------------------------------> between
 *      |  arrived                                unit_ended
 *      |  the ladder dismisses the connection, or it has reached a limit: leave
 *      v
 *   leaving ----> closing    at once; when the peer has agreed or the linger is over; at cancel
 *
 * A protocol that knows its units (`arrived`) has the connection read for it while no unit is under way: no task runs
 * then, and between two units there is no buffer either. Where a protocol does not know them (guess.c), the embedder
 * reads by itself, and the waits of its tasks say what they mean.
 *
 * Another protocol may take over in mid-connection, with bytes buffered: lc_conn_set_protocol. It may be called within
 * the functions below: the state of the protocol before is freed at once. A unit that is under way then goes on, and
 * the new protocol is told of its end.
 *
 * What a protocol writes may fail, and end the connection. Its state stays valid until the call returns.
 */
#ifndef LC_PROTOCOL_H
#define LC_PROTOCOL_H

#include "conn/inside.h"

typedef enum lc_arrival {
  LC_ARRIVAL_MORE, /* the unit is not whole yet, or all that has come was taken */
  LC_ARRIVAL_UNIT, /* a whole unit lies in the buffer, or all of it that has to be there before work begins */
  LC_ARRIVAL_REFUSED, /* what has come makes no sense: the protocol has written its answer to the peer, if it has one */
  LC_ARRIVAL_LEFT /* the peer has said goodbye, by itself or as its answer */
} lc_arrival;

struct lc_protocol {
  const char *name;
  /* Makes what the protocol keeps of a connection, and frees it; both NULL where that is nothing. 0 or a code. */
  int (*begin)(lc_conn *conn, void **state);
  void (*end)(void *state);
  /* What has come lies in the buffer (lc_conn_buffered), and no unit is under way. NULL: the embedder reads by itself.
   * May write, and take bytes that belong to no unit. */
  lc_arrival (*arrived)(lc_conn *conn, void *state);
  /* The work for the unit is done: takes what the embedder has left of it. May be NULL. */
  void (*unit_ended)(lc_conn *conn, void *state);
  /* Whether neither side owes the other anything: the connection is idle. Every doubt counts as work. */
  int (*is_between)(const lc_conn *conn, const void *state);
  /* Whether that is known, and not only likely: a drain then closes the connection without waiting for silence. Asked
   * when is_between, of connections that have received something. */
  int (*is_sure)(const lc_conn *conn, const void *state);
  /* The connection is to end: dismissed by the ladder, or over a limit. Called once, between two units or when one is
   * refused. 0: it may be closed; LC_AGAIN: when LC_ARRIVAL_LEFT says so, but the peer has only `linger` for it, and
   * until the ladder cancels. From then on a unit is refused. NULL: it may be closed. */
  int (*leave)(lc_conn *conn, void *state);
};

/* The protocol of a connection: its own, or its owner's. */
static inline const lc_protocol *lc_protocol_of(const lc_conn *conn)
{
  return conn->extra && conn->extra->protocol ? conn->extra->protocol : conn->owner->protocol;
}

static inline void *lc_protocol_state(const lc_conn *conn)
{
  return conn->extra ? conn->extra->protocol_state : NULL;
}

int lc_protocol_begin(lc_conn *conn); /* the connection begins: 0 or a code */
void lc_protocol_end(lc_conn *conn);  /* it ends: frees what the protocol keeps of it */
/* What another protocol keeps of the connection: 0 or a code. */
int lc_protocol_make_state(lc_conn *conn, const lc_protocol *protocol, void **state);

#endif
