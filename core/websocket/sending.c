/* sending.c - messages that are sent, each in one frame. */
#include <stdlib.h>
#include <string.h>

#include "websocket/inside.h"

enum { MASKED_AT_ONCE = 16384 };

int lc_websocket_mask(lc_websocket *ws, uint8_t mask[4])
{
  lc_ws_masks *masks = ws->masks;
  const lc_sys *sys = ws->conn->loop->sys;
  if (masks->used == LC_WS_RANDOM) {
    int result = sys->random(sys, masks->random, sizeof masks->random);
    if (result < 0) return result;
    masks->used = 0;
  }
  memcpy(mask, masks->random + masks->used, 4);
  masks->used += 4;
  return 0;
}

int lc_websocket_may_send(const lc_websocket *ws)
{
  const lc_conn *conn = ws->conn;
  if (ws->drops) return LC_CLOSED;
  if (!conn) return ws->error;
  if (ws->said && ws->by_library && (conn->dismissed || conn->owner->is_leaving))
    return LC_DRAINING;
  if (ws->heard && (ws->said || !ws->is_working)) return LC_EOF;
  if (conn->error) return conn->error;
  return ws->said ? LC_CLOSED : 0;
}

static int begin_message(lc_websocket *ws, uint8_t mask[4])
{
  int result = lc_websocket_may_send(ws);
  if (result < 0) return result;
  ws->busy_at = ws->conn->loop->now;
  return ws->options.is_client ? lc_websocket_mask(ws, mask) : 0;
}

/* --------------------------------------------------------------------- write -- */

static ssize_t write_plain(lc_conn *conn, const struct iovec *head, const char *data, size_t length)
{
  struct iovec pieces[2] = {*head, {(void *)(uintptr_t)data, length}};
  return lc_conn_write(conn, pieces, 2);
}

/* A part of the payload. What is not accepted of it is masked again. */
static ssize_t write_masked(lc_websocket *ws, const struct iovec *head, const char *data,
                            size_t length, uint64_t at)
{
  char masked[MASKED_AT_ONCE];
  if (length > sizeof masked) length = sizeof masked;
  lc_ws_mask(masked, data, length, ws->mask, at);
  return write_plain(ws->conn, head, masked, length);
}

int lc_websocket_send(lc_websocket *ws, lc_ws_opcode kind, const char *data, size_t length,
                      size_t *done)
{
  char head[LC_WS_HEAD_MOST];
  int masks = ws->options.is_client;
  int result = *done ? 0 : begin_message(ws, ws->mask);
  if (result < 0) return result;
  if (!ws->conn) return ws->error;
  size_t size = lc_ws_head_write(head, kind, 1, length, masks ? ws->mask : NULL);
  while (*done < size + length) {
    size_t sent = *done < size ? *done : size, at = *done - sent;
    struct iovec rest = {head + sent, size - sent};
    ssize_t accepted = masks ? write_masked(ws, &rest, data + at, length - at, at)
                             : write_plain(ws->conn, &rest, data + at, length - at);
    if (accepted < 0) return (int)accepted;
    *done += (size_t)accepted;
    if (ws->conn->out_part) return LC_AGAIN;
  }
  return 0;
}

/* ---------------------------------------------------------------------- post -- */

static int post_masked(lc_websocket *ws, const char *head, size_t size, const uint8_t mask[4],
                       const char *data, size_t length)
{
  char *frame = malloc(size + length);
  if (!frame) return -ENOMEM;
  memcpy(frame, head, size);
  lc_ws_mask(frame + size, data, length, mask, 0);
  struct iovec piece = {frame, size + length};
  int result = lc_conn_post(ws->conn, &piece, 1);
  free(frame);
  return result;
}

int lc_websocket_post(lc_websocket *ws, lc_ws_opcode kind, const char *data, size_t length)
{
  char head[LC_WS_HEAD_MOST];
  uint8_t mask[4];
  int masks = ws->options.is_client;
  int result = begin_message(ws, mask);
  if (result < 0) return result;
  size_t size = lc_ws_head_write(head, kind, 1, length, masks ? mask : NULL);
  if (masks) return post_masked(ws, head, size, mask, data, length);
  struct iovec pieces[2] = {{head, size}, {(void *)(uintptr_t)data, length}};
  return lc_conn_post(ws->conn, pieces, 2);
}
