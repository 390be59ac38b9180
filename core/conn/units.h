/* units.h - reads for the protocol of a connection, hands over whole units, and leaves as the
 * protocol says. */
#ifndef LC_UNITS_H
#define LC_UNITS_H

#include "conn/inside.h"

/* Reads for a protocol that knows its units. Returns those of the events that the embedder gets. */
unsigned lc_units_filter(lc_conn *conn, unsigned what);
/* The ladder dismisses an idle connection, or the connection has reached a limit. */
void lc_units_leave(lc_conn *conn, const char *cause);
/* Ends the connection, also in the middle of a unit: it says goodbye and does not wait for the
 * answer. */
void lc_units_cut(lc_conn *conn, const char *cause);

#endif
