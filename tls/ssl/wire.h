/* wire.h - the encrypted bytes, between OpenSSL and the kernel.
 *
 * OpenSSL reads and writes through a BIO of ours, which calls the kernel by `sys`. To OpenSSL a
 * write always succeeds: what the kernel refuses is kept, so that no record is ever encrypted
 * twice. The end of the stream looks like silence to OpenSSL, which would take it for a fatal
 * failure and then refuse to write; `has_fin` tells it apart.
 */
#ifndef TLS_WIRE_H
#define TLS_WIRE_H

#include "ssl/inside.h"

int tls_wire_init(void); /* once in a process; 0 or -1 */
/* Makes the BIO of the state's `ssl`. Returns 0 or -1. */
int tls_wire_attach(tls_state *state);
/* Around each call of the core. */
void tls_wire_begin(tls_state *state, lc_line *line);
void tls_wire_end(tls_state *state);
/* Whether a call has failed because the kernel lacks memory; the line notes it, so the core tries
 * again. An open connection's receive is left to its reader. */
int tls_lacks_memory(lc_line *line, ssize_t result);
/* Sends what is kept. Returns 0, LC_AGAIN, or a code. */
int tls_wire_flush(tls_state *state);
size_t tls_wire_kept(const tls_state *state);
/* Whether the call under way has received all that the kernel had, and OpenSSL has taken it. */
int tls_wire_is_empty(const tls_state *state);
/* Whether a whole record has been received that OpenSSL has not taken. */
int tls_wire_has_record(const tls_state *state);
void tls_wire_free(tls_state *state);

#endif
