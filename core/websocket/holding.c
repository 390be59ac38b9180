/* holding.c - the state of a connection that speaks WebSocket: found, held, and freed. */
#include <stdlib.h>

#include "websocket/inside.h"

const char lc_websocket_name[] = "websocket";

void lc_websocket_release(lc_websocket *ws)
{
  if (--ws->holds) return;
  lc_buffer_free(&ws->message);
  free(ws->label);
  free(ws->masks);
  free(ws->reason);
  free(ws);
}

lc_websocket *lc_websocket_of(const lc_conn *conn)
{
  if (!conn->owner || lc_protocol_of(conn)->name != lc_websocket_name) return NULL;
  return conn->protocol_state;
}

/* Also where neither the peer's Close nor its end has come. */
static int has_ended(const lc_websocket *ws)
{
  return !ws->conn || ws->conn->error || ws->conn->state >= LC_STATE_CLOSING;
}

void lc_websocket_verdict_get(const lc_websocket *ws, lc_websocket_verdict *verdict)
{
  int code = ws->code;
  if (!code && has_ended(ws)) code = LC_WS_ABNORMAL;
  *verdict = (lc_websocket_verdict){.code = code,
                                    .reason = ws->reason ? ws->reason : "",
                                    .reason_length = ws->reason_length,
                                    .fault = (lc_ws_fault)ws->fault,
                                    .is_cut = ws->is_cut};
}
