/* frame_protocol.c - a protocol for tests, which knows exactly when it is between two units. */
#include "frame_protocol.h"

#include <stdlib.h>
#include <string.h>

frame_tally frames;

typedef struct frame_state {
  uint64_t unit_end; /* where the unit under way ends, in the bytes received */
  int said_goodbye;
} frame_state;

/* --------------------------------------------------------------- messages -- */

void frame_write_head(unsigned char *head, char kind, size_t length)
{
  size_t whole = length + 1;
  for (int i = 0; i < FRAME_HEAD; i++) head[i] = (unsigned char)(whole >> (24 - 8 * i));
  head[FRAME_HEAD] = (unsigned char)kind;
}

size_t frame_length(const char *head)
{
  size_t length = 0;
  for (int i = 0; i < FRAME_HEAD; i++) length = length << 8 | (unsigned char)head[i];
  return length;
}

ssize_t frame_write(lc_conn *conn, char kind, const char *words, size_t length)
{
  unsigned char head[FRAME_HEAD + 1];
  frame_write_head(head, kind, length);
  struct iovec pieces[] = {{head, sizeof head}, {(void *)(uintptr_t)words, length}};
  return lc_conn_write(conn, pieces, 2);
}

/* ---------------------------------------------------------------- one life -- */

static int begin(lc_conn *conn, void **place)
{
  (void)conn;
  if (frames.fails && frames.fails--) return -ENOMEM;
  *place = calloc(1, sizeof(frame_state));
  if (!*place) return -ENOMEM;
  frames.begun++;
  return 0;
}

static void end(void *place)
{
  frames.ended++;
  free(place);
}

static uint64_t position(const lc_conn *conn) { return conn->received - lc_buffer_size(conn->in); }

static lc_arrival refuse(lc_conn *conn, const char *why)
{
  frame_write(conn, FRAME_BAD, why, strlen(why));
  return LC_ARRIVAL_REFUSED;
}

static lc_arrival take_leave(lc_conn *conn, frame_state *state, size_t whole)
{
  lc_conn_take(conn, whole);
  if (!state->said_goodbye) frame_write(conn, FRAME_GOODBYE, "", 0);
  state->said_goodbye = 1;
  return LC_ARRIVAL_LEFT;
}

/* A peer that does not read its pongs is not served. */
static int answer_ping(lc_conn *conn, const char *message, size_t whole)
{
  size_t length = whole - FRAME_HEAD - 1;
  ssize_t done = frame_write(conn, FRAME_PONG, message + FRAME_HEAD + 1, length);
  return done == (ssize_t)whole;
}

static lc_arrival arrived(lc_conn *conn, void *place)
{
  frame_state *state = place;
  for (;;) {
    lc_slice held;
    lc_conn_buffered(conn, &held);
    if (held.length < FRAME_HEAD) return LC_ARRIVAL_MORE;
    size_t length = frame_length(held.data), whole = FRAME_HEAD + length;
    if (!length) return refuse(conn, "empty");
    if (length > FRAME_MOST) return refuse(conn, "too long");
    if (held.length < whole) return LC_ARRIVAL_MORE;
    char kind = held.data[FRAME_HEAD];
    if (kind == FRAME_PING && !answer_ping(conn, held.data, whole)) return refuse(conn, "deaf");
    if (kind == FRAME_GOODBYE) return take_leave(conn, state, whole);
    if (kind != FRAME_PING && !state->said_goodbye) {
      state->unit_end = position(conn) + whole;
      return LC_ARRIVAL_UNIT;
    }
    lc_conn_take(conn, whole);
  }
}

/* Takes what the embedder has left of the message. */
static void unit_ended(lc_conn *conn, void *place)
{
  const frame_state *state = place;
  if (position(conn) < state->unit_end) lc_conn_take(conn, state->unit_end - position(conn));
}

static int is_between(const lc_conn *conn, const void *state)
{
  (void)state;
  return !lc_buffer_size(conn->in);
}

static int is_sure(const lc_conn *conn, const void *state)
{
  (void)conn;
  (void)state;
  return 1;
}

static int leave(lc_conn *conn, void *place)
{
  frame_state *state = place;
  state->said_goodbye = 1;
  return frame_write(conn, FRAME_GOODBYE, "", 0) < 0 ? 0 : LC_AGAIN;
}

const lc_protocol frame_protocol = {.name = "frames",
                                    .begin = begin,
                                    .end = end,
                                    .arrived = arrived,
                                    .unit_ended = unit_ended,
                                    .is_between = is_between,
                                    .is_sure = is_sure,
                                    .leave = leave};
