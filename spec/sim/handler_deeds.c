/* handler_deeds.c - what a handler does about the requests of its connection.
 *
 *   waits for a request ---> reads its body ---> works ---> writes the reply ---.
 *     ^                                                                         |
 *     `-------------------------------------------------------------------------'
 *   and over: at the peer's end, at an error, by the ladder, or as the deed says
 *
 * What it does in the end, the request says. When it goes on is up to handler.c.
 */
#include <string.h>

#include "handler.h"

/* ------------------------------------------------------------------ ends -- */

void handler_ends(handler *h)
{
  run_trace(h->in, "handler %u: over", h->client->index);
  h->stage = OVER;
  h->waits_read = h->waits_write = 0;
  lc_timer_clear(h->in->loop, &h->timer);
  if (h->is_guarding) lc_conn_unguard(h->conn);
  h->is_guarding = 0;
  lc_conn_release(h->conn);
  workers_wake(h->in);
}

/* A note would be taken for a part of the reply, even one that is posted and comes after the
 * write. */
static int is_amid_reply(const handler *h)
{
  if (!h->reply_size) return 0;
  int is_partial = h->asked->deed == WRITE_SLOWLY || h->asked->deed == RAISE_LATE;
  return h->position || is_partial;
}

/* By the ladder it ends with the farewell, else in order. */
static void returns(handler *h, const char *cause, int by_ladder)
{
  if (by_ladder) {
    char text[WORDS_SIZE];
    words_write(text, &(words){.kind = 'N', .client = h->client->index});
    if (lc_conn_state(h->conn) < LC_STATE_CLOSING && !is_amid_reply(h) &&
        lc_conn_set_farewell(h->conn, text, sizeof text) == 0)
      h->may_say_farewell = 1;
    lc_conn_dismiss(h->conn, cause);
  } else {
    lc_conn_finish(h->conn, cause);
  }
  handler_ends(h);
}

void handler_ends_spawned(handler *h)
{
  if (!h->has_spawned) return;
  h->has_spawned = 0;
  lc_timer_clear(h->in->loop, &h->spawned);
  lc_conn_release(h->conn);
}

/* --------------------------------------------------------------- reading -- */

static void waits(handler *h, lc_wait how)
{
  h->waits_read = 1;
  lc_conn_wait(h->conn, how, LC_NEVER);
}

/* A read has given something else than what was asked for. */
static void read_failed(handler *h, int code)
{
  lc_conn_end_read(h->conn);
  returns(h, lc_code_name(code), code == LC_DRAINING || h->cut);
}

static void take_request(handler *h, const char *text)
{
  run *in = h->in;
  h->request = words_read(text);
  if (h->request.kind != 'Q') {
    returns(h, "bad request", 0);
    return;
  }
  run_trace(in, "handler %u: request %u", h->client->index, h->request.request);
  if (h->request.client != h->client->index)
    run_fail(in, "a request of client %u came on the connection of client %u", h->request.client,
             h->client->index);
  if (h->request.request != h->expected || h->request.request >= PLAN_REQUESTS) {
    run_fail(in, "client %u: request %u came instead of %u", h->client->index, h->request.request,
             h->expected);
    returns(h, "wrong request", 0);
    return;
  }
  h->expected++;
  h->asked = &h->client->plan->asked[h->request.request];
  h->left = h->request.body;
  h->has_begun = 0;
  h->stage = READS_BODY;
}

