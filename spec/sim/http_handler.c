/* http_handler.c - the server's side of a plan that speaks HTTP: the library finds the requests,
 * and calls a handler for each.
 *
 *   no request ---> reads its body ---> works ---> writes the reply ---.
 *     ^                                                                |
 *     `----------------------------------------------------------------'
 */
#include <string.h>

#include "handler.h"
#include "http_words.h"

/* ------------------------------------------------------------------ files -- */

/* Every other reply is a file. */
static void fill(void *user, uint64_t offset, char *bytes, size_t size)
{
  const handler *h = user;
  while (size) {
    size_t most = size < WORDS_MOST ? size : WORDS_MOST;
    memcpy(bytes, words_bytes('A', h->client->index, h->request.request, offset), most);
    offset += most;
    bytes += most;
    size -= most;
  }
}

static void open_file(handler *h)
{
  int fd = -ENOENT;
  if (h->request.request % 2) fd = sim_disk_open(h->in->process, h->request.reply, fill, h);
  h->file = fd > 0 ? fd : 0;
}

static void close_file(handler *h)
{
  if (h->file) lc_file_close(h->in->sys, h->file);
  h->file = 0;
}

/* ------------------------------------------------------------------- ends -- */

static void over(handler *h)
{
  close_file(h);
  if (h->stage == OVER) return;
  run_trace(h->in, "handler %u: over", h->client->index);
  h->stage = OVER;
  h->waits_read = h->waits_write = 0;
  lc_timer_clear(h->in->loop, &h->timer);
}

static void fails(handler *h)
{
  run_trace(h->in, "handler %u: fails", h->client->index);
  close_file(h);
  h->stage = WAITS_REQUEST;
  lc_conn_unit_failed(h->conn);
}

static void is_done(handler *h)
{
  run_trace(h->in, "handler %u: reply %u written", h->client->index, h->request.request);
  close_file(h);
  h->stage = WAITS_REQUEST;
  lc_conn_end_write(h->conn);
  lc_conn_unit_ended(h->conn);
}

/* ---------------------------------------------------------------- writing -- */

static ssize_t write_some(handler *h, lc_http_exchange *x)
{
  const char *bytes = h->head + h->position;
  uint64_t left = WORDS_SIZE - h->position;
  if (h->position >= WORDS_SIZE) {
    left = h->reply_size - h->position;
    if (h->file) return lc_http_write_file(x, h->conn, h->file, h->position - WORDS_SIZE, left);
    bytes = words_bytes('A', h->client->index, h->request.request, h->position - WORDS_SIZE);
  }
  size_t size = left < WORDS_MOST ? (size_t)left : WORDS_MOST;
  struct iovec piece = {(void *)(uintptr_t)bytes, size};
  return lc_http_write(x, h->conn, &piece, 1);
}

static void writes(handler *h)
{
  lc_http_exchange *x = lc_http_exchange_of(h->conn);
  ssize_t result = 1;
  while (result > 0 && h->position < h->reply_size) {
    int is_share = h->file && h->position >= WORDS_SIZE; /* others come first then */
    result = write_some(h, x);
    if (result > 0) h->position += (uint64_t)result;
    if (is_share && result > 0) result = 0;
  }
  if (h->position == h->reply_size) result = lc_http_end(x, h->conn, NULL, 0);
  else if (!result) result = LC_AGAIN;
  h->waits_write = result == LC_AGAIN;
  if (h->waits_write) lc_conn_wait_write(h->conn, LC_NEVER);
  else if (result < 0) fails(h);
  else is_done(h);
}

static void replies(handler *h)
{
  lc_http_exchange *x = lc_http_exchange_of(h->conn);
  uint32_t size = h->request.reply;
  words_write(h->head, &(words){'A', h->client->index, h->request.request, 0, size});
  h->stage = WRITES;
  open_file(h);
  h->position = 0;
  h->reply_size = WORDS_SIZE + size;
  lc_http_reply reply = {
    .status = 200, .length = (int64_t)h->reply_size, .closes = h->asked->deed == CLOSE};
  if (lc_http_begin(x, h->conn, &reply) < 0) fails(h);
  else writes(h);
}

/* ---------------------------------------------------------------- requests -- */

