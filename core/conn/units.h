/* units.h - reads for the protocol of a connection, hands over whole units, and leaves as the
 * protocol says. */
#ifndef LC_UNITS_H
#define LC_UNITS_H

#include "conn/inside.h"

/* Reads for a protocol that knows its units. Returns what the embedder is told of these events. */
unsigned lc_units_filter(lc_conn *conn, unsigned what);
/* For such a protocol: it looks at the received bytes later, from a job. For any other: brings the
 * state up to date. */
void lc_units_look(lc_conn *conn);
/* The ladder dismisses an idle connection, or the connection has reached a limit. */
void lc_units_leave(lc_conn *conn, const char *cause);

#endif
