/* address.h - addresses as people write them, and back. The functions are declared in lastcall.h;
 * here is what only the core uses: an address packed small enough to be kept by every connection. */
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

/* A unix-domain one in the file system; else it has no name, or one that is in no folder. */
int lc_address_is_path(const lc_address *address);

void lc_peer_pack(lc_peer *peer, const lc_address *address);
void lc_peer_unpack(const lc_peer *peer, lc_address *address);

#endif
