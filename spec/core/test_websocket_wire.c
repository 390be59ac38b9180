/* test_websocket_wire.c - the bytes of WebSocket: heads, masks, UTF-8, Close, the key. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lastcall/websocket.h"
#include "world.h"

/* ------------------------------------------------------------------- heads -- */

/* The head is shown byte by byte; every call but the last wants more. */
static ssize_t read_cut(lc_ws_head *head, const char *bytes, size_t length, int from_client)
{
  for (size_t i = 0; i <= length; i++) {
    ssize_t result = lc_ws_head_read(head, bytes, i, from_client);
    if (result != LC_AGAIN) return result;
  }
  return LC_AGAIN;
}

static void a_head_that_is_written_is_read_the_same_at_every_cut(void **state)
{
  static const uint64_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 1u << 30, INT64_MAX};
  static const lc_ws_opcode opcodes[] = {LC_WS_CONTINUATION, LC_WS_TEXT, LC_WS_BINARY,
                                         LC_WS_CLOSE,        LC_WS_PING, LC_WS_PONG};
  static const uint8_t mask[4] = {1, 2, 3, 255};
  (void)state;
  for (int i = 0; i < 9 * 6 * 4; i++) {
    uint64_t length = lengths[i % 9];
    lc_ws_opcode opcode = opcodes[i / 9 % 6];
    int masks = i / 54 % 2, is_final = i / 108;
    if (opcode >= LC_WS_CLOSE && (length > 125 || !is_final)) continue;
    char bytes[LC_WS_HEAD_MOST];
    lc_ws_head head;
    size_t size = lc_ws_head_write(bytes, opcode, is_final, length, masks ? mask : NULL);
    assert_int_equal(read_cut(&head, bytes, size, masks), size);
    assert_int_equal(head.opcode, opcode);
    assert_int_equal(head.is_final, is_final);
    assert_true(head.length == length);
    assert_int_equal(head.is_masked, masks);
    if (masks) assert_memory_equal(head.mask, mask, 4);
    assert_int_equal(lc_ws_head_read(&head, bytes, size, !masks), LC_WS_BAD);
    assert_int_equal(head.fault, masks ? LC_WS_BAD_MASKED : LC_WS_BAD_UNMASKED);
  }
}

static void a_head_that_breaks_a_rule_is_refused_as_early_as_that_is_certain(void **state)
{
  static const struct {
    const char *bytes;
    size_t length; /* that are needed to be certain */
    lc_ws_fault fault;
  } rows[] = {
    {"\xc1", 1, LC_WS_BAD_RESERVED},
    {"\xa2", 1, LC_WS_BAD_RESERVED},
    {"\x98", 1, LC_WS_BAD_RESERVED},
    {"\x83", 1, LC_WS_BAD_OPCODE},
    {"\x8b", 1, LC_WS_BAD_OPCODE},
    {"\x0f", 1, LC_WS_BAD_OPCODE},
    {"\x09", 1, LC_WS_BAD_CONTROL_CUT},
    {"\x08", 1, LC_WS_BAD_CONTROL_CUT},
    {"\x81\x01", 2, LC_WS_BAD_UNMASKED},
    {"\x89\xfe", 2, LC_WS_BAD_CONTROL_LONG},
    {"\x88\xff", 2, LC_WS_BAD_CONTROL_LONG},
    {"\x81\xfe\x00\x7d", 4, LC_WS_BAD_LENGTH},
    {"\x81\xff\x80", 3, LC_WS_BAD_LENGTH_LARGE},
    {"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff", 10, LC_WS_BAD_LENGTH},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lc_ws_head head;
    assert_int_equal(lc_ws_head_read(&head, rows[i].bytes, rows[i].length - 1, 1), LC_AGAIN);
    assert_int_equal(lc_ws_head_read(&head, rows[i].bytes, rows[i].length, 1), LC_WS_BAD);
    assert_int_equal(head.fault, rows[i].fault);
  }
}

static void every_fault_has_a_code_that_may_be_sent_and_words(void **state)
{
  (void)state;
  for (int i = 0; i < LC_WS_FAULTS; i++) {
    assert_true(lc_ws_is_code(lc_ws_fault_code((lc_ws_fault)i)));
    assert_true(strlen(lc_ws_fault_text((lc_ws_fault)i)) > 5);
  }
}

/* ------------------------------------------------------------------- masks -- */

static void a_mask_is_the_same_in_any_pieces_and_places(void **state)
{
  static const uint8_t mask[4] = {0x5a, 0, 0xff, 0x81};
  char plain[64], once[64], pieces[64];
  (void)state;
  for (size_t i = 0; i < sizeof plain; i++) plain[i] = (char)(i * 37);
  for (size_t i = 0; i < sizeof plain; i++) once[i] = (char)((uint8_t)plain[i] ^ mask[i % 4]);
  for (size_t cut = 0; cut <= sizeof plain; cut++) {
    lc_ws_mask(pieces, plain, cut, mask, 0);
    lc_ws_mask(pieces + cut, plain + cut, sizeof plain - cut, mask, cut);
    assert_memory_equal(pieces, once, sizeof plain);
    lc_ws_mask(pieces, pieces, sizeof pieces, mask, 0);
    assert_memory_equal(pieces, plain, sizeof plain);
  }
}

/* ------------------------------------------------------------------- UTF-8 -- */

