/* sending.c - sends a reply: what the library adds, and the body between. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conn/output.h"
#include "http/inside.h"

enum { PIECES_MOST = 32 };

/* ------------------------------------------------------- the library's bytes -- */

char *lc_http_out_room(lc_http_outgoing *out, size_t size)
{
  if (out->from == out->length) out->from = out->length = 0;
  if (out->room - out->length < size) {
    size_t room = 2 * out->length + size;
    if (room < 512) room = 512;
    char *bytes = realloc(out->bytes, room);
    if (!bytes) return NULL;
    out->bytes = bytes;
    out->room = room;
  }
  return out->bytes + out->length;
}

int lc_http_out_add(lc_http_outgoing *out, const char *bytes, size_t length)
{
  char *room = lc_http_out_room(out, length);
  if (!room) return -ENOMEM;
  memcpy(room, bytes, length);
  out->length += length;
  return 0;
}

int lc_http_out_send(lc_http_exchange *x, lc_conn *conn)
{
  lc_http_outgoing *out = &x->out;
  if (out->from == out->length) return 0;
  struct iovec rest = {out->bytes + out->from, out->length - out->from};
  ssize_t sent = lc_conn_write(conn, &rest, 1);
  if (sent < 0) return (int)sent;
  out->from += (size_t)sent;
  return out->from < out->length ? LC_AGAIN : 0;
}

/* --------------------------------------------------------------------- body -- */

static int open_chunk(lc_http_exchange *x, size_t size)
{
  char *room = lc_http_out_room(&x->out, LC_HTTP_CHUNK_HEAD);
  if (!room) return -ENOMEM;
  x->out.length += lc_http_chunk_head(room, size);
  x->chunk_left = size;
  return 0;
}

/* While nothing of a chunk has been sent, not even its head, it is none yet: the write may be given
 * up, and the next one be of another size. */
static void take_back_chunk(lc_http_exchange *x, size_t size)
{
  char head[LC_HTTP_CHUNK_HEAD];
  size_t length = lc_http_chunk_head(head, size);
  if (x->chunk_left != size || x->out.length - x->out.from < length) return;
  x->out.length -= length;
  x->chunk_left = 0;
}

/* The end of a chunk, which the kernel may not have taken. */
static int close_chunk(lc_http_exchange *x, size_t sent)
{
  static const char end[] = {'\r', '\n'};
  return lc_http_out_add(&x->out, end + sent, sizeof end - sent);
}

/* What is ours, the pieces, and the end of the chunk, in one write. Returns how many of the pieces'
 * bytes were accepted. */
static ssize_t write_all(lc_http_exchange *x, lc_conn *conn, const struct iovec *pieces, int count,
                         size_t total)
{
  struct iovec all[PIECES_MOST + 2];
  lc_http_outgoing *out = &x->out;
  size_t ours = out->length - out->from;
  int is_last = x->chunked && total == x->chunk_left, n = 0;
  if (ours) all[n++] = (struct iovec){out->bytes + out->from, ours};
  memcpy(all + n, pieces, (size_t)count * sizeof *pieces);
  n += count;
  if (is_last) all[n++] = (struct iovec){(void *)(uintptr_t) "\r\n", 2};
  ssize_t written = lc_conn_write(conn, all, n);
  if (written < 0) return written;
  size_t sent = (size_t)written;
  out->from += sent < ours ? sent : ours;
  if (sent < ours) return 0;
  size_t body = sent - ours < total ? sent - ours : total;
  if (x->chunked) x->chunk_left -= body;
  if (is_last && body == total) {
    int result = close_chunk(x, sent - ours - body);
    if (result < 0) return result;
  }
  return (ssize_t)body;
}

/* The bytes of a reply that has no body are counted, and not sent. */
static ssize_t swallow(lc_http_exchange *x, lc_conn *conn, size_t total)
{
  int result = lc_http_out_send(x, conn);
  if (result < 0 && result != LC_AGAIN) return result;
  if (x->sized) x->reply_left -= total;
  return (ssize_t)total;
}

ssize_t lc_http_write(lc_http_exchange *x, lc_conn *conn, const struct iovec *pieces, int count)
{
  if (!x->begun || x->ended || count < 0 || count > PIECES_MOST) return -EINVAL;
  size_t total = lc_pieces_total(pieces, count);
  if (x->sized && total > x->reply_left) return -EMSGSIZE;
  if (x->bodyless) return swallow(x, conn, total);
  if (!total) return 0;
  if (x->chunked && !x->chunk_left) {
    int result = open_chunk(x, total);
    if (result < 0) return result;
  }
  if (x->chunked && total > x->chunk_left)
    return -EINVAL; /* the caller has not gone on with the rest */
  ssize_t accepted = write_all(x, conn, pieces, count, total);
  if (!accepted && x->chunked) take_back_chunk(x, total);
  if (accepted > 0) x->sent += (uint64_t)accepted;
  if (accepted > 0 && x->sized) x->reply_left -= (uint64_t)accepted;
  return accepted;
}

ssize_t lc_http_write_file(lc_http_exchange *x, lc_conn *conn, int file, uint64_t offset,
                           uint64_t length)
{
  if (!x->begun || x->ended || !x->sized) return -EINVAL;
  if (length > x->reply_left) return -EMSGSIZE;
  if (x->bodyless) return swallow(x, conn, length);
  int result = lc_http_out_send(x, conn);
  if (result < 0) return result == LC_AGAIN ? 0 : result;
  ssize_t accepted = lc_conn_write_file(conn, file, offset, length);
  if (accepted <= 0) return accepted;
  x->sent += (uint64_t)accepted;
  x->reply_left -= (uint64_t)accepted;
  return accepted;
}

static int end_chunks(lc_http_exchange *x, const char *trailers, size_t length)
{
  int result = open_chunk(x, 0);
  if (!result && length) result = lc_http_out_add(&x->out, trailers, length);
  return result ? result : lc_http_out_add(&x->out, "\r\n", 2);
}

int lc_http_end(lc_http_exchange *x, lc_conn *conn, const char *trailers, size_t length)
{
  if (!x->begun) return -EINVAL;
  if (!x->ended) {
    if (x->chunk_left) return -EMSGSIZE;
    if (x->sized && x->reply_left && !x->bodyless) return -EMSGSIZE;
    int result = x->chunked && !x->bodyless ? end_chunks(x, trailers, trailers ? length : 0) : 0;
    if (result < 0) return result;
    x->ended = 1;
  }
  return lc_http_out_send(x, conn);
}

int lc_http_has_begun(const lc_http_exchange *x) { return (int)x->begun; }
int lc_http_has_ended(const lc_http_exchange *x) { return (int)x->ended; }
uint64_t lc_http_room(const lc_http_exchange *x) { return x->sized ? x->reply_left : UINT64_MAX; }
int lc_http_is_upgraded(const lc_http_exchange *x) { return (int)x->upgraded; }
