/* websocket/inside.h - what the library keeps of a connection that speaks WebSocket.
 *
 *            the drain, a limit, the embedder              the peer's Close
 *   open ----------------------------------------> said ------------------> over
 *     |                                                                      ^
 *     | the peer's Close                                                     |
 *     v                    the embedder asks for the next message            |
 *   heard -------------------------------------------------------------------'
 *
 *   open    messages go both ways
 *   said    our Close is out: nothing follows it. Messages of the peer are still handed over
 *   heard   the peer's Close has come: the embedder may still answer the message it works for
 *   over    both have come: our FIN follows
 *
 * A peer that breaks the rules, or leaves without Close, goes from any of them to over.
 */
#ifndef LC_WEBSOCKET_INSIDE_H
#define LC_WEBSOCKET_INSIDE_H

#include "conn/inside.h"
#include "conn/protocol.h"

enum { LC_WS_RANDOM = 64 }; /* random bytes that are fetched at once, for masks */

/* Of our end as a client alone. */
typedef struct lc_ws_masks {
  uint8_t random[LC_WS_RANDOM];
  uint32_t used;
} lc_ws_masks;

struct lc_websocket {
  lc_conn *conn; /* NULL once it has left its server */
  int error;     /* then: what ended it */
  uint32_t holds;
  lc_websocket_options options;
  char *label;
  lc_ws_masks *masks;
  lc_time began;

  /* The message that is coming. */
  lc_ws_head frame; /* the frame under way, behind its head */
  uint64_t frame_at;
  lc_buffer *message; /* of a message that did not come in one piece */
  lc_utf8 text;
  lc_time message_began; /* when its first byte came, or that of a frame; LC_NEVER: none has */
  uint8_t kind;          /* lc_ws_opcode; 0: none is coming */
  unsigned in_frame : 1;

  /* A whole message that the embedder has not taken. */
  unsigned is_whole : 1;
  unsigned is_in_place : 1; /* it lies in the connection's buffer, behind a head of `skip` bytes */
  uint8_t skip;
  size_t length; /* likewise */

  unsigned is_working : 1; /* the embedder works for a message that it has taken */
  unsigned drops : 1;      /* the embedder takes no message any more */
  unsigned said : 1;
  unsigned heard : 1;
  unsigned is_cut : 1;
  unsigned by_library : 1; /* it was the library that said Close first */
  uint8_t fault;           /* lc_ws_fault */
  uint16_t code;           /* that was heard */
  uint8_t reason_length;
  char *reason;
  lc_time said_at;
  lc_time waits_until; /* the embedder, for a message */
  lc_time busy_at;     /* when that wait began, or a message was last sent */
  uint8_t mask[4];     /* of the message that is being sent */
};

/* A part of a message has come. */
static inline int lc_websocket_is_coming(const lc_websocket *ws)
{
  return ws->kind || ws->in_frame;
}

/* holding.c */
extern const char lc_websocket_name[]; /* of the protocol: no other has this address */

/* arrival.c: reads until a message is whole, or the end has come (1), or nothing more is there (0).
 * Returns a code when the connection has failed. */
int lc_websocket_read_ahead(lc_websocket *ws);
/* When the message that is coming has taken too long. */
lc_time lc_websocket_patience(const lc_websocket *ws);
/* The embedder takes no message any more: one that waits for it is dropped, and those that come. */
void lc_websocket_drop(lc_websocket *ws);

/* control.c */
void lc_websocket_control(lc_websocket *ws, const lc_ws_head *head, char *payload);
/* Says Close, unless it has been said. */
void lc_websocket_say(lc_websocket *ws, int code, const char *reason, size_t length);
/* Both sides have said Close: our FIN may go. */
void lc_websocket_finish(lc_websocket *ws);
int lc_websocket_cut_short(
  lc_websocket *ws); /* whether it was in the middle of a message of ours */
void lc_websocket_refuse(lc_websocket *ws, lc_ws_fault fault);
void lc_websocket_hear_end(lc_websocket *ws); /* the peer has left without Close */

/* sending.c */
int lc_websocket_mask(lc_websocket *ws, uint8_t mask[4]); /* 0 or a code */

/* waiting.c */
/* What of the events of the connection the embedder gets. */
unsigned lc_websocket_ready(lc_websocket *ws, unsigned what);

/* leaving.c */
extern const lc_protocol lc_websocket_protocol;

#endif
