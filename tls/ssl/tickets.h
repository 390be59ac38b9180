/* tickets.h - the keys of the tickets by which clients resume their sessions.
 *
 * The first key makes tickets, and all are understood. A ticket of another key than the first is
 * replaced when it is used. Keys that were given stay until there is another config. Our own live
 * for two hours, like the sessions: then a new one takes the first place, and the one before is
 * understood for as long again.
 */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include "ssl/inside.h"

enum { TLS_KEY = 80, TLS_KEYS = 8 }; /* bytes of a key; how many may be given */

/* Uses these keys, which lie one behind the other, or without any its own. Returns NULL when there
 * is no memory, or there are no random bytes. */
tls_tickets *tls_tickets_new(SSL_CTX *context, const char *keys, size_t length);
void tls_tickets_free(tls_tickets *tickets);

#endif
