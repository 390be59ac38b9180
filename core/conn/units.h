/* units.h - a connection reads for its protocol, and hands whole units over. */
#ifndef LC_UNITS_H
#define LC_UNITS_H

#include "conn/inside.h"

/* What the embedder is to be told of these events. Reads for a protocol that knows its units. */
unsigned lc_units_filter(lc_conn *conn, unsigned what);
/* The ladder dismisses an idle connection. */
void lc_units_leave(lc_conn *conn, const char *cause);

#endif
