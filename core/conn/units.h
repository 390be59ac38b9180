/* units.h - a connection reads for its protocol, hands whole units over, and leaves as its protocol says. */
#ifndef LC_UNITS_H
#define LC_UNITS_H

#include "conn/inside.h"

/* What the embedder is to be told of these events. Reads for a protocol that knows its units. */
unsigned lc_units_filter(lc_conn *conn, unsigned what);
/* Such a protocol looks at what has come, a moment later; brings the state up to date for any other. */
void lc_units_look(lc_conn *conn);
/* The ladder dismisses an idle connection, or it has reached a limit. */
void lc_units_leave(lc_conn *conn, const char *cause);

#endif
