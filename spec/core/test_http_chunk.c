/* test_http_chunk.c - chunked bodies: what is accepted, however they are cut into pieces, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lastcall.h"

enum { TEXT_MAX = 1024 };

typedef struct body {
  lc_http_chunks chunks;
  char data[TEXT_MAX]; /* what it says */
  size_t length;
  size_t used; /* of the bytes that it was given */
} body;

/* Feeds bytes as they come, from a copy that ends with the last one. */
static int feed(body *b, const char *text, size_t length)
{
  char *copy = malloc(length ? length : 1);
  size_t at = 0;
  int result = 0;
  assert_non_null(copy);
  memcpy(copy, text, length);
  while (at < length && !b->chunks.is_over) {
    lc_slice piece;
    ssize_t used = lc_http_chunks_read(&b->chunks, copy + at, length - at, &piece);
    if (used < 0) {
      assert_int_equal(used, LC_HTTP_BAD);
      result = -1;
      break;
    }
    assert_true(used > 0 && (size_t)used <= length - at);
    assert_true(!piece.length || piece.data + piece.length == copy + at + used);
    assert_true(b->length + piece.length <= TEXT_MAX);
    memcpy(b->data + b->length, piece.data, piece.length);
    b->length += piece.length;
    at += (size_t)used;
  }
  b->used += at;
  free(copy);
  return result;
}

static void begin(body *b)
{
  memset(b, 0, sizeof *b);
  lc_http_chunks_init(&b->chunks);
}

static void expect_alike(const char *text, const body *a, const body *b, size_t cut)
{
  if (a->chunks.fault != b->chunks.fault) fail_msg("\"%s\", cut at %zu: another fault", text, cut);
  assert_memory_equal(&a->chunks, &b->chunks, sizeof a->chunks);
  assert_int_equal(a->length, b->length);
  assert_memory_equal(a->data, b->data, a->length);
  if (!a->chunks.fault) assert_int_equal(a->used, b->used);
}

/* In one piece, cut in two at each place, and byte by byte. */
static void read_body(body *b, const char *text)
{
  size_t length = strlen(text);
  body other;
  begin(b);
  feed(b, text, length);
  for (size_t cut = 0; cut <= length; cut++) {
    begin(&other);
    if (feed(&other, text, cut) == 0) feed(&other, text + cut, length - cut);
    expect_alike(text, b, &other, cut);
  }
  begin(&other);
  for (size_t i = 0; i < length; i++)
    if (feed(&other, text + i, 1) < 0) break;
  expect_alike(text, b, &other, length);
}

