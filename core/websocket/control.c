/* control.c - frames of control: pings are answered, and the two Closes make the end. */
#include <stdlib.h>
#include <string.h>

#include "conn/closing.h"
#include "conn/output.h"
#include "conn/settings.h"
#include "websocket/inside.h"

/* ------------------------------------------------------------- frames of ours -- */

/* A whole frame of control, between two messages. A Close has room always. */
static int post(lc_websocket *ws, lc_ws_opcode opcode, const char *payload, size_t length)
{
  char frame[LC_WS_HEAD_MOST + LC_WS_CONTROL_MOST];
  uint8_t mask[4];
  int masks = ws->options.is_client;
  int result = masks ? lc_websocket_mask(ws, mask) : 0;
  if (result < 0) return result;
  size_t head = lc_ws_head_write(frame, opcode, 1, length, masks ? mask : NULL);
  if (masks) lc_ws_mask(frame + head, payload, length, mask, 0);
  else if (length) memcpy(frame + head, payload, length);
  struct iovec piece = {frame, head + length};
  return opcode == LC_WS_CLOSE ? lc_output_post(ws->conn, &piece, 1)
                               : lc_conn_post(ws->conn, &piece, 1);
}

int lc_websocket_ping(lc_websocket *ws, const char *data, size_t length)
{
  int result = lc_websocket_may_send(ws);
  if (result < 0) return result;
  if (length > LC_WS_CONTROL_MOST) return LC_TOO_LONG;
  return post(ws, LC_WS_PING, data, length);
}

void lc_websocket_say(lc_websocket *ws, int code, const char *reason, size_t length)
{
  char payload[LC_WS_CONTROL_MOST];
  lc_conn *conn = ws->conn;
  if (ws->said || conn->state >= LC_STATE_CLOSING) return;
  size_t size = lc_ws_close_write(payload, code, reason, length);
  ws->said = 1;
  ws->said_at = conn->loop->now;
  if (post(ws, LC_WS_CLOSE, payload, size) < 0 && conn->state < LC_STATE_CLOSING)
    lc_conn_abort(conn, "no memory for a Close frame");
}

/* ----------------------------------------------------------- the peer's Close -- */

static void keep_reason(lc_websocket *ws, const char *reason, size_t length)
{
  ws->reason = length ? malloc(length) : NULL; /* without memory there is no reason */
  if (!ws->reason) return;
  memcpy(ws->reason, reason, length);
  ws->reason_length = (uint8_t)length;
}

void lc_websocket_finish(lc_websocket *ws)
{
  lc_conn *conn = ws->conn;
  if (ws->code == LC_WS_ABNORMAL) return; /* nothing is answered to a peer that has just left */
  lc_websocket_say(ws, ws->code, "", 0);
  if (conn->state >= LC_STATE_CLOSING) return;
  if (!conn->out_waits) lc_conn_shutdown(conn, SHUT_WR);
}

static void hear_close(lc_websocket *ws, const char *payload, size_t length)
{
  int code;
  const char *reason;
  size_t reason_length;
  lc_ws_fault fault = lc_ws_close_read(payload, length, &code, &reason, &reason_length);
  if (fault) {
    lc_websocket_refuse(ws, fault);
    return;
  }
  ws->heard = 1;
  ws->code = (uint16_t)code;
  keep_reason(ws, reason, reason_length);
  /* While the embedder works for a message, its answer goes out before our Close. */
  if (!ws->is_working) lc_websocket_finish(ws);
}

void lc_websocket_hear_end(lc_websocket *ws)
{
  ws->is_cut = lc_websocket_is_coming(ws) || lc_buffer_size(ws->conn->in) ? 1 : 0;
  ws->heard = 1;
  ws->code = LC_WS_ABNORMAL;
}

/* --------------------------------------------------------------------- any -- */

/* When there is no room for a pong, it is left out: a peer that sends pings and reads nothing could
 * not read it either. */
void lc_websocket_control(lc_websocket *ws, const lc_ws_head *head, char *payload)
{
  size_t length = (size_t)head->length;
  if (head->opcode == LC_WS_PONG) return;
  if (head->is_masked) lc_ws_mask(payload, payload, length, head->mask, 0);
  if (head->opcode == LC_WS_CLOSE) hear_close(ws, payload, length);
  else if (!ws->said) post(ws, LC_WS_PONG, payload, length);
}

/* The connection is to end now. In the middle of a message of ours a Close would be a part of it,
 * so there the connection is reset. Returns whether it was. */
int lc_websocket_cut_short(lc_websocket *ws)
{
  if (!ws->conn->out_part) return 0;
  lc_conn_abort(ws->conn, "message not finished");
  return 1;
}

/* Ends the connection, because the peer has sent what RFC 6455 forbids. What still comes is not
 * read. */
void lc_websocket_refuse(lc_websocket *ws, lc_ws_fault fault)
{
  lc_conn *conn = ws->conn;
  const char *text = lc_ws_fault_text(fault);
  if (ws->options.refused) ws->options.refused(conn, fault, ws->options.user);
  ws->fault = (uint8_t)fault;
  if (lc_websocket_cut_short(ws)) return;
  lc_websocket_say(ws, lc_ws_fault_code(fault), text, strlen(text));
  conn->in_shut = 1;
  lc_conn_finish(conn, "websocket refused");
}
