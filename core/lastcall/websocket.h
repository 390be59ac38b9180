/* lastcall/websocket.h - the bytes of WebSocket (RFC 6455): heads of frames, masks, close codes,
 * the key of the handshake, and UTF-8.
 *
 * Nothing here knows a connection, allocates, or calls the system.
 */
#ifndef LASTCALL_WEBSOCKET_H
#define LASTCALL_WEBSOCKET_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lastcall/code.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ frames -- */

typedef enum lc_ws_opcode {
  LC_WS_CONTINUATION = 0,
  LC_WS_TEXT = 1,
  LC_WS_BINARY = 2,
  LC_WS_CLOSE = 8, /* from here on: frames of control */
  LC_WS_PING = 9,
  LC_WS_PONG = 10
} lc_ws_opcode;

/* Codes of a Close frame. Programs may use 3000 to 4999 as they like. */
typedef enum lc_ws_code {
  LC_WS_NORMAL = 1000,
  LC_WS_GOING_AWAY = 1001, /* the server leaves, or the browser's page */
  LC_WS_PROTOCOL_ERROR = 1002,
  LC_WS_UNSUPPORTED = 1003,
  LC_WS_NO_CODE = 1005,  /* never sent: the Close frame had no code */
  LC_WS_ABNORMAL = 1006, /* never sent: the connection has ended without a Close frame */
  LC_WS_NOT_UTF8 = 1007,
  LC_WS_POLICY = 1008,
  LC_WS_TOO_BIG = 1009,
  LC_WS_SERVER_ERROR = 1011,
  LC_WS_RESTART = 1012,
  LC_WS_LATER = 1013
} lc_ws_code;

/* Why what a peer has sent is refused. */
typedef enum lc_ws_fault {
  LC_WS_NO_FAULT,
  LC_WS_BAD_RESERVED,
  LC_WS_BAD_OPCODE,
  LC_WS_BAD_CONTROL_LONG,
  LC_WS_BAD_CONTROL_CUT,
  LC_WS_BAD_LENGTH,
  LC_WS_BAD_LENGTH_LARGE,
  LC_WS_BAD_UNMASKED,
  LC_WS_BAD_MASKED,
  LC_WS_BAD_CONTINUATION,
  LC_WS_BAD_UNFINISHED,
  LC_WS_BAD_UTF8,
  LC_WS_BAD_CLOSE,
  LC_WS_BAD_CLOSE_CODE,
  LC_WS_BAD_CLOSE_UTF8,
  LC_WS_BAD_TOO_BIG,
  LC_WS_BAD_SLOW,
  LC_WS_FAULTS
} lc_ws_fault;
/* The code of the Close frame that answers it. */
int lc_ws_fault_code(lc_ws_fault fault);
/* A sentence fragment for a log. Static storage. */
const char *lc_ws_fault_text(lc_ws_fault fault);

#define LC_WS_BAD (-EBADMSG) /* refused: `fault` says why */
#define LC_WS_HEAD_MOST 14u
#define LC_WS_CONTROL_MOST 125u /* bytes in a frame of control */

typedef struct lc_ws_head {
  uint64_t length; /* of the payload */
  uint8_t mask[4]; /* zeros when there is none */
  uint8_t opcode;  /* lc_ws_opcode */
  uint8_t is_final;
  uint8_t is_masked;
  uint8_t fault; /* lc_ws_fault */
} lc_ws_head;

/* Reads the head of a frame at the beginning of the bytes. `from_client`: clients mask what they
 * send, and servers do not. Returns how many bytes the head has. LC_AGAIN: it is not whole yet; the
 * next call gets the same bytes, and more behind them. LC_WS_BAD: it is refused, as early as that
 * is certain. */
ssize_t lc_ws_head_read(lc_ws_head *head, const char *data, size_t length, int from_client);
/* Writes the head of a frame, up to LC_WS_HEAD_MOST bytes. `mask` NULL: the payload is not masked.
 * Returns its length. */
size_t lc_ws_head_write(char *text, lc_ws_opcode opcode, int is_final, uint64_t length,
                        const uint8_t *mask);

/* Masks bytes, or unmasks them, which is the same. `at`: how many bytes of the payload came before.
 * The two places may be the same; otherwise they must not overlap. */
void lc_ws_mask(char *to, const char *from, size_t length, const uint8_t mask[4], uint64_t at);

/* ------------------------------------------------------------------- close -- */

/* Whether a Close frame may have the code. */
int lc_ws_is_code(int code);
/* What a Close frame says, which has been unmasked. Returns LC_WS_NO_FAULT, and the code
 * (LC_WS_NO_CODE when there is none) with its reason, a place in the payload; or why it is
 * refused. */
lc_ws_fault lc_ws_close_read(const char *payload, size_t length, int *code, const char **reason,
                             size_t *reason_length);
/* Writes the payload of a Close frame, up to LC_WS_CONTROL_MOST bytes; nothing for LC_WS_NO_CODE. A
 * reason that is longer is cut between two characters. Returns its length. */
size_t lc_ws_close_write(char *text, int code, const char *reason, size_t length);

/* ------------------------------------------------------------------- UTF-8 -- */

/* A text that comes in pieces. Begins with zeros. */
typedef struct lc_utf8 {
  uint8_t left; /* bytes that the character under way lacks */
  uint8_t low;  /* the least and the greatest that its next byte may be */
  uint8_t high;
} lc_utf8;
/* Reads on. Returns whether everything so far can be the beginning of a text. */
int lc_utf8_read(lc_utf8 *text, const char *data, size_t length);
/* Whether the text may end here. */
int lc_utf8_is_whole(const lc_utf8 *text);

/* --------------------------------------------------------------- handshake -- */

#define LC_WS_KEY_SIZE 24u /* characters of a Sec-WebSocket-Key */
#define LC_WS_ACCEPT_SIZE 28u

/* The key of a handshake, made of 16 random bytes. No zero byte follows. */
void lc_ws_key_write(char key[LC_WS_KEY_SIZE], const uint8_t random[16]);
/* Whether it is one: 16 bytes in base64. */
int lc_ws_is_key(const char *key, size_t length);
/* What Sec-WebSocket-Accept answers to the key. No zero byte follows. */
void lc_ws_accept(char accept[LC_WS_ACCEPT_SIZE], const char key[LC_WS_KEY_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
