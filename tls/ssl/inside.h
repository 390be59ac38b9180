/* inside.h - what the files of tls/ share.
 *
 * A config is one set of options: certificates, trust, versions. A transport is what the core
 * calls; a server has one, and may give it another config. A state belongs to one connection. Each
 * holds what it uses, and the last user frees it.
 */
#ifndef TLS_INSIDE_H
#define TLS_INSIDE_H

#include <openssl/ssl.h>

#include "conn/transport.h"

typedef struct tls_config tls_config;
typedef struct tls_tickets tls_tickets;

typedef struct tls_transport {
  lc_transport table; /* first: the core knows nothing else */
  unsigned users;
  tls_config *config; /* of handshakes that begin from now on */
  char *host;         /* the host that a client wants to reach; NULL: not checked */
} tls_transport;

typedef struct tls_state {
  tls_transport *transport;
  tls_config *config;
  tls_tickets *tickets; /* the config's; NULL: it makes none */
  SSL *ssl;             /* NULL until the first byte has come */
  lc_line *line;        /* of the call under way */
  char *in;             /* received and not yet taken by OpenSSL: the config's input, or `held` */
  size_t in_start, in_end;
  char *held; /* what a call has left of it */
  char *out;  /* encrypted, and the kernel has not taken it */
  size_t out_start, out_end, out_room;
  int failure; /* what the kernel returned to the call under way, or 0 */
  int broken;  /* what ended this state: nothing can be received or sent any more */
  const char *reason;
  unsigned is_outbound : 1;
  unsigned was_short : 1; /* the call under way has received less than it had room for */
  unsigned is_open : 1;
  unsigned has_fin : 1;       /* the kernel has returned 0 */
  unsigned has_said_last : 1; /* close_notify */
  unsigned has_ticket : 1;    /* the client has its ticket */
} tls_state;

enum { TLS_INPUT = 17 * 1024 }; /* a record, and a little of the next one */

#endif
