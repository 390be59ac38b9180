/* http_class.c - which bytes may stand where in HTTP. */
#include "wire/http_class.h"

#include "lastcall.h"

/* 1: a token, 2: a target, 4: a value, 8: a host. */
const uint8_t lc_http_classes[256] = {
  0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0,  /* 00 */
  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  /* 10 */
  4,  15, 6,  5,  15, 7,  15, 15, 14, 14, 15, 15, 14, 15, 15, 6,  /* 20 */
  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6,  14, 6,  14, 6,  6,  /* 30 */
  6,  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 40 */
  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6,  6,  6,  7,  15, /* 50 */
  7,  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 60 */
  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6,  7,  6,  15, 0,  /* 70 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 80 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 90 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* a0 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* b0 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* c0 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* d0 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* e0 */
  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* f0 */
};

int lc_http_hex(char byte)
{
  if (lc_http_is_digit(byte)) return byte - '0';
  int low = byte | 0x20;
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

int lc_http_is_token(const char *text, size_t length)
{
  return length > 0 && lc_http_skip(text, 0, length, LC_HTTP_IN_TOKEN) == length;
}

int lc_http_is_value(const char *text, size_t length)
{
  return lc_http_skip_value(text, 0, length) == length;
}
