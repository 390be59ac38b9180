/* http_class.h - which bytes may stand where in HTTP, and how far they go. */
#ifndef LC_HTTP_CLASS_H
#define LC_HTTP_CLASS_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
  LC_HTTP_IN_TOKEN = 1,
  LC_HTTP_IN_TARGET = 2, /* visible ASCII but for "#" */
  LC_HTTP_IN_VALUE = 4,  /* HTAB, SP, visible ASCII, and bytes above */
  LC_HTTP_IN_HOST = 8    /* a registered name, but for its %-sequences */
};
extern const uint8_t lc_http_classes[256];

static inline int lc_http_is(char byte, unsigned class)
{
  return (lc_http_classes[(unsigned char)byte] & class) != 0;
}

static inline int lc_http_is_space(char byte) { return byte == ' ' || byte == '\t'; }
static inline int lc_http_is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/* Returns the first place from `at` on whose byte is not of the class, or `end`. Four bytes a round
 * are half the work. */
static inline size_t lc_http_skip(const char *data, size_t at, size_t end, unsigned class)
{
  for (; end - at >= 4; at += 4) {
    if (!lc_http_is(data[at], class)) return at;
    if (!lc_http_is(data[at + 1], class)) return at + 1;
    if (!lc_http_is(data[at + 2], class)) return at + 2;
    if (!lc_http_is(data[at + 3], class)) return at + 3;
  }
  while (at < end && lc_http_is(data[at], class)) at++;
  return at;
}

static inline size_t lc_http_skip_space(const char *data, size_t at, size_t end)
{
  while (at < end && lc_http_is_space(data[at])) at++;
  return at;
}

/* Returns the end of what is between `at` and `end` without the white space before `end`. */
static inline size_t lc_http_trim(const char *data, size_t at, size_t end)
{
  while (end > at && lc_http_is_space(data[end - 1])) end--;
  return end;
}

/* Of eight bytes: the lowest high bit that is set is that of the first byte that is not of 0x20 to
 * 0x7e. The other bits mean nothing. */
static inline uint64_t lc_http_odd(const char *bytes)
{
  const uint64_t ones = UINT64_MAX / 255;
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  word = le64toh(word);
  return (word - ones * 0x20) | (word + ones) | word;
}

/* As lc_http_skip with LC_HTTP_IN_VALUE. Values are the most of a head, so it looks at sixteen
 * bytes at once, and at eight when one of them is odd. Of those, some are of the class. */
static inline size_t lc_http_skip_value(const char *data, size_t at, size_t end)
{
  const uint64_t high = UINT64_MAX / 255 * 0x80;
  enum { WORD = sizeof(uint64_t) };
  while (end - at >= 2 * WORD && !((lc_http_odd(data + at) | lc_http_odd(data + at + WORD)) & high))
    at += 2 * WORD;
  while (end - at >= WORD) {
    uint64_t odd = lc_http_odd(data + at) & high;
    if (odd) {
      at += (size_t)__builtin_ctzll(odd) / 8;
      if (!lc_http_is(data[at], LC_HTTP_IN_VALUE)) return at;
      at++;
    } else {
      at += WORD;
    }
  }
  return lc_http_skip(data, at, end, LC_HTTP_IN_VALUE);
}

/* Whether the text, in any case, is `word`, which is in lower case. A letter
 * differs from its other case in one bit; no other byte of a value becomes one of the word with
 * it. */
static inline int lc_http_is_word(const char *text, size_t length, const char *word,
                                  size_t word_length)
{
  if (length != word_length) return 0;
  for (size_t i = 0; i < length; i++)
    if ((text[i] | 0x20) != word[i]) return 0;
  return 1;
}
#define LC_HTTP_IS(text, length, word) lc_http_is_word(text, length, word, sizeof(word) - 1)

/* The value of a hexadecimal digit, or -1. */
int lc_http_hex(char byte);

#endif
