/* fuzz_http.c - heads, chunked bodies and trailers out of any bytes, cut into pieces in any way.
 *
 * The first byte says which kind of head it is, and the second how the bytes are cut. Each reading comes to the same as
 * that of the whole; what is accepted keeps the rules that are easily said, and can be written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lastcall.h"

enum { FIELDS = 20, ROOM = 1 << 12 };

typedef struct cut {
  unsigned seed;
  size_t length; /* of all */
} cut;

/* How many bytes have come after the next piece. */
static size_t next(cut *c, size_t held)
{
  c->seed = c->seed * 1103515245 + 12345;
  size_t piece = 1 + (c->seed >> 16) % ((c->seed >> 8 & 3) ? 5 : 300);
  return c->length - held < piece ? c->length : held + piece;
}

static void begin(lc_http_head *head, int kind, lc_http_field *fields)
{
  lc_http_head_init(head, (lc_http_kind)(kind % 3), fields, FIELDS);
  head->max_line = 256;
  head->max_head = 700;
  head->answers_head = kind % 3 == LC_HTTP_RESPONSE && kind & 64;
}

static ssize_t read_in_pieces(lc_http_head *head, const char *text, cut c)
{
  ssize_t result = LC_AGAIN;
  size_t held = 0;
  while (result == LC_AGAIN && held < c.length) {
    held = next(&c, held);
    char *copy = malloc(held);
    MUST(copy);
    memcpy(copy, text, held);
    result = lc_http_head_read(head, copy, held);
    free(copy);
  }
  return result;
}

static void check_span(const lc_http_head *head, lc_http_span span)
{
  MUST(span.at <= head->at && span.length <= head->at - span.at);
}

static void check_fields(const lc_http_head *head, const char *text)
{
  for (uint32_t i = 0; i < head->count; i++) {
    const lc_http_field *field = &head->fields[i];
    check_span(head, field->name);
    check_span(head, field->value);
    MUST(lc_http_is_token(text + field->name.at, field->name.length));
    MUST(lc_http_is_value(text + field->value.at, field->value.length));
    MUST(lc_http_field_find(head, text, text + field->name.at, field->name.length, NULL) <= field);
  }
}

static int count_of(const lc_http_head *head, const char *text, const char *name)
{
  int count = 0;
  const lc_http_field *field = NULL;
  while ((field = lc_http_field_find(head, text, name, strlen(name), field))) count++;
  return count;
}

/* No two servers can take what is accepted for messages of different lengths. */
static void check_rules(const lc_http_head *head, const char *text)
{
  int lengths = count_of(head, text, "content-length"),
      codings = count_of(head, text, "Transfer-Encoding");
  MUST(lengths <= 1 && codings <= 1);
  MUST(!lengths || !codings);
  MUST(!codings || head->minor == 1);
  MUST(head->kind != LC_HTTP_TRAILERS || (!lengths && !codings));
  if (head->kind != LC_HTTP_REQUEST) return;
  MUST(head->body == (codings ? LC_HTTP_CHUNKED : lengths ? LC_HTTP_SIZED : LC_HTTP_NO_BODY));
  MUST(count_of(head, text, "HOST") == 1 || (!head->minor && !count_of(head, text, "HOST")));
  MUST(!memchr(text + head->target.at, '#', head->target.length));
  MUST(lc_http_is_token(text + head->method.at, head->method.length));
  lc_http_span spans[] = {head->method, head->target, head->path,
                          head->query,  head->host,   head->upgrade};
  for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) check_span(head, spans[i]);
  MUST(head->path.length);
}

/* What was read can be written, and is read alike. */
static void check_writing(const lc_http_head *head, const char *text)
{
  char written[ROOM];
  lc_http_field fields[FIELDS];
  lc_http_head again;
  lc_http_writer w;
  lc_http_write_begin(&w, written, sizeof written);
  for (uint32_t i = 0; i < head->count; i++) {
    const lc_http_field *field = &head->fields[i];
    MUST(lc_http_write_field(&w, text + field->name.at, field->name.length, text + field->value.at,
                             field->value.length) == 0);
  }
  MUST(lc_http_write_end(&w) == 0);
  lc_http_head_init(&again, LC_HTTP_TRAILERS, fields, FIELDS);
  ssize_t result = lc_http_head_read(&again, written, w.length);
  if (result == LC_HTTP_BAD) MUST(again.fault == LC_HTTP_BAD_TRAILER);
  else MUST(result == (ssize_t)w.length && again.count == head->count);
}

/* Returns how long the head is, or 0 when there is none. */
static size_t try_head(int kind, const char *text, cut c, lc_http_head *head, lc_http_field *fields)
{
  lc_http_field others[FIELDS];
  lc_http_head other;
  begin(head, kind, fields);
  begin(&other, kind, others);
  ssize_t result = lc_http_head_read(head, text, c.length);
  MUST(read_in_pieces(&other, text, c) == (c.length ? result : LC_AGAIN));
  MUST(head->fault == other.fault && (result == LC_HTTP_BAD) == (head->fault != LC_HTTP_NO_FAULT));
  if (result < 0) return 0;
  size_t from = offsetof(lc_http_head, method), to = offsetof(lc_http_head, state);
  MUST(result <= (ssize_t)c.length && head->count == other.count);
  MUST(!memcmp((char *)head + from, (char *)&other + from, to - from));
  MUST(!memcmp(fields, others, head->count * sizeof *fields));
  check_fields(head, text);
  check_rules(head, text);
  check_writing(head, text);
  return (size_t)result;
}

/* Returns how many of the bytes belong to the body; what it says is in `data`. */
static size_t read_body(const char *text, cut c, lc_http_chunks *chunks, char *data, size_t *size)
{
  size_t at = 0, held = 0;
  lc_http_chunks_init(chunks);
  *size = 0;
  while (held < c.length && !chunks->is_over) {
    held = next(&c, held);
    while (at < held && !chunks->is_over) {
      lc_slice piece;
      ssize_t used = lc_http_chunks_read(chunks, text + at, held - at, &piece);
      if (used < 0) return at;
      MUST(used > 0 && (size_t)used <= held - at);
      MUST(piece.length <= (size_t)used);
      memcpy(data + *size, piece.data, piece.length);
      *size += piece.length;
      at += (size_t)used;
    }
  }
  return at;
}

static void try_body(const char *text, cut c)
{
  lc_http_chunks whole, parts;
  size_t size, other_size;
  char *data = malloc(c.length + 1), *other = malloc(c.length + 1);
  MUST(data && other);
  size_t used = read_body(text, (cut){c.seed | 1, c.length}, &whole, data, &size);
  size_t other_used = read_body(text, c, &parts, other, &other_size);
  MUST(whole.fault == parts.fault && whole.is_over == parts.is_over);
  MUST(size == other_size && !memcmp(data, other, size));
  MUST(whole.fault || used == other_used);
  lc_http_field fields[FIELDS];
  lc_http_head head;
  if (whole.is_over)
    try_head(LC_HTTP_TRAILERS, text + used, (cut){c.seed, c.length - used}, &head, fields);
  free(data);
  free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  lc_http_field fields[FIELDS];
  lc_http_head head;
  if (size < 2) return 0;
  const char *text = (const char *)data + 2;
  cut c = {data[1], size - 2};
  int kind = data[0];
  if (kind % 4 == 3) {
    try_body(text, c);
    return 0;
  }
  size_t used = try_head(kind, text, c, &head, fields);
  if (used && head.body == LC_HTTP_CHUNKED) try_body(text + used, (cut){c.seed, c.length - used});
  return 0;
}
