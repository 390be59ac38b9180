/* http_reading.c - reads a head cut into pieces in every way, and requires the same result each time. */
#include "http_reading.h"

#include <stdlib.h>

/* Another place in memory for each call, so that a sanitizer sees a read beyond what has come. */
static ssize_t read_part(lc_http_head *head, const char *text, size_t length)
{
  char *copy = malloc(length ? length : 1);
  assert_non_null(copy);
  memcpy(copy, text, length);
  ssize_t result = lc_http_head_read(head, copy, length);
  free(copy);
  return result;
}

static void begin(const reading *r, lc_http_head *head, lc_http_field *fields)
{
  lc_http_head_init(head, r->kind, fields, r->max_fields ? r->max_fields : LC_HTTP_MAX_FIELDS);
  if (r->max_line) head->max_line = r->max_line;
  if (r->max_head) head->max_head = r->max_head;
  head->answers_head = r->answers_head;
}

static void expect_the_same(const reading *r, const lc_http_head *head, const lc_http_field *fields,
                            ssize_t wanted, ssize_t result, size_t cut)
{
  size_t from = offsetof(lc_http_head, method), to = offsetof(lc_http_head, state);
  if (result != wanted || head->fault != r->head.fault)
    fail_msg("\"%s\" cut at %zu: %zd, %s, not %zd, %s", r->text, cut, result,
             lc_http_fault_text(head->fault), wanted, lc_http_fault_text(r->head.fault));
  if (wanted < 0) return;
  assert_memory_equal((const char *)head + from, (const char *)&r->head + from, to - from);
  assert_memory_equal(fields, r->fields, head->count * sizeof *fields);
}

ssize_t reading_of(reading *r, const char *text, size_t length)
{
  lc_http_head head;
  lc_http_field fields[LC_HTTP_MAX_FIELDS];
  size_t step = length > 2000 ? length / 100 : 1;
  r->text = text;
  begin(r, &r->head, r->fields);
  ssize_t result, wanted = read_part(&r->head, text, length);
  assert_int_equal(read_part(&r->head, text, length), wanted); /* it stays so */
  for (size_t cut = 0; cut < length; cut += step) {
    begin(r, &head, fields);
    result = read_part(&head, text, cut);
    if (result == LC_AGAIN) result = read_part(&head, text, length);
    expect_the_same(r, &head, fields, wanted, result, cut);
  }
  begin(r, &head, fields);
  result = LC_AGAIN;
  for (size_t held = 0; held <= length && result == LC_AGAIN; held += length > 2000 ? 13 : 1)
    result = read_part(&head, text, held);
  if (result == LC_AGAIN) result = read_part(&head, text, length);
  expect_the_same(r, &head, fields, wanted, result, length);
  return wanted;
}

ssize_t reading_of_text(reading *r, const char *text) { return reading_of(r, text, strlen(text)); }

void expect_span(const reading *r, lc_http_span span, const char *wanted)
{
  if (span.length != strlen(wanted) || memcmp(r->text + span.at, wanted, span.length) != 0)
    fail_msg("\"%.*s\", not \"%s\" in \"%s\"", (int)span.length, r->text + span.at, wanted,
             r->text);
}
