/* arrival.c - frames that arrive: messages are put together, and checked as early as their bytes
 * come.
 *
 * A message that comes in one frame, and in one piece, stays in the connection's buffer until the
 * embedder takes it. Any other is gathered in memory of its own.
 */
#include <string.h>

#include "conn/input.h"
#include "conn/state.h"
#include "websocket/inside.h"

lc_time lc_websocket_patience(const lc_websocket *ws)
{
  const lc_websocket_options *options = &ws->options;
  if (ws->message_began == LC_NEVER || options->message_timeout == LC_NEVER) return LC_NEVER;
  lc_time until = lc_time_add(ws->message_began, options->message_timeout);
  if (!options->message_rate) return until;
  return lc_time_add(until,
                     lc_seconds((double)lc_buffer_size(ws->message) / options->message_rate));
}

/* ------------------------------------------------------------------- data -- */

static int is_over(const lc_websocket *ws) { return ws->is_whole || ws->heard || ws->fault; }

/* Whether the head of a frame may stand here. */
static lc_ws_fault judge(const lc_websocket *ws, const lc_ws_head *head)
{
  if (head->opcode >= LC_WS_CLOSE) return LC_WS_NO_FAULT;
  if (head->opcode == LC_WS_CONTINUATION && !ws->kind) return LC_WS_BAD_CONTINUATION;
  if (head->opcode != LC_WS_CONTINUATION && ws->kind) return LC_WS_BAD_UNFINISHED;
  if (head->length > ws->options.max_message - lc_buffer_size(ws->message))
    return LC_WS_BAD_TOO_BIG;
  return LC_WS_NO_FAULT;
}

static int is_text(lc_websocket *ws, const char *data, size_t length)
{
  if (ws->kind != LC_WS_TEXT) return 1;
  return lc_utf8_read(&ws->text, data, length);
}

/* All of a message lies in the buffer. */
static void take_in_place(lc_websocket *ws, const lc_ws_head *head, size_t skip)
{
  char *payload = lc_buffer_bytes(ws->conn->in) + skip;
  size_t length = (size_t)head->length;
  ws->kind = head->opcode;
  ws->text = (lc_utf8){0};
  if (head->is_masked) lc_ws_mask(payload, payload, length, head->mask, 0);
  if (!is_text(ws, payload, length) || !lc_utf8_is_whole(&ws->text)) {
    lc_websocket_refuse(ws, LC_WS_BAD_UTF8);
    return;
  }
  ws->skip = (uint8_t)skip;
  ws->length = length;
  ws->message_began = LC_NEVER;
  ws->is_in_place = ws->is_whole = 1;
}

static void begin_frame(lc_websocket *ws, const lc_ws_head *head, size_t skip)
{
  lc_conn_take(ws->conn, skip);
  if (!ws->kind) {
    ws->kind = head->opcode;
    ws->text = (lc_utf8){0};
  }
  ws->frame = *head;
  ws->frame_at = 0;
  ws->in_frame = 1;
}

static void end_frame(lc_websocket *ws)
{
  ws->in_frame = 0;
  if (!ws->frame.is_final) return;
  ws->message_began = LC_NEVER;
  if (!lc_utf8_is_whole(&ws->text)) lc_websocket_refuse(ws, LC_WS_BAD_UTF8);
  else ws->is_whole = 1;
}

/* Gathers what has come of the frame under way. Returns whether the frame goes on. */
static int gather(lc_websocket *ws)
{
  lc_slice held;
  uint64_t left = ws->frame.length - ws->frame_at;
  lc_conn_buffered(ws->conn, &held);
  size_t size = held.length < left ? held.length : (size_t)left;
  if (lc_buffer_reserve(&ws->message, size) < 0) {
    lc_conn_abort(ws->conn, "no memory for a message");
    return 1;
  }
  char *place = ws->message->data + ws->message->end;
  if (ws->frame.is_masked) lc_ws_mask(place, held.data, size, ws->frame.mask, ws->frame_at);
  else if (size) memcpy(place, held.data, size);
  ws->message->end += size;
  ws->frame_at += size;
  lc_conn_take(ws->conn, size);
  if (!is_text(ws, place, size)) {
    lc_websocket_refuse(ws, LC_WS_BAD_UTF8);
    return 1;
  }
  if (ws->frame_at < ws->frame.length) return 1;
  end_frame(ws);
  return 0;
}

/* ------------------------------------------------------------------ frames -- */

