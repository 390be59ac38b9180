/* http_write.c - writes the head of a response, and of a chunk. */
#include <string.h>

#include "base/digits.h"
#include "lastcall.h"
#include "wire/http_class.h"

/* ---------------------------------------------------------------- the writer -- */

void lc_http_write_begin(lc_http_writer *writer, char *data, size_t room)
{
  writer->data = data;
  writer->room = room;
  writer->length = 0;
}

static void put(lc_http_writer *writer, const char *text, size_t length)
{
  if (writer->length <= writer->room && length <= writer->room - writer->length)
    memcpy(writer->data + writer->length, text, length);
  else if (writer->length < writer->room)
    writer->room = writer->length; /* nothing is written behind a gap */
  writer->length += length;
}
#define PUT(writer, text) put(writer, text, sizeof(text) - 1)

int lc_http_write_status(lc_http_writer *writer, int status, const char *reason, size_t length)
{
  char digits[4] = "   ";
  if (status < 100 || status > 599 || (reason && !lc_http_is_value(reason, length))) return -EINVAL;
  if (!reason) {
    reason = lc_http_reason(status);
    length = strlen(reason);
  }
  lc_digits_before(digits + 3, (uint64_t)status);
  digits[3] = ' ';
  PUT(writer, "HTTP/1.1 ");
  put(writer, digits, sizeof digits);
  put(writer, reason, length);
  PUT(writer, "\r\n");
  return 0;
}

int lc_http_write_field(lc_http_writer *writer, const char *name, size_t name_length,
                        const char *value, size_t value_length)
{
  if (!lc_http_is_token(name, name_length) || !lc_http_is_value(value, value_length))
    return -EINVAL;
  put(writer, name, name_length);
  PUT(writer, ": ");
  put(writer, value, value_length);
  PUT(writer, "\r\n");
  return 0;
}

void lc_http_write_length(lc_http_writer *writer, uint64_t length)
{
  char digits[LC_DIGITS_MOST], *end = digits + sizeof digits;
  char *begin = lc_digits_before(end, length);
  PUT(writer, "Content-Length: ");
  put(writer, begin, (size_t)(end - begin));
  PUT(writer, "\r\n");
}

int lc_http_write_end(lc_http_writer *writer)
{
  PUT(writer, "\r\n");
  return writer->length <= writer->room ? 0 : LC_TOO_LONG;
}

size_t lc_http_chunk_head(char *text, uint64_t size)
{
  static const char DIGITS[] = "0123456789abcdef";
  size_t length = 1;
  for (uint64_t rest = size >> 4; rest; rest >>= 4) length++;
  for (size_t i = length; i-- > 0; size >>= 4) text[i] = DIGITS[size & 15];
  memcpy(text + length, "\r\n", 2);
  return length + 2;
}