/* Whether it goes on at once. */
static int waits_for_request(handler *h)
{
  lc_slice slice = {0};
  static const lc_wait waits_by[] = {
    [BY_AWAIT] = LC_WAIT_AWAIT, [BY_LINES] = LC_WAIT_LINES, [BY_READ] = LC_WAIT_READ};
  lc_wait how = h->has_begun ? LC_WAIT_READ : waits_by[h->in->plan->waiting];
  int result = h->has_begun ? 0 : lc_conn_admit(h->conn, how);
  if (result == LC_DRAINING) check_turned_away(h);
  if (!result && how == LC_WAIT_AWAIT) {
    result = lc_conn_await(h->conn);
    if (!result) {
      h->has_begun = 1;
      return 1;
    }
  } else if (!result) {
    result = h->in->plan->waiting == BY_LINES ? lc_conn_read_until(h->conn, "\n", 1, 4096, &slice)
                                              : lc_conn_read_exact(h->conn, WORDS_SIZE, &slice);
    h->consumed += slice.length;
    if (!result && slice.length == WORDS_SIZE) take_request(h, slice.data);
    else if (!result) returns(h, "bad request", 0);
    if (!result) return 1;
  }
  if (result == LC_AGAIN && h->cut) result = h->cut;
  if (result == LC_AGAIN) waits(h, how);
  else read_failed(h, result);
  return 0;
}

static void begin_work(handler *h);

static int reads_body(handler *h)
{
  lc_slice slice;
  if (!h->left) {
    begin_work(h);
    return 1;
  }
  size_t most = h->left < WORDS_MOST ? (size_t)h->left : WORDS_MOST;
  int result = lc_conn_read_some(h->conn, most, &slice);
  if (!result) {
    uint64_t offset = h->request.body - h->left;
    if (memcmp(slice.data, words_bytes('Q', h->client->index, h->request.request, offset),
               slice.length) != 0)
      run_fail(h->in, "client %u: the bytes of request %u are not its own", h->client->index,
               h->request.request);
    h->left -= slice.length;
    h->consumed += slice.length;
    return 1;
  }
  if (result == LC_AGAIN && h->cut == LC_CANCELED) result = h->cut;
  if (result == LC_AGAIN) waits(h, LC_WAIT_READ);
  else read_failed(h, result);
  return 0;
}

/* -------------------------------------------------------------- working -- */

static void sleeps(handler *h, lc_time time)
{
  h->stage = WORKS;
  lc_timer_set(h->in->loop, &h->timer, lc_time_add(lc_loop_now(h->in->loop), time));
}

/* As one write, or as four. */
static void next_write(handler *h)
{
  uint64_t share = h->asked->deed == WRITE_SLOWLY ? h->reply_size / 4 + 1 : h->reply_size;
  uint64_t left = h->reply_size - h->position;
  h->write_from = h->position;
  h->write_to = h->position + (share < left ? share : left);
}

static void begin_reply(handler *h)
{
  uint32_t size = h->request.reply;
  words_write(h->head, &(words){'A', h->client->index, h->request.request, 0, size});
  h->stage = WRITES;
  h->reply_size = WORDS_SIZE + (h->asked->deed == RAISE_LATE ? size / 2 : size);
  h->position = 0;
  next_write(h);
}

static void spawn(handler *h)
{
  if (h->has_spawned) return;
  h->has_spawned = 1;
  lc_conn_hold(h->conn);
  lc_timer_set(h->in->loop, &h->spawned, lc_time_add(lc_loop_now(h->in->loop), h->asked->time));
}

void handler_notes(handler *h)
{
  char text[WORDS_SIZE];
  struct iovec piece = {text, sizeof text};
  if (is_amid_reply(h)) return;
  words_write(text, &(words){.kind = 'N', .client = h->client->index});
  if (lc_conn_post(h->conn, &piece, 1) == 0) h->accepted += sizeof text;
}

static void begin_work(handler *h)
{
  run_trace(h->in, "handler %u: %s", h->client->index, deed_name(h->asked->deed));
  switch (h->asked->deed) {
    case SLEEP: sleeps(h, h->asked->time); return;
    case GUARD:
      lc_conn_guard(h->conn);
      h->is_guarding = 1;
      sleeps(h, h->asked->time);
      return;
    case IGNORE: sleeps(h, 8 * h->asked->time); return;
    case SPAWN: spawn(h); break;
    case POST: handler_notes(h); break;
    case RAISE: returns(h, "error", 0); return;
    case ABORT:
      h->is_cut_short = 1;
      lc_conn_abort(h->conn, "abort");
      handler_ends(h);
      return;
    default: break;
  }
  begin_reply(h);
}