/* Looks at the next frame. Returns whether more bytes are needed. */
static int look(lc_websocket *ws)
{
  lc_slice held;
  lc_ws_head head;
  if (ws->message_began == LC_NEVER) ws->message_began = ws->conn->loop->now;
  lc_conn_buffered(ws->conn, &held);
  ssize_t skip = lc_ws_head_read(&head, held.data, held.length, !ws->options.is_client);
  if (skip == LC_AGAIN) return 1;
  lc_ws_fault fault = skip < 0 ? (lc_ws_fault)head.fault : judge(ws, &head);
  if (fault) {
    lc_websocket_refuse(ws, fault);
    return 1;
  }
  int has_all = held.length - (size_t)skip >= head.length;
  if (head.opcode >= LC_WS_CLOSE) {
    if (!has_all) return 1;
    lc_websocket_control(ws, &head, lc_buffer_bytes(ws->conn->in) + skip);
    lc_conn_take(ws->conn, (size_t)skip + (size_t)head.length);
    if (!ws->kind) ws->message_began = LC_NEVER;
    return 0;
  }
  if (has_all && head.is_final && !ws->kind) {
    take_in_place(ws, &head, (size_t)skip);
    return 0;
  }
  begin_frame(ws, &head, (size_t)skip);
  return gather(ws);
}

void lc_websocket_drop(lc_websocket *ws)
{
  ws->drops = 1;
  if (!ws->is_whole) return;
  if (ws->is_in_place) lc_conn_take(ws->conn, ws->skip + ws->length);
  lc_buffer_free(&ws->message);
  ws->kind = 0;
  ws->is_whole = ws->is_in_place = 0;
}

static void look_at_all(lc_websocket *ws)
{
  while (!is_over(ws) && lc_buffer_size(ws->conn->in)) {
    int needs_more = ws->in_frame ? gather(ws) : look(ws);
    if (ws->is_whole && ws->drops) lc_websocket_drop(ws);
    else if (needs_more) return;
  }
}

int lc_websocket_read_ahead(lc_websocket *ws)
{
  lc_conn *conn = ws->conn;
  size_t received = 0;
  if (!lc_websocket_is_coming(ws) && !ws->is_whole)
    lc_buffer_free(&ws->message); /* what is left of the message that the embedder had */
  for (;;) {
    look_at_all(ws);
    if (is_over(ws)) return 1;
    if (received >= LC_BYTES_PER_TURN) {
      lc_conn_tell(conn, LC_READABLE); /* the rest is read in a later turn */
      return 0;
    }
    if (conn->error) return conn->error;
    int result = lc_input_fill(conn, LC_SHARED_BUFFER);
    if (result == LC_AGAIN) return 0;
    if (result == LC_EOF || result == LC_TRUNCATED) {
      lc_websocket_hear_end(ws);
      return 1;
    }
    if (result < 0) return result;
    received += (size_t)result;
  }
}

/* ----------------------------------------------------------------- reading -- */

/* Whether the message is still there: a connection that has closed has lost its buffer. */
static int has_message(const lc_websocket *ws)
{
  if (!ws->is_whole) return 0;
  return !ws->is_in_place || lc_buffer_size(ws->conn->in) >= ws->skip + ws->length;
}

static void give(lc_websocket *ws, lc_websocket_message *message)
{
  message->kind = (lc_ws_opcode)ws->kind;
  if (ws->is_in_place) {
    message->data = (lc_slice){lc_buffer_bytes(ws->conn->in) + ws->skip, ws->length};
    lc_conn_take(ws->conn, ws->skip + ws->length);
  } else {
    size_t length = lc_buffer_size(ws->message);
    message->data = (lc_slice){length ? lc_buffer_bytes(ws->message) : "", length};
  }
  ws->kind = 0;
  ws->is_whole = ws->is_in_place = 0;
  ws->is_working = 1;
}

/* Why there is no message. */
static int end_of(lc_websocket *ws)
{
  if (ws->fault) return LC_WS_BAD;
  if (ws->drops) return LC_CLOSED;
  if (ws->heard && ws->conn) lc_websocket_finish(ws);
  if (ws->heard) return LC_EOF;
  if (!ws->conn) return ws->error;
  return ws->conn->error ? ws->conn->error : LC_AGAIN;
}

int lc_websocket_read(lc_websocket *ws, lc_websocket_message *message)
{
  *message = (lc_websocket_message){.data = {"", 0}};
  if (!ws->conn) return end_of(ws);
  ws->is_working = 0;
  ws->conn->wait = LC_WAIT_NONE;
  lc_conn_end_read(ws->conn);
  int result = ws->drops || is_over(ws) ? 0 : lc_websocket_read_ahead(ws);
  if (result < 0) return result;
  if (ws->drops || !has_message(ws)) return end_of(ws);
  give(ws, message);
  /* The library looks at the frames behind this message while the embedder works. */
  lc_conn *conn = ws->conn;
  if (lc_buffer_size(conn->in) || !conn->in_drained) lc_conn_tell(conn, LC_READABLE);
  return 0;
}
