/* transport.h - the table of functions that the core calls. */
#ifndef TLS_TRANSPORT_H
#define TLS_TRANSPORT_H

#include "ssl/config.h"
#include "ssl/inside.h"

/* Returns a transport with one user, or NULL. `host`: what a client wants to reach, or NULL. */
tls_transport *tls_transport_new(tls_config *config, const char *host);
/* Handshakes that begin from now on use this config; connections that are open keep theirs. */
void tls_transport_reconfigure(tls_transport *transport, tls_config *config);
void tls_transport_drop(tls_transport *transport);

#endif
