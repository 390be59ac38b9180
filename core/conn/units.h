/* units.h - reads for the protocol of a connection, hands over whole units, and leaves as the
 * protocol says. */
#ifndef LC_UNITS_H
#define LC_UNITS_H

#include "conn/protocol.h"

unsigned lc_units_read(lc_conn *conn, unsigned what); /* for lc_units_filter */
/* Reads for a protocol that knows its units. Returns those of the events that the embedder gets. */
static inline unsigned lc_units_filter(lc_conn *conn, unsigned what)
{
  const lc_protocol *protocol = conn->owner ? lc_protocol_of(conn) : NULL;
  return protocol && (protocol->arrived || protocol->ready) ? lc_units_read(conn, what) : what;
}

/* The ladder dismisses an idle connection, or the connection has reached a limit. */
void lc_units_leave(lc_conn *conn, const char *cause);
/* Ends the connection, also in the middle of a unit: it says goodbye and does not wait for the
 * answer. */
void lc_units_cut(lc_conn *conn, const char *cause);

#endif
