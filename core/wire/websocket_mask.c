/* websocket_mask.c - masks the payload of a frame, eight bytes at a time. */
#include <string.h>

#include "lastcall.h"

void lc_ws_mask(char *to, const char *from, size_t length, const uint8_t mask[4], uint64_t at)
{
  uint8_t turned[8];
  uint64_t eight, key;
  size_t i = 0;
  for (size_t k = 0; k < sizeof turned; k++) turned[k] = mask[(at + k) & 3];
  memcpy(&key, turned, sizeof key);
  for (; length - i >= sizeof eight; i += sizeof eight) {
    memcpy(&eight, from + i, sizeof eight);
    eight ^= key;
    memcpy(to + i, &eight, sizeof eight);
  }
  for (; i < length; i++) to[i] = (char)((uint8_t)from[i] ^ turned[i & 7]);
}
