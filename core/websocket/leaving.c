/* leaving.c - WebSocket as the protocol of a connection: when it is idle, and how it is left. */
#include <errno.h>
#include <string.h>

#include "conn/closing.h"
#include "conn/state.h"
#include "conn/units.h"
#include "websocket/inside.h"

/* ------------------------------------------------------------ the protocol -- */

static void end(void *state)
{
  lc_websocket *ws = state;
  ws->error = ws->conn->error ? ws->conn->error : LC_CLOSED;
  ws->conn = NULL;
  lc_websocket_release(ws);
}

/* The embedder waits for a message, and nothing of one has come. */
static int is_between(const lc_conn *conn, const void *state)
{
  const lc_websocket *ws = state;
  if (!conn->wait || lc_buffer_size(conn->in)) return 0;
  return !ws || (!ws->is_whole && !lc_websocket_is_coming(ws));
}

static lc_time idle_since(const lc_conn *conn, const void *state)
{
  const lc_websocket *ws = state;
  return ws ? ws->busy_at : conn->idle_since;
}

/* A message that crosses our Close is still handed over. So leaving an idle connection loses
 * nothing. */
static int is_sure(const lc_conn *conn, const void *state)
{
  (void)conn;
  (void)state;
  return 1;
}

static unsigned ready(lc_conn *conn, void *state, unsigned what)
{
  (void)conn;
  return state ? lc_websocket_ready(state, what) : what;
}

static void ask(lc_conn *conn, void *state)
{
  (void)conn;
  if (state) lc_websocket_ping(state, "", 0);
}

static int leave(lc_conn *conn, void *state)
{
  lc_websocket *ws = state;
  if (!ws || ws->fault) return 0;
  if (ws->heard) {
    lc_websocket_finish(ws);
    return 0;
  }
  if (conn->owner->step >= LC_STEP_CANCEL && lc_websocket_cut_short(ws)) return 0;
  int is_ours = !ws->drops || conn->dismissed || conn->owner->is_leaving;
  if (!ws->said) ws->by_library = 1;
  lc_websocket_say(ws, is_ours ? ws->options.leaving_code : LC_WS_NORMAL, "", 0);
  return conn->owner->step < LC_STEP_CANCEL ? LC_AGAIN : 0;
}

/* The embedder has done with the connection, and may have left messages. */
static void abandoned(lc_conn *conn, void *state)
{
  lc_websocket *ws = state;
  if (!ws) return;
  lc_websocket_drop(ws);
  if (ws->heard && conn->leaving) lc_conn_finish(conn, "left");
  else lc_conn_tell(conn, LC_READABLE);
}

static void unit_failed(lc_conn *conn, void *state)
{
  if (!state) return;
  lc_websocket_drop(state);
  lc_websocket_say(state, LC_WS_SERVER_ERROR, "", 0);
  conn->in_shut = 1;
}

static int label(const lc_conn *conn, const void *state, char *text, size_t size, lc_time *since)
{
  const lc_websocket *ws = state;
  (void)conn;
  if (!ws || !*ws->label) return 0;
  size_t length = strlen(ws->label);
  if (length > size - 1) length = size - 1;
  memcpy(text, ws->label, length);
  text[length] = 0;
  *since = ws->began;
  return 1;
}

const lc_protocol lc_websocket_protocol = {.name = lc_websocket_name,
                                           .end = end,
                                           .ready = ready,
                                           .ask = ask,
                                           .is_between = is_between,
                                           .idle_since = idle_since,
                                           .is_sure = is_sure,
                                           .leave = leave,
                                           .abandoned = abandoned,
                                           .unit_failed = unit_failed,
                                           .label = label};

/* -------------------------------------------------------------- by the embedder -- */

static int is_fit(int code, const char *reason, size_t length)
{
  lc_utf8 text = {0};
  return lc_ws_is_code(code) && lc_utf8_read(&text, reason, length) && lc_utf8_is_whole(&text);
}

int lc_websocket_close(lc_websocket *ws, int code, const char *reason, size_t length)
{
  lc_conn *conn = ws->conn;
  if (!conn || conn->state >= LC_STATE_CLOSING) return LC_CLOSED;
  if (!code) code = conn->owner->is_leaving ? ws->options.leaving_code : LC_WS_NORMAL;
  if (!is_fit(code, reason, length)) return -EINVAL;
  if (!ws->heard) lc_websocket_say(ws, code, reason, length);
  lc_conn_leave(conn, "close");
  return 0;
}
