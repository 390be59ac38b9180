/* test_http_head.c - every rule for the head of a request: what is accepted, what is refused, and with which status. */
#include <stdio.h>

#include "http_reading.h"

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

/* ------------------------------------------------------------------ what is refused -- */

typedef struct refusal {
  const char *text;
  lc_http_fault fault;
  int status;
} refusal;

static const refusal REFUSALS[] = {
  /* lines end with CR LF */
  {"\n" GET HOST END, LC_HTTP_BAD_METHOD, 400},
  {"\r" GET HOST END, LC_HTTP_BAD_LINE_END, 400},
  {"\r\n\r\n" GET HOST END, LC_HTTP_BAD_METHOD, 400},
  {" \r\n" GET HOST END, LC_HTTP_BAD_METHOD, 400},
  {"GET / HTTP/1.1\nHost: a\n\n", LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTP/1.1\rHost: a\r\r", LC_HTTP_BAD_VERSION, 400},
  {GET "Host: a\n\r\n", LC_HTTP_BAD_LINE_END, 400},
  {GET "Host: a\r\r\n", LC_HTTP_BAD_LINE_END, 400},
  {GET "Host: a\rX: b\r\n\r\n", LC_HTTP_BAD_LINE_END, 400},
  {GET HOST "\n", LC_HTTP_BAD_LINE_END, 400},
  {GET HOST "\r\r\n", LC_HTTP_BAD_LINE_END, 400},
  {GET HOST "\rX: b\r\n\r\n", LC_HTTP_BAD_LINE_END, 400},
  {GET HOST "X\n: b\r\n\r\n", LC_HTTP_BAD_LINE_END, 400},
  {GET HOST "X: a\nb\r\n\r\n", LC_HTTP_BAD_LINE_END, 400},
  /* the method is a token of up to 32 bytes, with one space */
  {" GET / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_METHOD, 400},
  {"\tGET / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_METHOD, 400},
  {"GET\t/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_METHOD, 400},
  {"G(T / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_METHOD, 400},
  {"G\xc3\x84T / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_METHOD, 400},
  {"\x16\x03\x01\x02\x00\x01", LC_HTTP_BAD_METHOD, 400}, /* a TLS client */
  {"GET\r\n\r\n", LC_HTTP_BAD_METHOD, 400},
  {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_METHOD_LONG, 501},
  {"CONNECT a:443 HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_CONNECT, 501},
  {"CONNECT / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_CONNECT, 501},
  /* the target is visible ASCII without "#" */
  {"GET  / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET, 400},
  {"GET /\tHTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET, 400},
  {"GET /a#b HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET, 400},
  {"GET /\xc3\xa4 HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET, 400},
  {"GET /\x7f HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET, 400},
  {"GET /\x01 HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET, 400},
  {"GET /\r\n" HOST END, LC_HTTP_BAD_TARGET, 400},
  {"GET /\n", LC_HTTP_BAD_TARGET, 400},
  /* a path, a URL, or "*" with OPTIONS */
  {"GET a HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET * HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"OPTIONS ** HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"OPTIONS *a HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET ?a HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET a:80 HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET http:/a HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET http: HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET ://a/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET ftp://a/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_FORM, 400},
  {"GET http:// HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {"GET http:///a HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {"GET http://?a HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {"GET http://u@a/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {"GET http://a:b/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LC_HTTP_BAD_VERSION_OTHER, 505},
  /* HTTP/1.0 or 1.1 */
  {"GET / \r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET /  HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTP/1.1 \r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / http/1.1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTP/1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTP/01.1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTP/1.10\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTP/1,1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTPS/1.1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET /a b HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"Extra lineGET / HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_VERSION, 400},
  {"GET / HTTP/0.9\r\n" HOST END, LC_HTTP_BAD_VERSION_OTHER, 505},
  {"GET / HTTP/1.2\r\n" HOST END, LC_HTTP_BAD_VERSION_OTHER, 505},
  {"GET / HTTP/2.0\r\n" HOST END, LC_HTTP_BAD_VERSION_OTHER, 505},
  {"GET / HTTP/9.9\r\n" HOST END, LC_HTTP_BAD_VERSION_OTHER, 505},
  /* a name stands directly before its colon, and a field on one line */
  {GET "Host : a\r\n" END, LC_HTTP_BAD_NAME, 400},
  {GET "Host\t: a\r\n" END, LC_HTTP_BAD_NAME, 400},
  {GET HOST "X\r\n" END, LC_HTTP_BAD_NAME, 400},
  {GET HOST ": b\r\n" END, LC_HTTP_BAD_NAME, 400},
  {GET HOST "X[]: b\r\n" END, LC_HTTP_BAD_NAME, 400},
  {GET HOST "X Y: b\r\n" END, LC_HTTP_BAD_NAME, 400},
  {GET HOST "X\xff: b\r\n" END, LC_HTTP_BAD_NAME, 400},
  {GET " Host: a\r\n" END, LC_HTTP_BAD_FOLDED, 400},
  {GET HOST " b\r\n" END, LC_HTTP_BAD_FOLDED, 400},
  {GET HOST "X: b\r\n\tc\r\n" END, LC_HTTP_BAD_FOLDED, 400},
  {GET HOST "X: b\r\n \r\n" END, LC_HTTP_BAD_FOLDED, 400},
  /* a value has no control characters but HTAB */
  {GET HOST "X: a\x01z\r\n" END, LC_HTTP_BAD_VALUE, 400},
  {GET HOST "X: 0123456789abcde\x1f\r\n" END, LC_HTTP_BAD_VALUE, 400},
  {GET HOST "X: \x7f\r\n" END, LC_HTTP_BAD_VALUE, 400},
  {GET HOST "X: \x0b\r\n" END, LC_HTTP_BAD_VALUE, 400},
  {GET HOST "Transfer-Encoding: \x0b"
            "chunked\r\n" END,
   LC_HTTP_BAD_VALUE, 400},
  /* one valid Host in 1.1 */
  {GET END, LC_HTTP_BAD_HOST_MISSING, 400},
  {"GET http://a/ HTTP/1.1\r\n" END, LC_HTTP_BAD_HOST_MISSING, 400},
  {GET "Hos: a\r\n" END, LC_HTTP_BAD_HOST_MISSING, 400},
  {GET HOST "Host: b\r\n" END, LC_HTTP_BAD_HOST_TWICE, 400},
  {GET HOST "hOST: a\r\n" END, LC_HTTP_BAD_HOST_TWICE, 400},
  {"GET / HTTP/1.0\r\n" HOST HOST END, LC_HTTP_BAD_HOST_TWICE, 400},
  {GET "Host: a b\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a, b\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a/b\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: u@a\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: \xc3\xa4\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a:b\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a:65536\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a:000080\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a:80:80\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: :80\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: ::1\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [::1\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: []\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [a.b.c]d\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [::g]\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [::1]]\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [[::1]]\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [::1]:\x20"
       "80\r\n" END,
   LC_HTTP_BAD_HOST, 400},
  {GET "Host: [::1]80\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [fe80::1%25eth0]\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: [v1.a]\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a[::1]\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: http://a\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a\\b\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a?b\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a#b\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: \"a\"\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: <a>\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a:-1\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a:+80\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a:99999999999999999999\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host:\r\nHost:\r\n" END, LC_HTTP_BAD_HOST_TWICE, 400},
  {"GET http://a:65536/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {"GET http://[::1/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {"GET http://a\\b/ HTTP/1.1\r\n" HOST END, LC_HTTP_BAD_TARGET_HOST, 400},
  {GET "Host: a%\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a%4\r\n" END, LC_HTTP_BAD_HOST, 400},
  {GET "Host: a%4g\r\n" END, LC_HTTP_BAD_HOST, 400},
  {"GET http://a/ HTTP/1.1\r\nHost: a b\r\n" END, LC_HTTP_BAD_HOST, 400},
  /* Content-Length: digits, once, no overflow */
  {POST HOST "Content-Length:\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: -1\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: -123456789123456789123456789\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: +5\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: 0x5\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: 5 5\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: 5, 5\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: 5.0\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: abc\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length:\t5\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: 5 \t\r\n" END, LC_HTTP_BAD_LENGTH, 400},
  {POST HOST "Content-Length: 5\r\nContent-Length: 5\r\n" END, LC_HTTP_BAD_LENGTH_TWICE, 400},
  {POST HOST "Content-Length: 5\r\ncontent-length: 7\r\n" END, LC_HTTP_BAD_LENGTH_TWICE, 400},
  {POST HOST "Content-Length: 9223372036854775808\r\n" END, LC_HTTP_BAD_LENGTH_LARGE, 400},
  {POST HOST "Content-Length: 18446744073709551621\r\n" END, LC_HTTP_BAD_LENGTH_LARGE, 400},
  {POST HOST "Content-Length: 99999999999999999999999999\r\n" END, LC_HTTP_BAD_LENGTH_LARGE, 400},
  /* Transfer-Encoding: exactly one "chunked", and nothing else */
  {POST HOST "Transfer-Encoding: gzip\r\n" END, LC_HTTP_BAD_CODING_OTHER, 501},
  {POST HOST "Transfer-Encoding: identity\r\n" END, LC_HTTP_BAD_CODING_OTHER, 501},
  {POST HOST "Transfer-Encoding: xchunked\r\n" END, LC_HTTP_BAD_CODING_OTHER, 501},
  {POST HOST "Transfer-Encoding: chunkedx\r\n" END, LC_HTTP_BAD_CODING_OTHER, 501},
  {POST HOST "Transfer-Encoding: gzip, chunked\r\n" END, LC_HTTP_BAD_CODING_OTHER, 501},
  {POST HOST "Transfer-Encoding: gzip;q=1, chunked\r\n" END, LC_HTTP_BAD_CODING_OTHER, 501},
  {POST HOST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n" END,
   LC_HTTP_BAD_CODING_OTHER, 501},
  {POST HOST "Transfer-Encoding: chunked, chunked\r\n" END, LC_HTTP_BAD_CODING_TWICE, 400},
  {POST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END,
   LC_HTTP_BAD_CODING_TWICE, 400},
  {POST HOST "Transfer-Encoding: chunked, gzip\r\n" END, LC_HTTP_BAD_CODING_NOT_LAST, 400},
  {POST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" END,
   LC_HTTP_BAD_CODING_NOT_LAST, 400},
  {POST HOST "Transfer-Encoding:\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: ,\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding:\tchunked\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: chunked\t\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: chunked,\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: , chunked\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: \"chunked\"\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: chunked;q=1\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: chunked x\r\n" END, LC_HTTP_BAD_CODING, 400},
  {POST HOST "Transfer-Encoding: chunked\xff\r\n" END, LC_HTTP_BAD_CODING, 400},
  {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END, LC_HTTP_BAD_CODING_OLD, 400},
  {"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n" END, LC_HTTP_BAD_CODING_OLD, 400},
  {POST HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END,
   LC_HTTP_BAD_CODING_AND_LENGTH, 400},
  {POST HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n" END,
   LC_HTTP_BAD_CODING_AND_LENGTH, 400},
  {POST HOST "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n" END, LC_HTTP_BAD_CODING_AND_LENGTH,
   400},
  /* Expect: 100-continue alone */
  {POST HOST "Expect: 200-ok\r\n" END, LC_HTTP_BAD_EXPECT, 417},
  {POST HOST "Expect:\r\n" END, LC_HTTP_BAD_EXPECT, 417},
  {POST HOST "Expect: 100-continue, 100-continue\r\n" END, LC_HTTP_BAD_EXPECT, 417},
};

static void what_may_be_misunderstood_is_refused(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
    const refusal *one = &REFUSALS[i];
    reading r = {.kind = LC_HTTP_REQUEST};
    ssize_t result = reading_of_text(&r, one->text);
    if (result != LC_HTTP_BAD || r.head.fault != one->fault)
      fail_msg("\"%s\": %zd, %s, not %s", one->text, result, lc_http_fault_text(r.head.fault),
               lc_http_fault_text(one->fault));
    assert_int_equal(lc_http_fault_status(r.head.fault), one->status);
  }
}

/* A request is refused with the byte that makes it wrong: no client waits for a limit of time. */
static void a_fault_is_told_as_early_as_it_is_certain(void **state)
{
  static const char *const ENDS[] = {
    "G\x01",     "GET x\n",         "GET / HTTQ",  "GET / HTTP/1.1\n",    GET " ",
    GET "Host ", GET HOST "X: b\n", GET HOST "\n", GET HOST "Host: c\r\n"};
  (void)state;
  for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
    reading r = {.kind = LC_HTTP_REQUEST};
    assert_int_equal(reading_of_text(&r, ENDS[i]), LC_HTTP_BAD);
    assert_int_equal(reading_of(&r, ENDS[i], strlen(ENDS[i]) - 1), LC_AGAIN);
  }
}

static void a_zero_byte_is_refused_everywhere(void **state)
{
  static const char WHOLE[] = "GET /a HTTP/1.1\r\nHost: b\r\nX-Long: 0123456789abcdef\r\n\r\n";
  char text[sizeof WHOLE];
  (void)state;
  for (size_t i = 0; i + 1 < sizeof WHOLE; i++) {
    reading r = {.kind = LC_HTTP_REQUEST};
    memcpy(text, WHOLE, sizeof WHOLE);
    text[i] = 0;
    assert_int_equal(reading_of(&r, text, sizeof WHOLE - 1), LC_HTTP_BAD);
    assert_int_equal(lc_http_fault_status(r.head.fault), 400);
  }
}

/* ----------------------------------------------------------------- what is accepted -- */

typedef struct acceptance {
  const char *text;
  const char *method, *path, *query, *host;
  lc_http_body body;
  uint64_t length;
  int persists;
} acceptance;

static const acceptance ACCEPTANCES[] = {
  {GET HOST END, "GET", "/", "", "a", LC_HTTP_NO_BODY, 0, 1},
  {"\r\n" GET HOST END, "GET", "/", "", "a", LC_HTTP_NO_BODY, 0, 1},
  {"GET / HTTP/1.0\r\n" END, "GET", "/", "", "", LC_HTTP_NO_BODY, 0, 0},
  {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END, "GET", "/", "", "", LC_HTTP_NO_BODY, 0, 1},
  {"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n" END, "GET", "/", "", "", LC_HTTP_NO_BODY,
   0, 0},
  {GET "Host:\ta.b.c:8080 \t\r\n" END, "GET", "/", "", "a.b.c:8080", LC_HTTP_NO_BODY, 0, 1},
  {GET "host:[::1]:80\r\nempty:\r\n" END, "GET", "/", "", "[::1]:80", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host: a%4F_b~;c\r\n" END, "GET", "/", "", "a%4F_b~;c", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host:\r\n" END, "GET", "/", "", "", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host: a:\r\n" END, "GET", "/", "", "a:", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host: a:0\r\n" END, "GET", "/", "", "a:0", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host: a:00080\r\n" END, "GET", "/", "", "a:00080", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host: A_b.\r\n" END, "GET", "/", "", "A_b.", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host: a,b\r\n" END, "GET", "/", "", "a,b", LC_HTTP_NO_BODY, 0, 1},
  {GET "Host: [::ffff:192.0.2.1]:8080\r\n" END, "GET", "/", "", "[::ffff:192.0.2.1]:8080",
   LC_HTTP_NO_BODY, 0, 1},
  {"GET http://[::1]:80/a HTTP/1.1\r\nHost:\r\n" END, "GET", "/a", "", "[::1]:80", LC_HTTP_NO_BODY,
   0, 1},
  {"GET /a/%2e?b?c=/&\"<>\\^`{|} HTTP/1.1\r\n" HOST END, "GET", "/a/%2e", "b?c=/&\"<>\\^`{|}", "a",
   LC_HTTP_NO_BODY, 0, 1},
  {"GET //a?? HTTP/1.1\r\n" HOST END, "GET", "//a", "?", "a", LC_HTTP_NO_BODY, 0, 1},
  {"GET http://b:81/c?d HTTP/1.1\r\n" HOST END, "GET", "/c", "d", "b:81", LC_HTTP_NO_BODY, 0, 1},
  {"GET HTTPS://b HTTP/1.1\r\n" HOST END, "GET", "/", "", "b", LC_HTTP_NO_BODY, 0, 1},
  {"GET http://b?d HTTP/1.0\r\n" HOST END, "GET", "/", "d", "b", LC_HTTP_NO_BODY, 0, 0},
  {"OPTIONS * HTTP/1.1\r\n" HOST END, "OPTIONS", "*", "", "a", LC_HTTP_NO_BODY, 0, 1},
  {"M-SEARCH!#$%&'*+.^_`|~0 / HTTP/1.1\r\n" HOST END, "M-SEARCH!#$%&'*+.^_`|~0", "/", "", "a",
   LC_HTTP_NO_BODY, 0, 1},
  {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n" HOST END, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF",
   "/", "", "a", LC_HTTP_NO_BODY, 0, 1},
  {GET HOST "Connection: CLOSE\r\n" END, "GET", "/", "", "a", LC_HTTP_NO_BODY, 0, 0},
  {GET HOST "Connection: x, ,close\r\n" END, "GET", "/", "", "a", LC_HTTP_NO_BODY, 0, 0},
  {GET HOST "Connection: closed, notclose\r\n" END, "GET", "/", "", "a", LC_HTTP_NO_BODY, 0, 1},
  {GET HOST "Connection: x\r\nConnection: close\r\n" END, "GET", "/", "", "a", LC_HTTP_NO_BODY, 0,
   0},
  {POST HOST "Content-Length: 0\r\n" END, "POST", "/", "", "a", LC_HTTP_SIZED, 0, 1},
  {POST HOST "CONTENT-LENGTH:00012 \r\n" END, "POST", "/", "", "a", LC_HTTP_SIZED, 12, 1},
  {POST HOST "Content-Length: 9223372036854775807\r\n" END, "POST", "/", "", "a", LC_HTTP_SIZED,
   INT64_MAX, 1},
  {POST HOST "Transfer-Encoding: chunked\r\n" END, "POST", "/", "", "a", LC_HTTP_CHUNKED, 0, 1},
  {POST HOST "transfer-encoding:  CHUNKED  \r\n" END, "POST", "/", "", "a", LC_HTTP_CHUNKED, 0, 1},
  {GET HOST "X: a\tb\xff\x80 0123456789\x09\xc3\xa4\r\n" END, "GET", "/", "", "a", LC_HTTP_NO_BODY,
   0, 1},
};

static void what_is_clear_is_accepted(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof ACCEPTANCES / sizeof *ACCEPTANCES; i++) {
    const acceptance *one = &ACCEPTANCES[i];
    reading r = {.kind = LC_HTTP_REQUEST};
    ssize_t result = reading_of_text(&r, one->text);
    if (result != (ssize_t)strlen(one->text))
      fail_msg("\"%s\": %zd, %s", one->text, result, lc_http_fault_text(r.head.fault));
    expect_span(&r, r.head.method, one->method);
    expect_span(&r, r.head.path, one->path);
    expect_span(&r, r.head.query, one->query);
    expect_span(&r, r.head.host, one->host);
    assert_int_equal(r.head.body, one->body);
    assert_int_equal(r.head.content_length, one->length);
    assert_int_equal(r.head.persists, one->persists);
    for (size_t length = 0; length < strlen(one->text); length++)
      assert_int_equal(reading_of(&r, one->text, length), LC_AGAIN);
  }
}

static void what_follows_a_head_is_not_looked_at(void **state)
{
  static const char TEXT[] = POST HOST "Content-Length: 3\r\n" END "\n\x01\r" GET;
  reading r = {.kind = LC_HTTP_REQUEST};
  (void)state;
  assert_int_equal(reading_of_text(&r, TEXT), strlen(POST HOST "Content-Length: 3\r\n" END));
}

static void fields_are_told_as_they_were_sent(void **state)
{
  static const char TEXT[] =
    GET "hOsT: a\r\nX-One:\t b c \t\r\nEmpty:\r\nx-one:d\r\nX_One: e\r\nX-On\x60: f\r\n" END;
  static const char *const WANTED[][2] = {{"hOsT", "a"},  {"X-One", "b c"}, {"Empty", ""},
                                          {"x-one", "d"}, {"X_One", "e"},   {"X-On`", "f"}};
  reading r = {.kind = LC_HTTP_REQUEST};
  (void)state;
  assert_true(reading_of_text(&r, TEXT) > 0);
  assert_int_equal(r.head.count, 6);
  for (size_t i = 0; i < 6; i++) {
    expect_span(&r, r.fields[i].name, WANTED[i][0]);
    expect_span(&r, r.fields[i].value, WANTED[i][1]);
  }
  const lc_http_field *first = lc_http_field_find(&r.head, TEXT, "X-ONE", 5, NULL);
  assert_ptr_equal(first, &r.fields[1]);
  const lc_http_field *second = lc_http_field_find(&r.head, TEXT, "x-one", 5, first);
  assert_ptr_equal(second, &r.fields[3]);
  assert_null(lc_http_field_find(&r.head, TEXT, "x-one", 5, second));
  assert_ptr_equal(lc_http_field_find(&r.head, TEXT, "x_one", 5, NULL), &r.fields[4]);
  assert_null(lc_http_field_find(&r.head, TEXT, "x-on@", 5, NULL));
  assert_null(lc_http_field_find(&r.head, TEXT, "x-o", 3, NULL));
}

static void methods_are_known(void **state)
{
  static const char *const NAMES[] = {"GETS", "GET",    "HEAD",    "POST",
                                      "PUT",  "DELETE", "OPTIONS", "PATCH"};
  (void)state;
  for (int i = 0; i < LC_HTTP_METHODS; i++) {
    char text[64];
    reading r = {.kind = LC_HTTP_REQUEST};
    snprintf(text, sizeof text, "%s / HTTP/1.1\r\n" HOST END, NAMES[i]);
    assert_true(reading_of_text(&r, text) > 0);
    assert_int_equal(r.head.method_known, i);
  }
  reading r = {.kind = LC_HTTP_REQUEST};
  assert_true(reading_of_text(&r, "get / HTTP/1.1\r\n" HOST END) > 0);
  assert_int_equal(r.head.method_known, LC_HTTP_OTHER);
}

static void an_expectation_is_for_version_1_1(void **state)
{
  reading r = {.kind = LC_HTTP_REQUEST};
  (void)state;
  assert_true(reading_of_text(&r, POST HOST "Expect: 100-Continue\r\n" END) > 0);
  assert_true(r.head.expects_continue);
  assert_true(reading_of_text(&r, "POST / HTTP/1.0\r\nExpect: 100-continue\r\n" END) > 0);
  assert_false(r.head.expects_continue);
}

static void an_upgrade_has_to_be_named_by_connection(void **state)
{
  reading r = {.kind = LC_HTTP_REQUEST};
  (void)state;
  assert_true(
    reading_of_text(
      &r, GET HOST "Upgrade: websocket\r\nConnection: x, Upgrade\r\nUpgrade: h2c\r\n" END) > 0);
  expect_span(&r, r.head.upgrade, "websocket");
  assert_true(reading_of_text(&r, GET HOST "Upgrade: websocket\r\n" END) > 0);
  expect_span(&r, r.head.upgrade, "");
  assert_true(
    reading_of_text(&r, "GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" END) > 0);
  expect_span(&r, r.head.upgrade, "");
}

static void each_fault_has_a_status_and_words(void **state)
{
  (void)state;
  for (int i = LC_HTTP_NO_FAULT + 1; i < LC_HTTP_FAULTS; i++) {
    int status = lc_http_fault_status((lc_http_fault)i);
    assert_true(status == 400 || status == 414 || status == 417 || status == 431 || status == 501 ||
                status == 505);
    assert_string_not_equal(lc_http_reason(status), "Status");
    assert_true(strlen(lc_http_fault_text((lc_http_fault)i)) > 10);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_may_be_misunderstood_is_refused),
    cmocka_unit_test(a_fault_is_told_as_early_as_it_is_certain),
    cmocka_unit_test(a_zero_byte_is_refused_everywhere),
    cmocka_unit_test(what_is_clear_is_accepted),
    cmocka_unit_test(what_follows_a_head_is_not_looked_at),
    cmocka_unit_test(fields_are_told_as_they_were_sent),
    cmocka_unit_test(methods_are_known),
    cmocka_unit_test(an_expectation_is_for_version_1_1),
    cmocka_unit_test(an_upgrade_has_to_be_named_by_connection),
    cmocka_unit_test(each_fault_has_a_status_and_words),
  };
  return cmocka_run_group_tests_name("test_http_head", tests, NULL, NULL);
}
