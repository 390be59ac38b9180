/* test_http_write.c - heads of responses as they are written, and what must not be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lastcall.h"

static int put_field(lc_http_writer *w, const char *name, const char *value)
{
  return lc_http_write_field(w, name, strlen(name), value, strlen(value));
}

static int write_example(lc_http_writer *w)
{
  assert_int_equal(lc_http_write_status(w, 200, NULL, 0), 0);
  assert_int_equal(put_field(w, "Content-Type", "text/plain"), 0);
  assert_int_equal(put_field(w, "X-Empty", ""), 0);
  lc_http_write_length(w, 1234567890123);
  return lc_http_write_end(w);
}

static const char EXAMPLE[] =
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Empty: \r\n"
  "Content-Length: 1234567890123\r\n\r\n";

static void a_head_is_written(void **state)
{
  char text[200];
  lc_http_writer w;
  (void)state;
  lc_http_write_begin(&w, text, sizeof text);
  assert_int_equal(write_example(&w), 0);
  assert_int_equal(w.length, sizeof EXAMPLE - 1);
  assert_memory_equal(text, EXAMPLE, w.length);
}

/* In each room that is too small: nothing is written beyond it, and the length says what is needed. */
static void too_little_room_is_told(void **state)
{
  (void)state;
  for (size_t room = 0; room < sizeof EXAMPLE - 1; room++) {
    char *text = malloc(room + 1);
    lc_http_writer w;
    assert_non_null(text);
    text[room] = 'z';
    lc_http_write_begin(&w, text, room);
    assert_int_equal(write_example(&w), LC_TOO_LONG);
    assert_int_equal(w.length, sizeof EXAMPLE - 1);
    assert_int_equal(text[room], 'z');
    free(text);
  }
}

static void what_is_written_can_be_read(void **state)
{
  char text[200];
  lc_http_writer w;
  lc_http_field fields[4];
  lc_http_head head;
  (void)state;
  lc_http_write_begin(&w, text, sizeof text);
  assert_int_equal(lc_http_write_status(&w, 599, "so it\tis \xff", 10), 0);
  assert_int_equal(put_field(&w, "!#$%&'*+-.^_`|~0aZ", "\xff \t~"), 0);
  lc_http_write_length(&w, 0);
  assert_int_equal(lc_http_write_end(&w), 0);
  lc_http_head_init(&head, LC_HTTP_RESPONSE, fields, 4);
  assert_int_equal(lc_http_head_read(&head, text, w.length), w.length);
  assert_int_equal(head.status, 599);
  assert_int_equal(head.count, 2);
  assert_int_equal(head.body, LC_HTTP_SIZED);
}

static void what_would_end_a_line_is_refused(void **state)
{
  static const struct {
    const char *name, *value;
    size_t name_length, value_length;
  } CASES[] = {
    {"X", "a\rb", 1, 3},   {"X", "a\nb", 1, 3},     {"X", "a\r\nY: c", 1, 7},
    {"X", "a\0b", 1, 3},   {"X", "\x01", 1, 1},     {"X", "\x7f", 1, 1},
    {"X\r\nY", "a", 4, 1}, {"X\n", "a", 2, 1},      {"X\0", "a", 2, 1},
    {"", "a", 0, 1},       {"X:", "a", 2, 1},       {"X ", "a", 2, 1},
    {" X", "a", 2, 1},     {"\xc3\xa4", "a", 2, 1}, {"X", "0123456789abcdef\n", 1, 17},
  };
  char text[100];
  lc_http_writer w;
  (void)state;
  lc_http_write_begin(&w, text, sizeof text);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    assert_int_equal(lc_http_write_field(&w, CASES[i].name, CASES[i].name_length, CASES[i].value,
                                         CASES[i].value_length),
                     -EINVAL);
    assert_int_equal(w.length, 0);
  }
}

static void a_status_out_of_range_is_refused(void **state)
{
  static const int WRONG[] = {-1, 0, 99, 600, 1000, INT32_MAX};
  char text[100];
  lc_http_writer w;
  (void)state;
  lc_http_write_begin(&w, text, sizeof text);
  for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
    assert_int_equal(lc_http_write_status(&w, WRONG[i], NULL, 0), -EINVAL);
  assert_int_equal(lc_http_write_status(&w, 200, "O\r\nK", 4), -EINVAL);
  assert_int_equal(w.length, 0);
  assert_int_equal(lc_http_write_status(&w, 299, NULL, 0), 0);
  assert_int_equal(lc_http_write_status(&w, 404, "", 0), 0);
  assert_int_equal(lc_http_write_status(&w, 503, NULL, 0), 0);
  static const char WANTED[] =
    "HTTP/1.1 299 Status\r\nHTTP/1.1 404 \r\nHTTP/1.1 503 Service Unavailable\r\n";
  assert_int_equal(w.length, sizeof WANTED - 1);
  assert_memory_equal(text, WANTED, w.length);
}

static void texts_are_told_apart(void **state)
{
  (void)state;
  assert_true(lc_http_is_token("GET", 3));
  assert_false(lc_http_is_token("", 0));
  assert_false(lc_http_is_token("G T", 3));
  assert_true(lc_http_is_value("", 0));
  assert_true(lc_http_is_value("a\tb \xff", 5));
  assert_false(lc_http_is_value("a\n", 2));
}

static void dates_are_those_of_the_calendar(void **state)
{
  static const int64_t SECONDS[] = {0,          784111777,  951782400,   951868800,
                                    1078012800, 4107542399, 253402300799};
  char text[LC_HTTP_DATE_SIZE + 1] = "", wanted[64];
  (void)state;
  lc_http_date(text, 784111777);
  assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
  for (size_t i = 0; i < sizeof SECONDS / sizeof *SECONDS; i++)
    for (int64_t day = 0; day < 400; day++) {
      int64_t at = SECONDS[i] - day * 86399 > 0 ? SECONDS[i] - day * 86399 : day;
      time_t then = (time_t)at;
      struct tm parts;
      gmtime_r(&then, &parts);
      strftime(wanted, sizeof wanted, "%a, %d %b %Y %H:%M:%S GMT", &parts);
      lc_http_date(text, at);
      assert_string_equal(text, wanted);
    }
}

static void chunks_are_announced(void **state)
{
  static const struct {
    uint64_t size;
    const char *wanted;
  } CASES[] = {{0, "0\r\n"},    {9, "9\r\n"},       {10, "a\r\n"},
               {255, "ff\r\n"}, {4096, "1000\r\n"}, {UINT64_MAX, "ffffffffffffffff\r\n"}};
  (void)state;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    char text[LC_HTTP_CHUNK_HEAD];
    lc_http_chunks chunks;
    lc_slice piece;
    size_t length = lc_http_chunk_head(text, CASES[i].size);
    assert_int_equal(length, strlen(CASES[i].wanted));
    assert_memory_equal(text, CASES[i].wanted, length);
    lc_http_chunks_init(&chunks);
    assert_int_equal(lc_http_chunks_read(&chunks, text, length, &piece), length);
    assert_true(chunks.left == CASES[i].size);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_head_is_written),
    cmocka_unit_test(too_little_room_is_told),
    cmocka_unit_test(what_is_written_can_be_read),
    cmocka_unit_test(what_would_end_a_line_is_refused),
    cmocka_unit_test(a_status_out_of_range_is_refused),
    cmocka_unit_test(texts_are_told_apart),
    cmocka_unit_test(dates_are_those_of_the_calendar),
    cmocka_unit_test(chunks_are_announced),
  };
  return cmocka_run_group_tests_name("test_http_write", tests, NULL, NULL);
}