int handler_awakes(handler *h)
{
  if (h->is_guarding) lc_conn_unguard(h->conn);
  h->is_guarding = 0;
  if (h->cut == LC_CANCELED && h->asked->deed != IGNORE) {
    returns(h, "canceled", 1);
    return 0;
  }
  if (h->reply_size) h->stage = WRITES; /* the next part */
  else begin_reply(h);
  return 1;
}

/* --------------------------------------------------------------- writing -- */

static void write_failed(handler *h, int code)
{
  if (h->position > h->write_from && code != lc_conn_error(h->conn)) {
    lc_conn_break_write(h->conn, code);
    h->is_torn = 1;
  }
  lc_conn_end_write(h->conn);
  returns(h, lc_code_name(code), h->cut == LC_CANCELED);
}

/* A whole write is with the core. */
static int write_done(handler *h)
{
  lc_conn_end_write(h->conn);
  if (h->position < h->reply_size) {
    next_write(h);
    sleeps(h, h->asked->time / 4);
    return 0;
  }
  h->position = h->reply_size = 0;
  run_trace(h->in, "handler %u: reply %u written", h->client->index, h->request.request);
  switch (h->asked->deed) {
    case RAISE_LATE: returns(h, "error", 0); return 0;
    case CLOSE:
      h->least_linger = h->asked->time / 2;
      lc_conn_close(h->conn, h->asked->time / 2, "close");
      h->stage = LEAVES;
      lc_timer_set(h->in->loop, &h->timer, lc_time_add(lc_loop_now(h->in->loop), h->asked->time));
      return 0;
    default: h->stage = WAITS_REQUEST; return 1;
  }
}

/* What is left of the write under way, as pieces; how many, and how much in all. */
static int pieces_of(const handler *h, struct iovec *pieces, int capacity, size_t *total)
{
  int count = 0;
  *total = 0;
  for (uint64_t at = h->position; at < h->write_to && count < capacity;) {
    uint64_t left = h->write_to - at;
    const char *bytes = h->head + at;
    size_t size = WORDS_SIZE - (size_t)at;
    if (at >= WORDS_SIZE) {
      bytes = words_bytes('A', h->client->index, h->request.request, at - WORDS_SIZE);
      size = WORDS_MOST;
    }
    if (size > left) size = (size_t)left;
    pieces[count++] = (struct iovec){(void *)(uintptr_t)bytes, size};
    *total += size;
    at += size;
  }
  return count;
}

static int writes(handler *h)
{
  struct iovec pieces[16];
  size_t total;
  if (h->cut == LC_CANCELED && h->asked->deed != IGNORE) {
    write_failed(h, LC_CANCELED);
    return 0;
  }
  while (h->position < h->write_to) {
    int count = pieces_of(h, pieces, 16, &total);
    ssize_t accepted = lc_conn_write(h->conn, pieces, count);
    if (accepted < 0) {
      write_failed(h, (int)accepted);
      return 0;
    }
    h->position += (uint64_t)accepted;
    h->accepted += (uint64_t)accepted;
    if ((size_t)accepted == total) continue;
    if (h->asked->deed == BREAK) {
      write_failed(h, LC_CANCELED);
      return 0;
    }
    h->waits_write = 1;
    lc_conn_wait_write(h->conn, LC_NEVER);
    return 0;
  }
  return write_done(h);
}

/* --------------------------------------------------------------- as told -- */

void handler_gives_up(handler *h, int code)
{
  if (h->waits_write) {
    h->waits_write = h->waits_read = 0;
    write_failed(h, code);
  } else if (h->waits_read) {
    h->waits_read = 0;
    read_failed(h, code);
  } else if (h->stage != LEAVES && (h->stage != WORKS || h->asked->deed != IGNORE)) {
    returns(h, lc_code_name(code), h->cut != 0);
  }
}

int handler_advance(handler *h)
{
  switch (h->stage) {
    case WAITS_REQUEST: return waits_for_request(h);
    case READS_BODY: return reads_body(h);
    case WRITES: return writes(h);
    default: return 0; /* its timer decides */
  }
}
