/* digits.h - numbers in decimal digits, without libc: also for a signal handler, and faster than
 * sprintf. */
#ifndef LC_DIGITS_H
#define LC_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LC_DIGITS_MOST 20 /* of a uint64_t */

/* Writes the digits in front of `end`. Returns where they begin. */
static inline char *lc_digits_before(char *end, uint64_t number)
{
  do {
    *--end = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return end;
}

/* Writes the digits at `text`, without a zero byte. Returns where they end. */
static inline char *lc_digits_append(char *text, uint64_t number)
{
  char digits[LC_DIGITS_MOST], *end = digits + sizeof digits;
  char *begin = lc_digits_before(end, number);
  size_t length = (size_t)(end - begin);
  memcpy(text, begin, length);
  return text + length;
}

#endif
