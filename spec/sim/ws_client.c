/* ws_client.c - a client of WebSocket: a message for each request, behind a ping, and the frames that come.
 *
 * It answers Close, and says it first when it has all its answers. Then it waits for the server's FIN.
 */
#include <string.h>

#include "run.h"

enum { CHUNK = 4096, PING_SIZE = 10, CLOSE_SIZE = 8 };

static const uint8_t MASK[4] = {0x5a, 0x01, 0xfe, 0x33};

/* ------------------------------------------------------------------- out -- */

/* A ping, and the head of the message. Returns the length. */
static size_t write_heads(const client *c, char text[WS_HEADS])
{
  char number[PING_SIZE - 6] = {(char)('a' + c->request % 26), 'i', 'n', 'g'};
  size_t length = lc_ws_head_write(text, LC_WS_PING, 1, sizeof number, MASK);
  lc_ws_mask(text + length, number, sizeof number, MASK, 0);
  length += sizeof number;
  uint64_t size = WORDS_SIZE + client_asked(c, c->request)->body;
  return length + lc_ws_head_write(text + length, LC_WS_BINARY, 1, size, MASK);
}

/* What comes next of the request under way, masked; 0 when it is whole. */
size_t ws_client_next(const client *c, const char **bytes)
{
  static char chunk[CHUNK];
  char text[WS_HEADS], line[WORDS_SIZE];
  const plan_request *asked = client_asked(c, c->request);
  size_t head = write_heads(c, text), size;
  *bytes = chunk;
  if (c->sent < head) {
    size = head - (size_t)c->sent;
    memcpy(chunk, text + c->sent, size);
    return size;
  }
  uint64_t at = c->sent - head, left = WORDS_SIZE + asked->body - at;
  const char *from = line + at;
  words_write(line, &(words){'Q', c->index, c->request, asked->body, asked->reply});
  size = at < WORDS_SIZE ? (size_t)(WORDS_SIZE - at) : left < CHUNK ? (size_t)left : CHUNK;
  if (at >= WORDS_SIZE) from = words_bytes('Q', c->index, c->request, at - WORDS_SIZE);
  lc_ws_mask(chunk, from, size, MASK, at);
  return size;
}

static uint64_t size_of(const client *c, unsigned request)
{
  client at = *c;
  char text[WS_HEADS];
  at.request = request;
  return write_heads(&at, text) + WORDS_SIZE + client_asked(c, request)->body;
}

unsigned ws_client_whole(const client *c, uint64_t bytes, int *is_between)
{
  unsigned count = 0;
  uint64_t left = bytes, size;
  for (; count < c->request && (size = size_of(c, count)) <= left; count++) left -= size;
  *is_between = !left || left == PING_SIZE;
  return count;
}

/* Says Close, between two frames. Whether nothing else may follow. */
int ws_client_closes(client *c)
{
  ws_talk *talk = &c->ws;
  char text[CLOSE_SIZE], payload[2];
  if (!talk->closes || c->sent) return 0;
  size_t length = lc_ws_close_write(payload, talk->code ? talk->code : LC_WS_NORMAL, "", 0);
  size_t head = lc_ws_head_write(text, LC_WS_CLOSE, 1, length, MASK);
  lc_ws_mask(text + head, payload, length, MASK, 0);
  while (talk->close_sent < CLOSE_SIZE) {
    struct iovec piece = {text + talk->close_sent, CLOSE_SIZE - talk->close_sent};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent = c->sys->sendmsg(c->sys, c->fd, &message, 0);
    talk->was_reset = sent == -ECONNRESET;
    if (sent < 0) break;
    talk->close_sent += (unsigned)sent;
  }
  return 1;
}

/* -------------------------------------------------------------------- in -- */

static void control_ends(client *c)
{
  ws_talk *talk = &c->ws;
  const char *reason;
  size_t length;
  if (talk->opcode == LC_WS_PONG) talk->pongs++;
  if (talk->opcode != LC_WS_CLOSE) return;
  if (lc_ws_close_read(talk->control, talk->control_length, &talk->code, &reason, &length))
    run_fail(c->in, "client %u: what came is no Close", c->index);
  run_trace(c->in, "client %u: Close %d", c->index, talk->code);
  talk->closes = 1;
}

static void frame_begins(client *c, const lc_ws_head *head)
{
  ws_talk *talk = &c->ws;
  int is_control = head->opcode >= LC_WS_CLOSE;
  if (talk->code) run_fail(c->in, "client %u: a frame has come behind Close", c->index);
  else if (!is_control && (head->opcode != LC_WS_BINARY || !head->is_final))
    run_fail(c->in, "client %u: a frame of another kind than was sent", c->index);
  talk->opcode = head->opcode;
  talk->left = head->length;
  talk->length = talk->control_length = 0;
  if (is_control && !talk->left) control_ends(c);
}

/* Both return how many of the bytes they have taken. */
static size_t take_head(client *c, const char *bytes)
{
  ws_talk *talk = &c->ws;
  lc_ws_head head;
  talk->head[talk->length++] = *bytes;
  ssize_t whole = lc_ws_head_read(&head, talk->head, talk->length, 0);
  if (whole >= 0) frame_begins(c, &head);
  else if (whole != LC_AGAIN) run_fail(c->in, "client %u: what came is no frame", c->index);
  return 1;
}

static size_t take_payload(client *c, const char *bytes, size_t size)
{
  ws_talk *talk = &c->ws;
  size_t some = talk->left < size ? (size_t)talk->left : size;
  talk->left -= some;
  if (talk->opcode == LC_WS_BINARY) {
    client_takes(c, bytes, some);
    return some;
  }
  memcpy(talk->control + talk->control_length, bytes, some);
  talk->control_length += (unsigned)some;
  if (!talk->left) control_ends(c);
  return some;
}

void ws_client_takes(client *c, const char *bytes, size_t size)
{
  while (size && !c->in->failure[0]) {
    size_t some = c->ws.left ? take_payload(c, bytes, size) : take_head(c, bytes);
    bytes += some;
    size -= some;
  }
}
