/* websocket.c - a connection begins to speak WebSocket. */
#include <stdlib.h>
#include <string.h>

#include "conn/state.h"
#include "websocket/inside.h"

void lc_websocket_options_init(lc_websocket_options *options)
{
  *options = (lc_websocket_options){.max_message = 16u << 20,
                                    .message_timeout = 30 * LC_SECOND,
                                    .message_rate = 240,
                                    .leaving_code = LC_WS_GOING_AWAY,
                                    .label = ""};
}

static lc_websocket *make(lc_conn *conn, const lc_websocket_options *options)
{
  lc_websocket *ws = calloc(1, sizeof *ws);
  size_t length = options->label ? strlen(options->label) : 0;
  if (!ws) return NULL;
  ws->options = *options;
  ws->options.label = NULL;
  ws->label = calloc(1, length + 1);
  if (ws->label && length) memcpy(ws->label, options->label, length);
  if (options->is_client) ws->masks = calloc(1, sizeof *ws->masks);
  if (ws->masks) ws->masks->used = LC_WS_RANDOM;
  ws->conn = conn;
  ws->began = conn->loop->now;
  ws->message_began = LC_NEVER;
  ws->holds = 1;
  if (ws->label && (ws->masks || !options->is_client)) return ws;
  lc_websocket_release(ws);
  return NULL;
}

int lc_websocket_begin(lc_conn *conn, const lc_websocket_options *options, lc_websocket **made)
{
  lc_websocket *ws = make(conn, options);
  *made = NULL;
  if (!ws) return -ENOMEM;
  int result = lc_conn_set_protocol(conn, &lc_websocket_protocol);
  if (result < 0) {
    lc_websocket_release(ws);
    return result;
  }
  conn->protocol_state = ws;
  ws->holds++;
  lc_conn_tell(conn, LC_READABLE); /* frames may have come behind the handshake */
  *made = ws;
  return 0;
}
