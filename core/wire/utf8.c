/* utf8.c - whether a text is UTF-8 (RFC 3629), when it comes in pieces. */
#include <string.h>

#include "lastcall.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Returns the first place from `at` on that begins eight bytes which are not all ASCII, or that has
 * fewer than eight behind it. */
static size_t skip_ascii(const char *data, size_t at, size_t length)
{
  uint64_t eight;
  for (; length - at >= sizeof eight; at += sizeof eight) {
    memcpy(&eight, data + at, sizeof eight);
    if (eight & HIGH_BITS) break;
  }
  return at;
}

/* The first byte of a character. The second one's bounds leave out what has a shorter form, the
 * surrogates, and what lies beyond U+10FFFF. */
static int begin(lc_utf8 *text, uint8_t byte)
{
  text->low = 0x80;
  text->high = 0xbf;
  if (byte < 0x80) return 1;
  if (byte < 0xc2 || byte > 0xf4) return 0;
  if (byte < 0xe0) {
    text->left = 1;
    return 1;
  }
  text->left = byte < 0xf0 ? 2 : 3;
  if (byte == 0xe0) text->low = 0xa0;
  else if (byte == 0xed) text->high = 0x9f;
  else if (byte == 0xf0) text->low = 0x90;
  else if (byte == 0xf4) text->high = 0x8f;
  return 1;
}

static int go_on(lc_utf8 *text, uint8_t byte)
{
  if (byte < text->low || byte > text->high) return 0;
  text->left--;
  text->low = 0x80;
  text->high = 0xbf;
  return 1;
}

int lc_utf8_read(lc_utf8 *text, const char *data, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    if (!text->left) i = skip_ascii(data, i, length);
    if (i == length) break;
    uint8_t byte = (uint8_t)data[i];
    int is_fine = text->left ? go_on(text, byte) : begin(text, byte);
    if (!is_fine) return 0;
  }
  return 1;
}

int lc_utf8_is_whole(const lc_utf8 *text) { return !text->left; }