/* By the definition: encodes each code point, and looks whether the bytes are those. */
static int is_utf8(const uint8_t *bytes, size_t length)
{
  while (length) {
    uint32_t point = bytes[0];
    size_t size = point < 0x80       ? 1
                  : point >> 5 == 6  ? 2
                  : point >> 4 == 14 ? 3
                  : point >> 3 == 30 ? 4
                                     : 0;
    if (!size || size > length) return 0;
    if (size > 1) point &= 0x7fu >> size;
    for (size_t i = 1; i < size; i++) {
      if (bytes[i] >> 6 != 2) return 0;
      point = point << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return 0;
    bytes += size;
    length -= size;
  }
  return 1;
}

static int accepts(const uint8_t *bytes, size_t length, size_t cut)
{
  lc_utf8 text = {0};
  const char *data = (const char *)bytes;
  return lc_utf8_read(&text, data, cut) && lc_utf8_read(&text, data + cut, length - cut) &&
         lc_utf8_is_whole(&text);
}

static void utf8_is_what_its_definition_says_at_every_cut(void **state)
{
  static const uint8_t seconds[] = {0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 'a'};
  (void)state;
  for (int first = 0; first < 256; first++) {
    for (int i = 0; i < 9 * 9 * 9; i++) {
      uint8_t bytes[16] = "ascii, before";
      size_t at = (size_t)(i % 13), length = at + 4;
      bytes[at] = (uint8_t)first;
      bytes[at + 1] = seconds[i % 9];
      bytes[at + 2] = seconds[i / 9 % 9];
      bytes[at + 3] = seconds[i / 81];
      for (size_t end = at + 1; end <= length && end <= sizeof bytes; end++)
        for (size_t cut = 0; cut <= end; cut++)
          if (accepts(bytes, end, cut) != is_utf8(bytes, end))
            fail_msg("%02x %02x %02x %02x, %zu of them, cut at %zu", bytes[at], bytes[at + 1],
                     bytes[at + 2], bytes[at + 3], end - at, cut);
    }
  }
}

static void utf8_is_refused_at_the_first_byte_that_cannot_follow(void **state)
{
  static const char *const rows[] = {"\xf4\x90", "\xed\xa0", "\xe0\x9f", "\xf0\x8f",    "\xc0",
                                     "\xf5",     "\x80",     "\xce\x61", "\xe1\x80\xc0"};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lc_utf8 text = {0};
    size_t length = strlen(rows[i]);
    assert_true(lc_utf8_read(&text, rows[i], length - 1));
    assert_false(lc_utf8_read(&text, rows[i] + length - 1, 1));
  }
}

/* ------------------------------------------------------------------- Close -- */

static void the_codes_that_may_be_sent_are_these(void **state)
{
  (void)state;
  for (int code = -1; code <= 65536; code++) {
    int may = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
              (code >= 3000 && code <= 4999);
    assert_int_equal(!!lc_ws_is_code(code), may);
  }
}

static void a_close_that_is_written_is_read_the_same(void **state)
{
  char text[LC_WS_CONTROL_MOST], reason[300];
  const char *heard;
  size_t length;
  int code;
  (void)state;
  assert_int_equal(lc_ws_close_write(text, LC_WS_NO_CODE, "ignored", 7), 0);
  assert_int_equal(lc_ws_close_read("", 0, &code, &heard, &length), LC_WS_NO_FAULT);
  assert_int_equal(code, LC_WS_NO_CODE);
  for (size_t i = 0; i + 2 <= sizeof reason; i += 2) memcpy(reason + i, "\xc3\xa4", 2);
  for (size_t size = 0; size <= sizeof reason; size += 2) {
    size_t written = lc_ws_close_write(text, 4321, reason, size);
    assert_int_equal(lc_ws_close_read(text, written, &code, &heard, &length), LC_WS_NO_FAULT);
    assert_int_equal(code, 4321);
    assert_int_equal(length, size < 122 ? size : 122);
    assert_memory_equal(heard, reason, length);
  }
}

/* --------------------------------------------------------------- handshake -- */

static void a_key_is_answered_as_in_the_standard(void **state)
{
  static const char *const bad[] = {"",
                                    "dGhlIHNhbXBsZSBub25jZQ=",
                                    "dGhlIHNhbXBsZSBub25jZQ==\n",
                                    "dGhlIHNhbXBsZSBub25jZR==",
                                    "dGhlIHNhbXBsZSBub25jZ===",
                                    "dGhlIHNhbXBsZSBub25-ZQ=="};
  static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
  char accept[LC_WS_ACCEPT_SIZE], made[LC_WS_KEY_SIZE];
  (void)state;
  lc_ws_accept(accept, key);
  assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof accept);
  lc_ws_key_write(made, (const uint8_t *)"the sample nonce");
  assert_memory_equal(made, key, sizeof made);
  assert_true(lc_ws_is_key(key, sizeof key - 1));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(lc_ws_is_key(bad[i], strlen(bad[i])));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_head_that_is_written_is_read_the_same_at_every_cut),
    cmocka_unit_test(a_head_that_breaks_a_rule_is_refused_as_early_as_that_is_certain),
    cmocka_unit_test(every_fault_has_a_code_that_may_be_sent_and_words),
    cmocka_unit_test(a_mask_is_the_same_in_any_pieces_and_places),
    cmocka_unit_test(utf8_is_what_its_definition_says_at_every_cut),
    cmocka_unit_test(utf8_is_refused_at_the_first_byte_that_cannot_follow),
    cmocka_unit_test(the_codes_that_may_be_sent_are_these),
    cmocka_unit_test(a_close_that_is_written_is_read_the_same),
    cmocka_unit_test(a_key_is_answered_as_in_the_standard),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
