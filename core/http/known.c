/* known.c - what is known of a request and its reply, for logs and for people. */
#include <string.h>

#include "http/inside.h"

void lc_http_note_replied(lc_http_exchange *x, const lc_conn *conn)
{
  const lc_http_options *options = &x->service->options;
  if (x->told) return;
  x->told = 1;
  if (options->replied) options->replied(x, conn, options->user);
}

void lc_http_head_bytes(const lc_http_exchange *x, lc_slice *bytes)
{
  *bytes = (lc_slice){x->head_length ? x->bytes : "", x->head_length};
}

lc_time lc_http_began(const lc_http_exchange *x) { return x->began; }
int lc_http_status(const lc_http_exchange *x) { return x->status; }
uint64_t lc_http_sent(const lc_http_exchange *x) { return x->sent; }

static size_t add(char *text, size_t at, size_t size, const char *more, size_t length)
{
  size_t room = size - 1 - at;
  if (length > room) length = room;
  memcpy(text + at, more, length);
  return at + length;
}

/* Both parts are visible ASCII: anything else is refused. */
int lc_http_label(const lc_conn *conn, const void *state, char *text, size_t size, lc_time *since)
{
  const lc_http_exchange *x = lc_http_exchange_of(conn);
  (void)state;
  if (!x) return 0;
  *since = x->began;
  const lc_http_head *head = &x->head;
  size_t at = add(text, 0, size, x->bytes + head->method.at, head->method.length);
  at = add(text, at, size, " ", 1);
  if (head->path.length) at = add(text, at, size, x->bytes + head->path.at, head->path.length);
  else at = add(text, at, size, "/", 1);
  text[at] = 0;
  return 1;
}
