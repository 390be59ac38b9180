/* ws_handler.c - the server's side of a plan that speaks WebSocket. The handshake is left out: connections begin with
 * frames.
 *
 *   waits for a message ---> works ---> sends the answer ---.
 *     ^                                                     |
 *     `-----------------------------------------------------'
 */
#include <string.h>

#include "handler.h"

static void over(handler *h)
{
  if (h->stage == OVER) return;
  run_trace(h->in, "handler %u: over", h->client->index);
  h->stage = OVER;
  h->waits_read = h->waits_write = 0;
  lc_timer_clear(h->in->loop, &h->timer);
  lc_conn_release(h->conn);
}

/* The handler returns, or fails. */
static void leaves(handler *h, int code)
{
  run_trace(h->in, "handler %u: leaves", h->client->index);
  h->leaves_early = 1;
  lc_websocket_close(h->ws, code, "", 0);
  over(h);
}

/* No message will come any more. */
static void comes_to_the_end(handler *h, int result)
{
  leaves(h, 0);
  h->leaves_early = result != LC_EOF;
}

/* ---------------------------------------------------------------- answers -- */

/* Whether the next message may be read. */
static int sends(handler *h)
{
  size_t before = h->position, done = before;
  int result = lc_websocket_send(h->ws, LC_WS_BINARY, h->answer, (size_t)h->reply_size, &done);
  h->position = done;
  h->accepted += done - before;
  h->waits_write = result == LC_AGAIN;
  if (h->waits_write) {
    lc_conn_wait_write(h->conn, LC_NEVER);
    return 0;
  }
  lc_conn_end_write(h->conn);
  run_trace(h->in, "handler %u: answer %u %s", h->client->index, h->request.request,
            result ? lc_code_name(result) : "sent");
  h->stage = WAITS_REQUEST;
  if (h->asked->deed != CLOSE) return 1;
  leaves(h, LC_WS_NORMAL);
  return 0;
}

static int answers(handler *h)
{
  uint32_t size = h->request.reply;
  words_write(h->answer, &(words){'A', h->client->index, h->request.request, 0, size});
  memcpy(h->answer + WORDS_SIZE, words_bytes('A', h->client->index, h->request.request, 0), size);
  h->stage = WRITES;
  h->position = 0;
  h->reply_size = WORDS_SIZE + size;
  return sends(h);
}

/* ---------------------------------------------------------------- messages -- */

static void check_message(handler *h, const lc_websocket_message *message)
{
  const lc_slice *data = &message->data;
  unsigned index = h->client->index;
  if (data->length >= WORDS_SIZE) h->request = words_read(data->data);
  int is_next = h->request.kind == 'Q' && h->request.client == index &&
                h->request.request == h->expected && message->kind == LC_WS_BINARY &&
                data->length == WORDS_SIZE + h->request.body;
  if (!is_next) {
    run_fail(h->in, "client %u: some message came instead of %u", index, h->expected);
    return;
  }
  for (uint64_t at = 0; at < h->request.body; at += WORDS_MOST) {
    uint64_t left = h->request.body - at;
    size_t size = left < WORDS_MOST ? (size_t)left : WORDS_MOST;
    if (memcmp(data->data + WORDS_SIZE + at, words_bytes('Q', index, h->request.request, at), size))
      run_fail(h->in, "client %u: the bytes of message %u are not its own", index, h->expected);
  }
}

/* Whether the next message may be read. */
static int works(handler *h)
{
  h->stage = WORKS;
  h->asked = client_asked(h->client, h->request.request);
  switch (h->asked->deed) {
    case REPLY:
    case CLOSE: return answers(h);
    case RAISE: leaves(h, LC_WS_SERVER_ERROR); return 0;
    case ABORT: lc_conn_abort(h->conn, "handler"); return 0;
    default: {
      lc_time now = lc_loop_now(h->in->loop);
      lc_timer_set(h->in->loop, &h->timer, lc_time_add(now, h->asked->time));
      return 0;
    }
  }
}

static void reads(handler *h)
{
  lc_websocket_message message;
  int result, goes_on = 1;
  while (goes_on && !(result = lc_websocket_read(h->ws, &message))) {
    run_trace(h->in, "handler %u: message %u", h->client->index, h->expected);
    check_message(h, &message);
    if (h->in->failure[0]) return;
    h->expected++;
    goes_on = works(h);
  }
  if (!goes_on) return;
  h->waits_read = result == LC_AGAIN;
  if (h->waits_read) lc_websocket_wait(h->ws, LC_NEVER);
  else comes_to_the_end(h, result);
}

static void timer_due(lc_timer *timer, lc_time now)
{
  handler *h = (handler *)(void *)((char *)timer - offsetof(handler, timer));
  (void)now;
  if (h->stage == WORKS && !lc_conn_error(h->conn) && answers(h)) reads(h);
}

/* --------------------------------------------------------------- callbacks -- */

static void opened(lc_conn *conn, void *user)
{
  lc_websocket_options options;
  handler *h = handler_of_new(user, conn);
  if (!h) return;
  lc_conn_hold(conn);
  lc_websocket_options_init(&options);
  int result = lc_timer_open(h->in->loop, &h->timer, timer_due);
  if (result >= 0) result = lc_websocket_begin(conn, &options, &h->ws);
  if (result >= 0) {
    h->waits_read = 1;
    lc_websocket_wait(h->ws, LC_NEVER);
    return;
  }
  lc_conn_abort(conn, "no memory");
  over(h);
}

static void ready(lc_conn *conn, unsigned what, void *user)
{
  handler *h = lc_conn_user(conn);
  (void)user;
  if (!h || h->stage == OVER) return;
  if (what & LC_ENDED) {
    over(h);
  } else if (h->waits_read && what & LC_READABLE) {
    h->waits_read = 0;
    reads(h);
  } else if (h->waits_read && what & LC_READ_TIMEOUT) {
    leaves(h, LC_WS_NORMAL);
  } else if (h->waits_write && what & LC_WRITE_TIMEOUT) {
    lc_conn_break_write(conn, LC_TIMEOUT);
    leaves(h, LC_WS_NORMAL);
  } else if (h->waits_write && what & LC_WRITABLE) {
    if (sends(h)) reads(h);
  }
}

static void closed(lc_conn *conn, void *user)
{
  handler *h = lc_conn_user(conn);
  (void)user;
  if (!h) return;
  over(h);
  h->closed++;
  check_closed(h);
  if (h->ws) lc_websocket_release(h->ws);
  h->ws = NULL;
}

void ws_handler_events(lc_events *events)
{
  *events = HANDLER_EVENTS;
  events->opened = opened;
  events->ready = ready;
  events->heartbeat = NULL;
  events->closed = closed;
  events->reached_all = NULL;
}