static void works(handler *h)
{
  h->stage = WORKS;
  switch (h->asked->deed) {
    case REPLY:
    case CLOSE: replies(h); break;
    case RAISE: fails(h); break;
    case ABORT: lc_conn_abort(h->conn, "handler"); break;
    default: {
      lc_time now = lc_loop_now(h->in->loop);
      lc_timer_set(h->in->loop, &h->timer, lc_time_add(now, h->asked->time));
    }
  }
}

static void timer_due(lc_timer *timer, lc_time now)
{
  handler *h = (handler *)(void *)((char *)timer - offsetof(handler, timer));
  (void)now;
  if (h->stage == WORKS && !lc_conn_error(h->conn)) replies(h);
}

static void take_body(handler *h, const lc_slice *piece)
{
  uint64_t offset = h->request.body - h->left;
  const char *own = words_bytes('Q', h->client->index, h->request.request, offset);
  if (piece->length > h->left || memcmp(piece->data, own, piece->length) != 0)
    run_fail(h->in, "client %u: the body of request %u is not its own", h->client->index,
             h->request.request);
  h->left -= piece->length;
  h->consumed += piece->length;
}

static void reads_body(handler *h)
{
  lc_http_exchange *x = lc_http_exchange_of(h->conn);
  lc_slice piece;
  int result;
  while (!(result = lc_http_body_read(x, h->conn, WORDS_MOST, &piece))) take_body(h, &piece);
  h->waits_read = result == LC_AGAIN;
  if (h->waits_read) lc_conn_wait(h->conn, LC_WAIT_READ, lc_http_body_deadline(x, h->conn));
  else if (result != LC_EOF) fails(h);
  else works(h);
}

static void is_called(handler *h)
{
  h->request = http_words_read(lc_http_exchange_of(h->conn));
  h->consumed += HTTP_WORDS_SIZE;
  run_trace(h->in, "handler %u: request %u", h->client->index, h->request.request);
  if (h->stage != WAITS_REQUEST)
    run_fail(h->in, "connection %u: a request while another is at work", h->client->index);
  if (lc_conn_error(h->conn))
    run_fail(h->in, "connection %u: a request on a connection that has failed", h->client->index);
  if (h->request.kind != 'Q' || h->request.client != h->client->index ||
      h->request.request != h->expected) {
    run_fail(h->in, "client %u: some request came instead of %u", h->client->index, h->expected);
    return;
  }
  h->expected++;
  h->asked = client_asked(h->client, h->request.request);
  h->left = h->request.body;
  h->stage = READS_BODY;
  reads_body(h);
}

/* --------------------------------------------------------------- callbacks -- */

/* The connection closes; or a reply before this one could not be sent in time. */
static void ended(handler *h)
{
  if (lc_conn_state(h->conn) >= LC_STATE_CLOSING) {
    over(h);
  } else if (h->stage != WAITS_REQUEST) { /* else the library closes it */
    h->is_cut_short = 1;
    fails(h);
    over(h);
  }
}

static void opened(lc_conn *conn, void *user)
{
  handler *h = handler_of_new(user, conn);
  if (!h) return;
  if (lc_timer_open(h->in->loop, &h->timer, timer_due) < 0) lc_conn_abort(conn, "no memory");
}

static void ready(lc_conn *conn, unsigned what, void *user)
{
  handler *h = lc_conn_user(conn);
  lc_http_exchange *x = lc_http_exchange_of(conn);
  (void)user;
  if (!h || h->stage == OVER) return;
  if (what & LC_ENDED) {
    ended(h);
  } else if (what & LC_UNIT) {
    is_called(h);
  } else if (h->stage == READS_BODY && what & LC_READ_TIMEOUT) {
    lc_http_body_failed(x, LC_TIMEOUT);
    fails(h);
  } else if (h->stage == WRITES && what & LC_WRITE_TIMEOUT) {
    lc_conn_break_write(conn, LC_TIMEOUT);
    lc_conn_finish(conn, "peer too slow");
  } else if (h->stage == READS_BODY && what & LC_READABLE) {
    reads_body(h);
  } else if (h->stage == WRITES && what & LC_WRITABLE) {
    writes(h);
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
}

void http_handler_events(lc_events *events)
{
  *events = HANDLER_EVENTS;
  events->opened = opened;
  events->ready = ready;
  events->heartbeat = NULL;
  events->closed = closed;
  events->reached_all = NULL;
}
