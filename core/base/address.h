/* address.h - addresses, as text and packed.
 *
 * lastcall/address.h declares the functions for text. Here is what only the core uses: an address
 * that is packed so small that every connection can keep one.
 */
#ifndef LC_ADDRESS_H
#define LC_ADDRESS_H

#include "lastcall.h"

/* 24 bytes instead of the 112 of lc_address. A unix-domain peer keeps no name. */
typedef struct lc_peer {
  uint16_t family;
  uint16_t port; /* network order */
  uint32_t scope;
  uint8_t host[16];
} lc_peer;

/* Whether the address is a path in the file system, and not an unnamed or abstract unix-domain
 * address. */
int lc_address_is_path(const lc_address *address);

/* Whether it is a network's: a unix socket has no options of TCP. */
static inline int lc_family_is_tcp(int family)
{
  return family != AF_UNIX && family < LC_FAMILY_PIPE;
}

void lc_peer_pack(lc_peer *peer, const lc_address *address);
void lc_peer_unpack(const lc_peer *peer, lc_address *address);

#endif
