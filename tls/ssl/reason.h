/* reason.h - what went wrong, as a code of the core and in words. */
#ifndef TLS_REASON_H
#define TLS_REASON_H

#include "ssl/inside.h"

/* After a call of OpenSSL that failed for good: sets the state's reason, and returns a code.
 * Empties OpenSSL's queue of errors. */
int tls_reason_of(tls_state *state);

#endif