static void whole_bodies_are_accepted(void **state)
{
  static const struct {
    const char *text, *data;
  } CASES[] = {
    {"0\r\n", ""},
    {"5\r\nhello\r\n0\r\n", "hello"},
    {"1\r\na\r\n2\r\nbc\r\n000\r\n", "abc"},
    {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n", "01234567890123456789"},
    {"0000000000000002\r\n\r\n\r\n0000000000000000\r\n", "\r\n"},
    {"1;a\r\nx\r\n0;a;b=c;d=\"e\"\r\n", "x"},
    {"1;a=\"\"\r\nx\r\n0;a=\"\\\"\\\\;\t\xff=\"\r\n", "x"},
    {"1;a=\";\";b\r\nx\r\n0\r\n", "x"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    char more[TEXT_MAX];
    body b;
    read_body(&b, CASES[i].text);
    if (!b.chunks.is_over)
      fail_msg("\"%s\": %s", CASES[i].text, lc_http_fault_text(b.chunks.fault));
    assert_int_equal(b.length, strlen(CASES[i].data));
    assert_memory_equal(b.data, CASES[i].data, b.length);
    snprintf(more, sizeof more, "%s\r\nGET / HTTP/1.1\r\n", CASES[i].text);
    read_body(&b, more);
    assert_int_equal(b.used,
                     strlen(CASES[i].text)); /* trailers, and the next request, are not touched */
    lc_slice piece;
    assert_int_equal(lc_http_chunks_read(&b.chunks, "x", 1, &piece), 0);
    assert_int_equal(piece.length, 0);
  }
}

static void part_of_a_body_is_not_all_of_it(void **state)
{
  static const char TEXT[] = "5;a=\"b\"\r\nhello\r\n3\r\nabc\r\n0\r\n";
  char text[sizeof TEXT];
  (void)state;
  for (size_t i = 0; i + 1 < sizeof TEXT; i++) {
    body b;
    memcpy(text, TEXT, i);
    text[i] = 0;
    read_body(&b, text);
    assert_false(b.chunks.is_over || b.chunks.fault);
    assert_int_equal(b.used, i);
  }
}

static void what_may_be_misunderstood_is_refused(void **state)
{
  static const struct {
    const char *text;
    lc_http_fault fault;
  } CASES[] = {
    {"\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"\n", LC_HTTP_BAD_CHUNK_SIZE},
    {";a\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"g\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"-1\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"+1\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"0x1\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {" 1\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"1 \r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"1 ;a\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"1_0\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"1\nx", LC_HTTP_BAD_CHUNK_SIZE},
    {"00000000000000001\r\nx\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"1ffffffffffffffff\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"1\rx", LC_HTTP_BAD_CHUNK_END},
    {"1;a\rx", LC_HTTP_BAD_CHUNK_END},
    {"1\r\r\nx", LC_HTTP_BAD_CHUNK_END},
    {"1\r\nxy", LC_HTTP_BAD_CHUNK_END},
    {"1\r\nx\n", LC_HTTP_BAD_CHUNK_END},
    {"1\r\nx\r\r", LC_HTTP_BAD_CHUNK_END},
    {"1\r\nx0\r\n", LC_HTTP_BAD_CHUNK_END},
    {"5\r\nhello0\r\n\r\n", LC_HTTP_BAD_CHUNK_END},
    {"1\r\nx\r\n\r\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"0\n", LC_HTTP_BAD_CHUNK_SIZE},
    {"1;\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1; a\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a;\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a =b\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a=\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a= b\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a=b=c\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;=b\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a\nx\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a\x01\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a=\"\n\"\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a=\"\r\n\"\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a=\"\\\n\"\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
    {"1;a=\"b\"c\r\n", LC_HTTP_BAD_CHUNK_EXTENSION},
  };
  (void)state;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    body b;
    read_body(&b, CASES[i].text);
    if (b.chunks.fault != CASES[i].fault)
      fail_msg("\"%s\": %s", CASES[i].text, lc_http_fault_text(b.chunks.fault));
    assert_int_equal(lc_http_fault_status(b.chunks.fault), 400);
    lc_slice piece;
    assert_int_equal(lc_http_chunks_read(&b.chunks, "0\r\n", 3, &piece),
                     LC_HTTP_BAD); /* it stays so */
  }
}

static void the_largest_chunk_is_counted(void **state)
{
  body b;
  (void)state;
  read_body(&b, "ffffffffffffffff\r\nabc");
  assert_int_equal(b.length, 3);
  assert_true(b.chunks.left == UINT64_MAX - 3);
}

static void extensions_of_a_chunk_have_256_bytes(void **state)
{
  char text[TEXT_MAX];
  (void)state;
  for (size_t length = 255; length <= 258; length++) {
    body b;
    size_t at = (size_t)snprintf(text, sizeof text, "1;a;b=\"");
    while (at < length) text[at++] = 'x';
    strcpy(text + at, "\"\r\nz\r\n0\r\n");
    size_t extensions = at; /* with the last quote, without the size */
    read_body(&b, text);
    assert_int_equal(b.chunks.fault,
                     extensions <= 256 ? LC_HTTP_NO_FAULT : LC_HTTP_BAD_CHUNK_EXTENSION_LONG);
  }
}

/* Feeds the chunk again and again, until it is refused, or has been accepted so many times. */
static size_t repeat(const char *chunk, size_t most)
{
  body b;
  begin(&b);
  for (size_t i = 0; i < most; i++) {
    b.length = 0;
    if (feed(&b, chunk, strlen(chunk)) < 0) {
      assert_int_equal(b.chunks.fault, LC_HTTP_BAD_CHUNK_OVERHEAD);
      return i;
    }
  }
  return most;
}

static void lines_without_data_are_bounded_in_all(void **state)
{
  char signed_chunk[700] = "200;chunk-signature=", padded[300] = "1;a=\"";
  (void)state;
  memset(signed_chunk + strlen(signed_chunk), 'f', 64);
  size_t head = strlen(signed_chunk);
  memcpy(signed_chunk + head, "\r\n", 3);
  memset(signed_chunk + head + 2, 'd', 512);
  strcpy(signed_chunk + head + 2 + 512, "\r\n");
  assert_int_equal(repeat("1\r\nx\r\n", 100000), 100000);
  assert_int_equal(repeat("0001;a\r\nx\r\n", 100000), 100000);
  assert_int_equal(repeat(signed_chunk, 10000), 10000);
  memset(padded + strlen(padded), 'x', 200);
  strcat(padded, "\"\r\nz\r\n");
  assert_in_range(repeat(padded, 1000), 50, 150);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(whole_bodies_are_accepted),
    cmocka_unit_test(part_of_a_body_is_not_all_of_it),
    cmocka_unit_test(what_may_be_misunderstood_is_refused),
    cmocka_unit_test(the_largest_chunk_is_counted),
    cmocka_unit_test(extensions_of_a_chunk_have_256_bytes),
    cmocka_unit_test(lines_without_data_are_bounded_in_all),
  };
  return cmocka_run_group_tests_name("test_http_chunk", tests, NULL, NULL);
}
