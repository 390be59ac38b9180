/* body.c - the body of a request: read piece by piece, checked ahead, or skipped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn/crossing.h"
#include "conn/input.h"
#include "http/inside.h"

/* So much of an unread body is taken, so that the connection can go on. More would
 * cost the client and us more than a new connection. */
#define SKIPPED_MOST 65536u

void lc_http_body_begin(lc_http_exchange *x)
{
  const lc_http_options *options = &x->service->options;
  lc_http_incoming_begin(&x->body, &x->head, x->fields + options->max_fields, options->max_fields);
  x->body.trailers.max_head = options->max_head;
}

/* ----------------------------------------------------------------- checking -- */

/* Goes over chunks until the bytes end, or the trailers begin. Returns how many bytes it has done
 * with. */
static ssize_t check_chunks(lc_http_chunks *chunks, const lc_slice *held)
{
  size_t done = 0;
  while (done < held->length && !chunks->is_over) {
    lc_slice piece;
    ssize_t size = lc_http_chunks_read(chunks, held->data + done, held->length - done, &piece);
    if (size < 0) return size;
    done += (size_t)size;
  }
  return (ssize_t)done;
}

/* How many bytes there are up to the end of a chunked body; LC_AGAIN: its end is not among them; or
 * LC_HTTP_BAD. Takes nothing. */
static ssize_t find_end(const lc_http_exchange *x, const lc_slice *held, uint8_t *fault)
{
  lc_http_chunks chunks = x->body.chunks;
  ssize_t done = check_chunks(&chunks, held);
  *fault = chunks.fault;
  if (done < 0) return LC_HTTP_BAD;
  if (!chunks.is_over) return LC_AGAIN;
  lc_http_head trailers = x->body.trailers;
  ssize_t size = lc_http_head_read(&trailers, held->data + done, held->length - (size_t)done);
  *fault = trailers.fault;
  return size < 0 ? size : done + size;
}

int lc_http_body_check(const lc_http_exchange *x, const lc_slice *held, uint8_t *fault)
{
  if (x->head.body != LC_HTTP_CHUNKED) return 0;
  ssize_t size = find_end(x, held, fault);
  return size < 0 && size != LC_AGAIN ? LC_HTTP_BAD : 0;
}

/* ------------------------------------------------------------------ reading -- */

/* The trailers are kept behind the head's bytes. */
static int keep_trailers(lc_http_exchange *x, const lc_slice *bytes)
{
  if (!x->body.trailers.count) return LC_EOF;
  char *room = realloc(x->bytes, x->head_length + bytes->length);
  if (!room) return -ENOMEM;
  memcpy(room + x->head_length, bytes->data, bytes->length);
  x->bytes = room;
  x->room = x->head_length + bytes->length;
  x->has_trailers = 1;
  return LC_EOF;
}

/* A client that waits for it may send the body. Once the reply has begun it is too late. */
static int invite(lc_http_exchange *x, lc_conn *conn)
{
  if (!x->head.expects_continue || x->continued || x->begun || lc_buffer_size(conn->in)) return 0;
  x->continued = 1;
  static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
  int result = lc_http_out_add(&x->out, words, sizeof words - 1);
  if (!result) result = lc_http_out_send(x, conn);
  return result == LC_AGAIN ? 0 : result; /* the rest goes out with the reply */
}

/* A body that the client's FIN cuts has not ended: it is a failure. */
static int read_piece(lc_http_exchange *x, lc_conn *conn, size_t max, lc_slice *piece)
{
  lc_slice bytes;
  int result = lc_http_incoming_read(&x->body, conn, max, &bytes);
  if (result == LC_HTTP_OVER) return keep_trailers(x, &bytes);
  *piece = bytes;
  return result == LC_EOF ? LC_CLOSED : result;
}

static uint16_t status_for(int code)
{
  switch (code) {
    case LC_TOO_LONG: return 413;
    case LC_TIMEOUT: return 408;
    case LC_CANCELED: return 503;
    case -ENOMEM: return 500;
    default: return 400; /* it makes no sense, or its end has not come */
  }
}

void lc_http_body_failed(lc_http_exchange *x, int code) { x->refusal = status_for(code); }

const char *lc_http_body_failure(const lc_http_exchange *x)
{
  switch (x->refusal) {
    case 413: return "the body is too long";
    case 408: return "the body has come too slowly";
    case 503: return "the wait for the body was canceled";
    case 500: return "no memory for the body";
    default: return "the body makes no sense, or is cut";
  }
}

void lc_http_give_up(lc_http_exchange *x) { x->given_up = 1; }

int lc_http_has_body_failed(const lc_http_exchange *x) { return x->refusal != 0; }

int lc_http_body_read(lc_http_exchange *x, lc_conn *conn, size_t max, lc_slice *piece)
{
  const lc_http_options *options = &x->service->options;
  *piece = (lc_slice){"", 0};
  if (x->body.is_over) return LC_EOF;
  if (!x->body_began) x->body_began = conn->loop->now;
  int result = invite(x, conn);
  if (!result) result = read_piece(x, conn, max, piece);
  x->body_read += piece->length;
  if (x->body_read > options->max_body) result = LC_TOO_LONG;
  if (result < 0 && result != LC_AGAIN && result != LC_EOF) lc_http_body_failed(x, result);
  return result;
}

/* A body that comes slower than its rate has less time than each of its pieces would have. */
lc_time lc_http_body_deadline(const lc_http_exchange *x, const lc_conn *conn)
{
  const lc_http_options *options = &x->service->options;
  lc_time piece = lc_time_add(conn->loop->now, options->body_timeout);
  if (!options->body_rate || !x->body_began) return piece;
  lc_time due = lc_seconds((double)x->body_read / options->body_rate);
  lc_time in_all = lc_time_add(lc_time_add(x->body_began, options->body_timeout), due);
  return lc_time_earlier(piece, in_all);
}

const lc_http_head *lc_http_trailers(const lc_http_exchange *x, const char **bytes)
{
  *bytes = x->has_trailers ? x->bytes + x->head_length : "";
  return x->has_trailers ? &x->body.trailers : NULL;
}

/* ----------------------------------------------------------------- skipping -- */

/* How much is left of a chunked body is known only when its end has arrived. */
static int has_end(const lc_http_exchange *x, lc_conn *conn)
{
  lc_slice held;
  uint8_t fault;
  lc_conn_buffered(conn, &held);
  ssize_t size = find_end(x, &held, &fault);
  if (size == LC_AGAIN && held.length < SKIPPED_MOST && lc_crossing_unread(conn) > 0 &&
      lc_input_fill(conn, held.length + LC_SHARED_BUFFER) > 0) {
    lc_conn_buffered(conn, &held);
    size = find_end(x, &held, &fault);
  }
  return size >= 0 && size <= SKIPPED_MOST;
}

int lc_http_body_is_short(const lc_http_exchange *x, lc_conn *conn)
{
  if (x->body.is_over) return 1;
  if (x->head.expects_continue && !x->continued) return 0;
  if (x->head.body == LC_HTTP_CHUNKED) return has_end(x, conn);
  return x->body.left <= SKIPPED_MOST;
}

int lc_http_body_skip(lc_http_exchange *x, lc_conn *conn)
{
  size_t skipped = 0;
  while (!x->body.is_over && skipped <= SKIPPED_MOST) {
    lc_slice piece = {"", 0};
    int result = read_piece(x, conn, SKIPPED_MOST, &piece);
    if (result < 0 && result != LC_EOF) return result;
    skipped += piece.length;
  }
  return x->body.is_over ? 0 : LC_TOO_LONG;
}
