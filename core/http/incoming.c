/* incoming.c - what comes on a connection: the head of a reply, and the body of a message, piece by
 * piece. */
#include "http/inside.h"

/* -------------------------------------------------------------------- heads -- */

int lc_http_head_receive(lc_http_head *head, lc_conn *conn, lc_slice *bytes)
{
  for (;;) {
    lc_slice held;
    lc_conn_buffered(conn, &held);
    ssize_t size = held.length ? lc_http_head_read(head, held.data, held.length) : LC_AGAIN;
    if (size > 0) {
      *bytes = (lc_slice){held.data, (size_t)size};
      lc_conn_take(conn, (size_t)size);
      return 0;
    }
    if (size != LC_AGAIN) return LC_HTTP_BAD;
    int result = lc_conn_read_more(conn);
    if (result < 0) return result;
  }
}

/* ------------------------------------------------------------------- bodies -- */

void lc_http_incoming_begin(lc_http_incoming *body, const lc_http_head *head, lc_http_field *fields,
                            uint32_t max_fields)
{
  body->kind = head->body;
  body->left = head->body == LC_HTTP_SIZED ? head->content_length : 0;
  body->is_over = head->body == LC_HTTP_NO_BODY || (head->body == LC_HTTP_SIZED && !body->left);
  if (head->body != LC_HTTP_CHUNKED) return;
  lc_http_head_init(&body->trailers, LC_HTTP_TRAILERS, fields, max_fields);
  lc_http_chunks_init(&body->chunks);
}

static int over(lc_http_incoming *body)
{
  body->is_over = 1;
  return LC_HTTP_OVER;
}

/* Bytes that came before a failure are handed out before it. */
static int take_some(lc_conn *conn, size_t max, lc_slice *piece)
{
  lc_conn_buffered(conn, piece);
  if (!piece->length) {
    int result = lc_conn_read_more(conn);
    if (result < 0) return result;
    lc_conn_buffered(conn, piece);
  }
  if (piece->length > max) piece->length = max;
  lc_conn_take(conn, piece->length); /* the bytes stay where they are until the next receive */
  return 0;
}

static int read_sized(lc_http_incoming *body, lc_conn *conn, size_t max, lc_slice *piece)
{
  int result = take_some(conn, max < body->left ? max : (size_t)body->left, piece);
  if (result < 0) return result;
  body->left -= piece->length;
  body->is_over = !body->left;
  return 0;
}

static int read_trailers(lc_http_incoming *body, lc_conn *conn, lc_slice *bytes)
{
  int result = lc_http_head_receive(&body->trailers, conn, bytes);
  return result < 0 ? result : over(body);
}

static int read_chunked(lc_http_incoming *body, lc_conn *conn, size_t max, lc_slice *piece)
{
  while (!body->chunks.is_over) {
    lc_slice held;
    lc_conn_buffered(conn, &held);
    if (!held.length) {
      int result = lc_conn_read_more(conn);
      if (result < 0) return result;
      continue;
    }
    size_t length = held.length < max ? held.length : max;
    ssize_t size = lc_http_chunks_read(&body->chunks, held.data, length, piece);
    if (size < 0) return LC_HTTP_BAD;
    lc_conn_take(conn, (size_t)size);
    if (piece->length) return 0;
  }
  return read_trailers(body, conn, piece);
}

int lc_http_incoming_read(lc_http_incoming *body, lc_conn *conn, size_t max, lc_slice *piece)
{
  *piece = (lc_slice){"", 0};
  if (body->is_over) return LC_HTTP_OVER;
  if (body->kind == LC_HTTP_SIZED) return read_sized(body, conn, max, piece);
  if (body->kind == LC_HTTP_CHUNKED) return read_chunked(body, conn, max, piece);
  int result = take_some(conn, max, piece);
  return result == LC_EOF ? over(body) : result;
}
