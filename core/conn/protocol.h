/* protocol.h - what a connection's bytes mean: where a unit of work begins and ends, and how it is left.
 *
 *              a whole unit is there          the embedder says that its work is done
 *   between --------------------------> unit -----------------------------------------> between
 *      |  arrived                                unit_ended
 *      |  dismissed by the ladder: leave
 *      v
 *   leaving ----> closing    at once, or when the peer has agreed
 *
 * A protocol that knows its units (`arrived`) has the connection read for it while no unit is under way: no task runs
 * then, and between two units there is no buffer either. Where a protocol does not know them (guess.c), the embedder
 * reads by itself, and the waits of its tasks say what they mean.
 *
 * Another protocol may take over in mid-connection, with bytes buffered: lc_conn_set_protocol.
 */
#ifndef LC_PROTOCOL_H
#define LC_PROTOCOL_H

#include "conn/inside.h"

typedef enum lc_arrival {
  LC_ARRIVAL_MORE, /* the unit is not whole yet; or nothing has come */
  LC_ARRIVAL_UNIT, /* a whole unit lies in the buffer, or all of it that has to be there before work begins */
  LC_ARRIVAL_REFUSED, /* what has come makes no sense: the protocol has written what the peer is told, if anything */
  LC_ARRIVAL_LEFT /* the peer has agreed to leave */
} lc_arrival;

struct lc_protocol {
  const char *name;
  /* Makes what the protocol keeps of a connection, and frees it; both NULL where that is nothing. 0 or a code. */
  int (*begin)(lc_conn *conn, void **state);
  void (*end)(void *state);
  /* What has come lies in the buffer (lc_conn_buffered), and no unit is under way. NULL: the embedder reads by itself.
   * May write, and take bytes that belong to no unit. */
  lc_arrival (*arrived)(lc_conn *conn, void *state);
  void (*unit_ended)(lc_conn *conn, void *state); /* or NULL */
  /* Whether neither side owes the other anything: the connection is idle. Every doubt counts as work. */
  int (*is_between)(const lc_conn *conn, const void *state);
  /* Whether that is known, and not only likely: a drain then closes the connection without waiting for silence. */
  int (*is_sure)(const lc_conn *conn, const void *state);
  /* The ladder dismisses the connection. 0: it may be closed; LC_AGAIN: when LC_ARRIVAL_LEFT says so, or when the
   * ladder cancels. NULL: it may be closed. */
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
