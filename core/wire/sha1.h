/* sha1.h - the digest that a WebSocket's handshake asks for. */
#ifndef LC_SHA1_H
#define LC_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { LC_SHA1_SIZE = 20, LC_SHA1_MOST = 119 };

/* The SHA-1 digest of up to LC_SHA1_MOST bytes (FIPS 180-4). It protects nothing any more. */
void lc_sha1(uint8_t digest[LC_SHA1_SIZE], const char *data, size_t length);

#endif
