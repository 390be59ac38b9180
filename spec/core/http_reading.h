/* http_reading.h - reads a head cut into pieces in every way, and requires the same result each time. */
#ifndef HTTP_READING_H
#define HTTP_READING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lastcall.h"

/* What a head is read with, and what came of it. */
typedef struct reading {
  lc_http_kind kind;
  uint32_t max_fields, max_line, max_head; /* 0: the usual ones */
  int answers_head;
  lc_http_head head;
  lc_http_field fields[LC_HTTP_MAX_FIELDS];
  const char *text; /* the caller's */
} reading;

/* Reads the text in one piece, then cut in two at each place, and byte by byte: every reading has to come to the same.
 * Returns what lc_http_head_read does. */
ssize_t reading_of(reading *r, const char *text, size_t length);
ssize_t reading_of_text(reading *r, const char *text);

void expect_span(const reading *r, lc_http_span span, const char *wanted);

#endif
