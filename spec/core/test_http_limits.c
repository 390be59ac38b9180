/* test_http_limits.c - how long a head, its lines and its list of fields may be. */
#include <stdlib.h>

#include "http_reading.h"

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

static char *filled(const char *before, size_t count, const char *behind)
{
  size_t first = strlen(before), last = strlen(behind);
  char *text = malloc(first + count + last + 1);
  assert_non_null(text);
  memcpy(text, before, first);
  memset(text + first, 'x', count);
  memcpy(text + first + count, behind, last + 1);
  return text;
}

static void expect_filled(const char *before, size_t whole, const char *behind, lc_http_fault fault)
{
  char *text = filled(before, whole - strlen(before) - strlen(behind), behind);
  reading r = {.kind = LC_HTTP_REQUEST};
  ssize_t result = reading_of_text(&r, text);
  assert_int_equal(r.head.fault, fault);
  assert_int_equal(result, fault ? LC_HTTP_BAD : (ssize_t)whole);
  free(text);
}

static void a_request_line_has_8_KiB(void **state)
{
  static const char REST[] = HOST END;
  size_t rest = sizeof REST - 1;
  (void)state;
  expect_filled("GET /", LC_HTTP_MAX_LINE + rest, " HTTP/1.1\r\n" HOST END, LC_HTTP_NO_FAULT);
  expect_filled("GET /", LC_HTTP_MAX_LINE + rest + 1, " HTTP/1.1\r\n" HOST END,
                LC_HTTP_BAD_LINE_LONG);
  expect_filled("GET /", LC_HTTP_MAX_LINE + 20000, " HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_LINE_LONG);
  expect_filled("GET /", LC_HTTP_MAX_LINE + 20000, "\x01 HTTP/1.1\r\n" HOST END,
                LC_HTTP_BAD_LINE_LONG);
  assert_int_equal(lc_http_fault_status(LC_HTTP_BAD_LINE_LONG), 414);
}

static void a_head_has_32_KiB(void **state)
{
  (void)state;
  expect_filled(GET HOST "X: ", LC_HTTP_MAX_HEAD, "\r\n\r\n", LC_HTTP_NO_FAULT);
  expect_filled(GET HOST "X: ", LC_HTTP_MAX_HEAD + 1, "\r\n\r\n", LC_HTTP_BAD_HEAD_LONG);
  expect_filled(GET HOST, LC_HTTP_MAX_HEAD + 1, ": y\r\n\r\n", LC_HTTP_BAD_HEAD_LONG);
  expect_filled(GET HOST "X: ", LC_HTTP_MAX_HEAD + 1000, "\x01\r\n\r\n", LC_HTTP_BAD_HEAD_LONG);
  assert_int_equal(lc_http_fault_status(LC_HTTP_BAD_HEAD_LONG), 431);
}

static void a_head_has_a_hundred_fields(void **state)
{
  char text[2048] = GET;
  (void)state;
  for (size_t i = 0; i < LC_HTTP_MAX_FIELDS - 1; i++) strcat(text, "X: y\r\n");
  strcat(text, "Host: a\r\n");
  size_t length = strlen(text);
  strcpy(text + length, END);
  reading r = {.kind = LC_HTTP_REQUEST};
  assert_int_equal(reading_of_text(&r, text), length + 2);
  assert_int_equal(r.head.count, LC_HTTP_MAX_FIELDS);
  strcpy(text + length, "X: y\r\n" END);
  assert_int_equal(reading_of_text(&r, text), LC_HTTP_BAD);
  assert_int_equal(r.head.fault, LC_HTTP_BAD_FIELDS);
  assert_int_equal(lc_http_fault_status(LC_HTTP_BAD_FIELDS), 431);
}

static void limits_are_the_callers(void **state)
{
  static const char TEXT[] = "GET /ab HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  static const struct {
    uint32_t fields, line, head;
    lc_http_fault fault;
  } CASES[] = {{2, 18, sizeof TEXT - 1, LC_HTTP_NO_FAULT},
               {1, 0, 0, LC_HTTP_BAD_FIELDS},
               {0, 17, 0, LC_HTTP_BAD_LINE_LONG},
               {0, 4, 0, LC_HTTP_BAD_LINE_LONG},
               {0, 0, sizeof TEXT - 2, LC_HTTP_BAD_HEAD_LONG},
               {0, 0, 18, LC_HTTP_BAD_HEAD_LONG},
               {0, 0, 17, LC_HTTP_BAD_LINE_LONG}};
  (void)state;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    reading r = {LC_HTTP_REQUEST, CASES[i].fields, CASES[i].line, CASES[i].head, .text = TEXT};
    ssize_t result = reading_of_text(&r, TEXT);
    assert_int_equal(r.head.fault, CASES[i].fault);
    assert_int_equal(result, CASES[i].fault ? LC_HTTP_BAD : (ssize_t)sizeof TEXT - 1);
  }
}

/* Byte by byte, a long head takes as much work as in one piece: a small part of a second, not minutes. */
static void a_long_head_is_read_once(void **state)
{
  enum { LONG = 4 << 20 };
  char *text = filled(GET HOST "X: ", LONG, "\r\n\r\n");
  lc_http_field fields[2];
  lc_http_head head;
  ssize_t result = LC_AGAIN;
  size_t length = 0;
  (void)state;
  lc_http_head_init(&head, LC_HTTP_REQUEST, fields, 2);
  head.max_head = LONG + 100;
  while (result == LC_AGAIN) result = lc_http_head_read(&head, text, ++length);
  assert_int_equal(result, strlen(text));
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_request_line_has_8_KiB),    cmocka_unit_test(a_head_has_32_KiB),
    cmocka_unit_test(a_head_has_a_hundred_fields), cmocka_unit_test(limits_are_the_callers),
    cmocka_unit_test(a_long_head_is_read_once),
  };
  return cmocka_run_group_tests_name("test_http_limits", tests, NULL, NULL);
}
