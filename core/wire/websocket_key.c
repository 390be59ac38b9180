/* websocket_key.c - the key of a WebSocket's handshake, and what answers it. */
#include <string.h>

#include "lastcall.h"
#include "wire/sha1.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Base64 of a number of bytes. */
static void encode(char *text, const uint8_t *bytes, size_t length)
{
  for (size_t i = 0; i < length; i += 3, text += 4) {
    size_t left = length - i;
    unsigned three = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                     (left > 2 ? bytes[i + 2] : 0);
    text[0] = DIGITS[three >> 18];
    text[1] = DIGITS[three >> 12 & 63];
    text[2] = left > 1 ? DIGITS[three >> 6 & 63] : '=';
    text[3] = left > 2 ? DIGITS[three & 63] : '=';
  }
}

void lc_ws_key_write(char key[LC_WS_KEY_SIZE], const uint8_t random[16])
{
  encode(key, random, 16);
}

/* The last digit stands for two bits, the others are 0. */
int lc_ws_is_key(const char *key, size_t length)
{
  if (length != LC_WS_KEY_SIZE || memcmp(key + 22, "==", 2) != 0) return 0;
  for (size_t i = 0; i < 22; i++)
    if (!key[i] || !strchr(DIGITS, key[i])) return 0;
  return ((strchr(DIGITS, key[21]) - DIGITS) & 15) == 0;
}

void lc_ws_accept(char accept[LC_WS_ACCEPT_SIZE], const char key[LC_WS_KEY_SIZE])
{
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char text[LC_WS_KEY_SIZE + sizeof guid - 1];
  uint8_t digest[LC_SHA1_SIZE];
  memcpy(text, key, LC_WS_KEY_SIZE);
  memcpy(text + LC_WS_KEY_SIZE, guid, sizeof guid - 1);
  lc_sha1(digest, text, sizeof text);
  encode(accept, digest, sizeof digest);
}
