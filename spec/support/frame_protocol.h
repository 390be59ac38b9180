/* frame_protocol.h - a protocol for tests, which knows exactly when it is between two units.
 *
 * A message is a length in four bytes, the highest first, from 1 to FRAME_MOST, and so many bytes:
 * its kind, and what it has to say.
 *
 *   FRAME_CALL     a unit of work, told when it is whole; so is any kind that is not named here
 *   FRAME_ANSWER   what the embedder says to it
 *   FRAME_PING     answered by the protocol with FRAME_PONG and the same words: a unit of nobody's
 *   FRAME_BAD      tells the peer why the connection ends: its length made no sense
 *   FRAME_GOODBYE  is answered with another, and then the connection ends; the side that said it
 *                  first waits for that, and skips whatever else comes
 */
#ifndef FRAME_PROTOCOL_H
#define FRAME_PROTOCOL_H

#include "conn/protocol.h"

enum { FRAME_HEAD = 4, FRAME_MOST = 512 * 1024 };
enum {
  FRAME_CALL = 'c',
  FRAME_ANSWER = 'a',
  FRAME_PING = 'p',
  FRAME_PONG = 'q',
  FRAME_BAD = 'b',
  FRAME_GOODBYE = 'g'
};

extern const lc_protocol frame_protocol;

/* Of all its connections. */
typedef struct frame_tally {
  int begun;
  int ended;
  int fails; /* so many of the next connections it does not begin */
} frame_tally;
extern frame_tally frames;

void frame_write_head(unsigned char *head, char kind, size_t length); /* FRAME_HEAD + 1 bytes */
/* How many bytes the head announces, the kind included. */
size_t frame_length(const char *head);
/* A whole message, of short words: how many of its bytes were accepted, or a code. */
ssize_t frame_write(lc_conn *conn, char kind, const char *words, size_t length);

#endif
