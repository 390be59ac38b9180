/* websocket_head.c - the heads of WebSocket's frames, read and written. */
#include "lastcall.h"

enum { FINAL = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };
enum { LENGTH_OF_2 = 126, LENGTH_OF_8 = 127 }; /* the length follows, in so many bytes */

static uint8_t byte_at(const char *data, size_t at) { return (uint8_t)data[at]; }

static int is_opcode(uint8_t opcode)
{
  return opcode <= LC_WS_BINARY || (opcode >= LC_WS_CLOSE && opcode <= LC_WS_PONG);
}

static lc_ws_fault read_first(lc_ws_head *head, uint8_t first)
{
  head->opcode = first & OPCODE;
  head->is_final = (first & FINAL) != 0;
  if (first & RESERVED) return LC_WS_BAD_RESERVED;
  if (!is_opcode(head->opcode)) return LC_WS_BAD_OPCODE;
  if (head->opcode >= LC_WS_CLOSE && !head->is_final) return LC_WS_BAD_CONTROL_CUT;
  return LC_WS_NO_FAULT;
}

static lc_ws_fault read_second(lc_ws_head *head, uint8_t second, int from_client)
{
  head->is_masked = (second & MASKED) != 0;
  head->length = second & LENGTH;
  if (from_client && !head->is_masked) return LC_WS_BAD_UNMASKED;
  if (!from_client && head->is_masked) return LC_WS_BAD_MASKED;
  if (head->opcode >= LC_WS_CLOSE && head->length > LC_WS_CONTROL_MOST)
    return LC_WS_BAD_CONTROL_LONG;
  return LC_WS_NO_FAULT;
}

/* A length has the shortest form that fits, and its highest bit is 0. */
static lc_ws_fault read_length(lc_ws_head *head, const char *data, size_t size)
{
  uint64_t length = 0;
  for (size_t i = 0; i < size; i++) length = length << 8 | byte_at(data, i);
  head->length = length;
  if (length > INT64_MAX) return LC_WS_BAD_LENGTH_LARGE;
  uint64_t least = size == 2 ? LENGTH_OF_2 : UINT16_MAX + 1;
  return length < least ? LC_WS_BAD_LENGTH : LC_WS_NO_FAULT;
}

static ssize_t refuse(lc_ws_head *head, lc_ws_fault fault)
{
  head->fault = (uint8_t)fault;
  return LC_WS_BAD;
}

ssize_t lc_ws_head_read(lc_ws_head *head, const char *data, size_t length, int from_client)
{
  *head = (lc_ws_head){.fault = LC_WS_NO_FAULT};
  if (length < 1) return LC_AGAIN;
  lc_ws_fault fault = read_first(head, byte_at(data, 0));
  if (fault) return refuse(head, fault);
  if (length < 2) return LC_AGAIN;
  fault = read_second(head, byte_at(data, 1), from_client);
  if (fault) return refuse(head, fault);
  size_t at = 2, more = 0;
  if (head->length == LENGTH_OF_2) more = 2;
  else if (head->length == LENGTH_OF_8) more = 8;
  if (more == 8 && length > at && byte_at(data, at) & 0x80)
    return refuse(head, LC_WS_BAD_LENGTH_LARGE);
  if (length < at + more) return LC_AGAIN;
  if (more) fault = read_length(head, data + at, more);
  if (fault) return refuse(head, fault);
  at += more;
  if (!head->is_masked) return (ssize_t)at;
  if (length < at + sizeof head->mask) return LC_AGAIN;
  for (size_t i = 0; i < sizeof head->mask; i++) head->mask[i] = byte_at(data, at + i);
  return (ssize_t)(at + sizeof head->mask);
}

size_t lc_ws_head_write(char *text, lc_ws_opcode opcode, int is_final, uint64_t length,
                        const uint8_t *mask)
{
  size_t at = 2, more = 0;
  unsigned second = mask ? MASKED : 0;
  if (length > UINT16_MAX) more = 8;
  else if (length >= LENGTH_OF_2) more = 2;
  if (more) second |= more == 2 ? LENGTH_OF_2 : LENGTH_OF_8;
  else second |= (unsigned)length;
  text[0] = (char)((unsigned)opcode | (is_final ? FINAL : 0));
  text[1] = (char)second;
  for (size_t i = more; i-- > 0; at++) text[at] = (char)(length >> 8 * i & 0xff);
  for (size_t i = 0; mask && i < 4; i++) text[at++] = (char)mask[i];
  return at;
}
