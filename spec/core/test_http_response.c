/* test_http_response.c - the heads of responses, which a client reads, and the trailers of either side. */
#include "http_reading.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define END "\r\n"

static const struct {
  const char *text;
  lc_http_fault fault;
} REFUSALS[] = {
  {"\r\n" OK END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1  200 OK\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1\t200 OK\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1 20 OK\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1 2000 OK\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1 099 OK\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1 200\tOK\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1 200 O\x01K\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"ICY 200 OK\r\n" END, LC_HTTP_BAD_STATUS_LINE},
  {"HTTP/1.1 200 OK\n" END, LC_HTTP_BAD_LINE_END},
  {"HTTP/1.1 200 O\rK\r\n" END, LC_HTTP_BAD_LINE_END},
  {"HTTP/1.1 200\r\r\n" END, LC_HTTP_BAD_LINE_END},
  {"HTTP/2.0 200 OK\r\n" END, LC_HTTP_BAD_VERSION_OTHER},
  {"HTTP/1.2 200 OK\r\n" END, LC_HTTP_BAD_VERSION_OTHER},
  {OK "X : y\r\n" END, LC_HTTP_BAD_NAME},
  {OK "X: y\r\n z\r\n" END, LC_HTTP_BAD_FOLDED},
  {OK "Content-Length: 1\r\nContent-Length: 1\r\n" END, LC_HTTP_BAD_LENGTH_TWICE},
  {OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" END, LC_HTTP_BAD_CODING_AND_LENGTH},
  {OK "Transfer-Encoding: gzip\r\n" END, LC_HTTP_BAD_CODING_OTHER},
  {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" END, LC_HTTP_BAD_CODING_OLD},
};

static void what_may_be_misunderstood_is_refused(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
    reading r = {.kind = LC_HTTP_RESPONSE};
    ssize_t result = reading_of_text(&r, REFUSALS[i].text);
    if (result != LC_HTTP_BAD || r.head.fault != REFUSALS[i].fault)
      fail_msg("\"%s\": %zd, %s", REFUSALS[i].text, result, lc_http_fault_text(r.head.fault));
  }
}

static const struct {
  const char *text;
  int answers_head, status;
  const char *reason;
  lc_http_body body;
  int persists;
} ACCEPTANCES[] = {
  {OK END, 0, 200, "OK", LC_HTTP_UNTIL_CLOSE, 0},
  {OK "Content-Length: 5\r\n" END, 0, 200, "OK", LC_HTTP_SIZED, 1},
  {OK "Content-Length: 5\r\n" END, 1, 200, "OK", LC_HTTP_NO_BODY, 1},
  {OK "Content-Length: 5\r\nConnection: close\r\n" END, 0, 200, "OK", LC_HTTP_SIZED, 0},
  {OK "Transfer-Encoding: chunked\r\n" END, 0, 200, "OK", LC_HTTP_CHUNKED, 1},
  {OK "Transfer-Encoding: chunked\r\n" END, 1, 200, "OK", LC_HTTP_NO_BODY, 1},
  {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n" END, 0, 200, "OK", LC_HTTP_SIZED, 0},
  {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n" END, 0, 200, "OK",
   LC_HTTP_SIZED, 1},
  {"HTTP/1.1 404 \r\nContent-Length: 0\r\n" END, 0, 404, "", LC_HTTP_SIZED, 1},
  {"HTTP/1.1 404\r\nContent-Length: 0\r\n" END, 0, 404, "", LC_HTTP_SIZED, 1},
  {"HTTP/1.1 100 Continue\r\n" END, 0, 100, "Continue", LC_HTTP_NO_BODY, 1},
  {"HTTP/1.1 204 No\tContent \xff\r\n" END, 0, 204, "No\tContent \xff", LC_HTTP_NO_BODY, 1},
  {"HTTP/1.1 304 x\r\nContent-Length: 5\r\nHost: a b\r\nExpect: x\r\n" END, 0, 304, "x",
   LC_HTTP_NO_BODY, 1},
  {"HTTP/1.1 999 x\r\nContent-Length: 1\r\n" END, 0, 999, "x", LC_HTTP_SIZED, 1},
};

static void what_is_clear_is_accepted(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof ACCEPTANCES / sizeof *ACCEPTANCES; i++) {
    const char *text = ACCEPTANCES[i].text;
    reading r = {.kind = LC_HTTP_RESPONSE, .answers_head = ACCEPTANCES[i].answers_head};
    if (reading_of_text(&r, text) != (ssize_t)strlen(text))
      fail_msg("\"%s\": %s", text, lc_http_fault_text(r.head.fault));
    assert_int_equal(r.head.status, ACCEPTANCES[i].status);
    expect_span(&r, r.head.reason, ACCEPTANCES[i].reason);
    assert_int_equal(r.head.body, ACCEPTANCES[i].body);
    assert_int_equal(r.head.persists, ACCEPTANCES[i].persists);
    for (size_t length = 0; length < strlen(text); length++)
      assert_int_equal(reading_of(&r, text, length), LC_AGAIN);
  }
}

static void a_switch_of_protocols_is_named(void **state)
{
  reading r = {.kind = LC_HTTP_RESPONSE};
  (void)state;
  assert_true(
    reading_of_text(&r, "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" END) > 0);
  expect_span(&r, r.head.upgrade, "websocket");
  assert_int_equal(r.head.body, LC_HTTP_NO_BODY);
}

/* ---------------------------------------------------------------------- trailers -- */

static void trailers_are_fields_and_an_empty_line(void **state)
{
  reading r = {.kind = LC_HTTP_TRAILERS, .max_fields = 2};
  (void)state;
  assert_int_equal(reading_of_text(&r, END), 2);
  assert_int_equal(r.head.count, 0);
  assert_int_equal(reading_of_text(&r, "Digest: a=b\r\nConnection: x\r\n" END), 30);
  expect_span(&r, r.fields[0].value, "a=b");
}

static void trailers_are_checked(void **state)
{
  static const struct {
    const char *text;
    lc_http_fault fault;
  } CASES[] = {
    {"\n", LC_HTTP_BAD_LINE_END},
    {"\rX", LC_HTTP_BAD_LINE_END},
    {"X : y\r\n" END, LC_HTTP_BAD_NAME},
    {"GET / HTTP/1.1\r\n" END, LC_HTTP_BAD_NAME},
    {" X: y\r\n" END, LC_HTTP_BAD_FOLDED},
    {"X: \x01\r\n" END, LC_HTTP_BAD_VALUE},
    {"X: a\r\nX: a\r\nX: a\r\n" END, LC_HTTP_BAD_FIELDS},
    {"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" END, LC_HTTP_BAD_HEAD_LONG},
    {"Content-Length: 5\r\n" END, LC_HTTP_BAD_TRAILER},
    {"transfer-encoding: chunked\r\n" END, LC_HTTP_BAD_TRAILER},
    {"Host: a\r\n" END, LC_HTTP_BAD_TRAILER},
  };
  (void)state;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    reading r = {.kind = LC_HTTP_TRAILERS, .max_fields = 2, .max_head = 40};
    assert_int_equal(reading_of_text(&r, CASES[i].text), LC_HTTP_BAD);
    assert_int_equal(r.head.fault, CASES[i].fault);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_may_be_misunderstood_is_refused),
    cmocka_unit_test(what_is_clear_is_accepted),
    cmocka_unit_test(a_switch_of_protocols_is_named),
    cmocka_unit_test(trailers_are_fields_and_an_empty_line),
    cmocka_unit_test(trailers_are_checked),
  };
  return cmocka_run_group_tests_name("test_http_response", tests, NULL, NULL);
}
