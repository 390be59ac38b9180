/* websocket_close.c - what a Close frame says, and why a connection is closed. */
#include <string.h>

#include "lastcall.h"

static const struct {
  int code;
  const char *text;
} FAULTS[LC_WS_FAULTS] = {
  [LC_WS_NO_FAULT] = {LC_WS_NORMAL, "nothing is wrong"},
  [LC_WS_BAD_RESERVED] = {LC_WS_PROTOCOL_ERROR, "a reserved bit is set"},
  [LC_WS_BAD_OPCODE] = {LC_WS_PROTOCOL_ERROR, "the opcode is reserved"},
  [LC_WS_BAD_CONTROL_LONG] = {LC_WS_PROTOCOL_ERROR, "a control frame has more than 125 bytes"},
  [LC_WS_BAD_CONTROL_CUT] = {LC_WS_PROTOCOL_ERROR, "a control frame is fragmented"},
  [LC_WS_BAD_LENGTH] = {LC_WS_PROTOCOL_ERROR, "a length is longer than it needs to be"},
  [LC_WS_BAD_LENGTH_LARGE] = {LC_WS_PROTOCOL_ERROR, "the highest bit of a length is set"},
  [LC_WS_BAD_UNMASKED] = {LC_WS_PROTOCOL_ERROR, "a frame of a client is not masked"},
  [LC_WS_BAD_MASKED] = {LC_WS_PROTOCOL_ERROR, "a frame of a server is masked"},
  [LC_WS_BAD_CONTINUATION] = {LC_WS_PROTOCOL_ERROR, "there is no message to continue"},
  [LC_WS_BAD_UNFINISHED] = {LC_WS_PROTOCOL_ERROR, "a message begins within another"},
  [LC_WS_BAD_UTF8] = {LC_WS_NOT_UTF8, "a text is not UTF-8"},
  [LC_WS_BAD_CLOSE] = {LC_WS_PROTOCOL_ERROR, "a Close frame has half a code"},
  [LC_WS_BAD_CLOSE_CODE] = {LC_WS_PROTOCOL_ERROR, "a Close frame has a code that must not be sent"},
  [LC_WS_BAD_CLOSE_UTF8] = {LC_WS_NOT_UTF8, "the reason of a Close frame is not UTF-8"},
  [LC_WS_BAD_TOO_BIG] = {LC_WS_TOO_BIG, "a message is too long"},
  [LC_WS_BAD_SLOW] = {LC_WS_POLICY, "a message has come too slowly"},
};

int lc_ws_fault_code(lc_ws_fault fault) { return FAULTS[fault].code; }
const char *lc_ws_fault_text(lc_ws_fault fault) { return FAULTS[fault].text; }

/* 1004 has no meaning yet, 1005, 1006 and 1015 are never sent, and 1016 to 2999 are for later
 * versions of the protocol. */
int lc_ws_is_code(int code)
{
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

lc_ws_fault lc_ws_close_read(const char *payload, size_t length, int *code, const char **reason,
                             size_t *reason_length)
{
  lc_utf8 text = {0};
  *code = LC_WS_NO_CODE;
  *reason = "";
  *reason_length = 0;
  if (!length) return LC_WS_NO_FAULT;
  if (length < 2) return LC_WS_BAD_CLOSE;
  *code = (uint8_t)payload[0] << 8 | (uint8_t)payload[1];
  *reason = payload + 2;
  *reason_length = length - 2;
  if (!lc_ws_is_code(*code)) return LC_WS_BAD_CLOSE_CODE;
  int is_text = lc_utf8_read(&text, *reason, *reason_length) && lc_utf8_is_whole(&text);
  return is_text ? LC_WS_NO_FAULT : LC_WS_BAD_CLOSE_UTF8;
}

size_t lc_ws_close_write(char *text, int code, const char *reason, size_t length)
{
  if (code == LC_WS_NO_CODE) return 0;
  if (length > LC_WS_CONTROL_MOST - 2) {
    length = LC_WS_CONTROL_MOST - 2;
    while (length && ((uint8_t)reason[length] & 0xc0) == 0x80) length--;
  }
  text[0] = (char)(code >> 8 & 0xff);
  text[1] = (char)(code & 0xff);
  if (length) memcpy(text + 2, reason, length);
  return length + 2;
}
