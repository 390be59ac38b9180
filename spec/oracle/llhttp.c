/* llhttp.c - compares what we read of a request with what llhttp, node's parser, reads of it: oracle [--tell] SEED COUNT FILE...
 *
 * Each file is a request behind two other bytes, as spec/fuzz/corpus/http has them, and so are COUNT mutations of them. What we accept, llhttp has to accept too, with the same
 * method, target, version, fields, body and trailers. (It is compiled in its strict mode.) The reverse is not required: it
 * accepts more. Exceptions are counted:
 *
 *   methods     llhttp knows some, and refuses all others
 *   extensions  of a chunk: llhttp 8 knows no backslash in quotes, and nothing behind a value without quotes
 *   tabs        llhttp does not take HTAB for white space in Connection (not counted)
 *
 * With --tell it prints what is accepted, in hexadecimal: a line with the request, then one with its method, target and
 * body, and one for each field. (h11_reads.py compares these.)
 *
 * Prints the first request about which they differ; exit status 1.
 */
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lastcall.h"

enum { TEXT_MAX = 4096, FIELDS_MAX = LC_HTTP_MAX_FIELDS, SEEDS_MAX = 2000 };

/* Where things are in the text: of one reader. */
typedef struct view {
  lc_http_span method, target;
  lc_http_field fields[2 * FIELDS_MAX]; /* then the trailers */
  unsigned count;
  int minor;
  int persists;
  int is_upgrade;
  size_t body_length;
  char body[TEXT_MAX];
  size_t size; /* of the whole message */
} view;

static struct {
  unsigned long tried, accepted, methods, extensions;
} tally;

static int tells;

static void add_body(view *v, const char *data, size_t length)
{
  memcpy(v->body + v->body_length, data, length);
  v->body_length += length;
}

/* ------------------------------------------------------------------------ ours -- */

static void add_fields(view *v, const lc_http_head *head, size_t at)
{
  for (unsigned i = 0; i < head->count; i++) {
    lc_http_field field = head->fields[i];
    field.name.at += (uint32_t)at;
    field.value.at += (uint32_t)at;
    v->fields[v->count++] = field;
  }
}

static int read_chunks(view *v, const char *text, size_t length)
{
  lc_http_field fields[FIELDS_MAX];
  lc_http_head trailers;
  lc_http_chunks chunks;
  lc_http_chunks_init(&chunks);
  while (v->size < length && !chunks.is_over) {
    lc_slice piece;
    ssize_t used = lc_http_chunks_read(&chunks, text + v->size, length - v->size, &piece);
    if (used < 0) return 0;
    add_body(v, piece.data, piece.length);
    v->size += (size_t)used;
  }
  if (!chunks.is_over) return 0;
  lc_http_head_init(&trailers, LC_HTTP_TRAILERS, fields, FIELDS_MAX);
  ssize_t size = lc_http_head_read(&trailers, text + v->size, length - v->size);
  if (size < 0) return 0;
  add_fields(v, &trailers, v->size);
  v->size += (size_t)size;
  return 1;
}

static int read_ours(view *v, const char *text, size_t length)
{
  lc_http_field fields[FIELDS_MAX];
  lc_http_head head;
  lc_http_head_init(&head, LC_HTTP_REQUEST, fields, FIELDS_MAX);
  ssize_t size = lc_http_head_read(&head, text, length);
  if (size < 0) return 0;
  v->method = head.method;
  v->target = head.target;
  v->minor = head.minor;
  v->persists = head.persists;
  v->is_upgrade = head.upgrade.length > 0;
  v->size = (size_t)size;
  add_fields(v, &head, 0);
  if (head.body == LC_HTTP_CHUNKED) return read_chunks(v, text, length);
  if (head.body != LC_HTTP_SIZED) return 1;
  if (head.content_length > length - v->size) return 0;
  add_body(v, text + size, (size_t)head.content_length);
  v->size += (size_t)head.content_length;
  return 1;
}

/* ---------------------------------------------------------------------- theirs -- */

typedef struct theirs {
  llhttp_t parser;
  view *view;
  const char *text;
  int is_complete;
} theirs;

static lc_http_span place(const theirs *t, const char *at, size_t length)
{
  return (lc_http_span){(uint32_t)(at - t->text), (uint32_t)length};
}

static theirs *of(llhttp_t *parser) { return parser->data; }

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
  of(parser)->view->target = place(of(parser), at, length);
  return 0;
}

static int on_method(llhttp_t *parser, const char *at, size_t length)
{
  of(parser)->view->method = place(of(parser), at, length);
  return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t length)
{
  view *v = of(parser)->view;
  v->fields[v->count++] = (lc_http_field){.name = place(of(parser), at, length)};
  return 0;
}

/* It leaves white space behind a value to the caller. */
static int on_value(llhttp_t *parser, const char *at, size_t length)
{
  view *v = of(parser)->view;
  while (length && (at[length - 1] == ' ' || at[length - 1] == '\t')) length--;
  v->fields[v->count - 1].value = place(of(parser), at, length);
  return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
  add_body(of(parser)->view, at, length);
  return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
  of(parser)->view->minor = parser->http_minor;
  of(parser)->view->persists = llhttp_should_keep_alive(parser);
  return 0;
}

static int on_message_complete(llhttp_t *parser)
{
  of(parser)->is_complete = 1;
  return HPE_PAUSED;
}

static const char METHOD[] = "method", EXTENSION[] = "extension";

/* One of the exceptions, or what is wrong. */
static const char *refusal(const llhttp_t *parser)
{
  const char *reason = llhttp_get_error_reason(parser), *at = llhttp_get_error_pos(parser);
  if (strstr(reason, "method")) return METHOD;
  if (strstr(reason, "quoted value") && at[-1] == '\\') return EXTENSION;
  if (strstr(reason, "chunk size") && at[-1] == ';') return EXTENSION;
  return reason;
}

/* NULL, or what is wrong. */
static const char *read_theirs(view *v, const char *text, size_t length)
{
  static llhttp_settings_t settings;
  theirs t = {.view = v, .text = text};
  llhttp_settings_init(&settings);
  settings.on_url = on_url;
  settings.on_method = on_method;
  settings.on_header_field = on_field;
  settings.on_header_value = on_value;
  settings.on_body = on_body;
  settings.on_headers_complete = on_headers_complete;
  settings.on_message_complete = on_message_complete;
  llhttp_init(&t.parser, HTTP_REQUEST, &settings);
  t.parser.data = &t;
  llhttp_errno_t error = llhttp_execute(&t.parser, text, length);
  if (error != HPE_OK && error != HPE_PAUSED && error != HPE_PAUSED_UPGRADE)
    return refusal(&t.parser);
  if (!t.is_complete) return "it wants more";
  v->size = error ? (size_t)(llhttp_get_error_pos(&t.parser) - text) : length;
  return NULL;
}

/* ------------------------------------------------------------------ comparison -- */

static int is_alike(lc_http_span a, lc_http_span b)
{
  return a.length == b.length && (!a.length || a.at == b.at);
}

static const char *difference(const view *ours, const view *others, int has_tab)
{
  if (!is_alike(ours->method, others->method)) return "the method";
  if (!is_alike(ours->target, others->target)) return "the target";
  if (ours->minor != others->minor) return "the version";
  if (ours->count != others->count) return "the number of fields";
  for (unsigned i = 0; i < ours->count; i++) {
    if (!is_alike(ours->fields[i].name, others->fields[i].name)) return "the name of a field";
    if (!is_alike(ours->fields[i].value, others->fields[i].value)) return "the value of a field";
  }
  if (ours->persists && !others->persists && !has_tab) return "whether the connection goes on";
  if (ours->body_length != others->body_length) return "the length of the body";
  if (memcmp(ours->body, others->body, ours->body_length) != 0) return "the body";
  if (ours->size != others->size) return "the length of the message";
  return NULL;
}

static void show(const char *text, size_t length)
{
  for (size_t i = 0; i < length; i++)
    if (text[i] == '\\' || text[i] < ' ' || text[i] > '~')
      printf("\\x%02x", (unsigned char)text[i]);
    else putchar(text[i]);
  putchar('\n');
}

static void tell_hex(const char *text, size_t length, char end)
{
  for (size_t i = 0; i < length; i++) printf("%02x", (unsigned char)text[i]);
  putchar(end);
}

static void tell_span(const char *text, lc_http_span span, char end)
{
  tell_hex(text + span.at, span.length, end);
}

static void tell(const view *v, const char *text)
{
  tell_hex(text, v->size, '\n');
  tell_span(text, v->method, ' ');
  tell_span(text, v->target, ' ');
  tell_hex(v->body, v->body_length, '\n');
  for (unsigned i = 0; i < v->count; i++) {
    tell_span(text, v->fields[i].name, ' ');
    tell_span(text, v->fields[i].value, '\n');
  }
  putchar('\n');
}

/* Whether they agree. */
static int try_text(const char *text, size_t length)
{
  static view ours, others;
  memset(&ours, 0, offsetof(view, body));
  memset(&others, 0, offsetof(view, body));
  tally.tried++;
  if (!read_ours(&ours, text, length)) return 1;
  tally.accepted++;
  if (tells) {
    tell(&ours, text);
    return 1;
  }
  const char *wrong = read_theirs(&others, text, length);
  tally.methods += wrong == METHOD;
  tally.extensions += wrong == EXTENSION;
  if (wrong == METHOD || wrong == EXTENSION) return 1;
  if (!wrong) wrong = difference(&ours, &others, memchr(text, '\t', ours.size) != NULL);
  if (!wrong) return 1;
  printf("differ: %s\n", wrong);
  show(text, length);
  return 0;
}

/* -------------------------------------------------------------------- mutations -- */

static struct seed {
  char text[TEXT_MAX / 2];
  size_t length;
} seeds[SEEDS_MAX];
static size_t seed_count, good_count; /* those that are accepted come first */

static uint64_t luck;

static size_t below(size_t most)
{
  luck ^= luck << 13;
  luck ^= luck >> 7;
  luck ^= luck << 17;
  return (size_t)(luck % most);
}

static const char *const WORDS[] = {"\r\n",
                                    "\n",
                                    "\r",
                                    " ",
                                    "\t",
                                    ":",
                                    ",",
                                    ";",
                                    "\"",
                                    "\\",
                                    "0",
                                    "1",
                                    "f",
                                    "chunked",
                                    "gzip",
                                    "close",
                                    "keep-alive",
                                    "Content-Length: 1\r\n",
                                    "Transfer-Encoding: chunked\r\n",
                                    "Connection: close\r\n",
                                    "Host: b\r\n",
                                    "Expect: 100-continue\r\n",
                                    "Upgrade: websocket\r\n",
                                    "Connection: upgrade\r\n",
                                    "1\r\na\r\n",
                                    "0\r\n\r\n",
                                    "\r\n\r\n",
                                    "http://a",
                                    "*",
                                    "/",
                                    "?",
                                    "%41",
                                    "\xff",
                                    "\x7f",
                                    "#",
                                    "HTTP/1.0",
                                    "OPTIONS",
                                    "PATCH",
                                    "X: y\r\n",
                                    ";a=b",
                                    ";a=\"b\"",
                                    "100-continue",
                                    "[::1]",
                                    ":80"};

/* Puts `more` in the place of `gone` bytes. */
static size_t splice(char *text, size_t length, size_t at, size_t gone, const char *more,
                     size_t size)
{
  if (length - gone + size >= TEXT_MAX) return length;
  memmove(text + at + size, text + at + gone, length - at - gone);
  memcpy(text + at, more, size);
  return length - gone + size;
}

static size_t mutate(char *text, size_t length)
{
  size_t at = below(length + 1),
         gone = at < length ? below(length - at < 12 ? length - at : 12) : 0;
  const struct seed *other = &seeds[below(seed_count)];
  const char *word = WORDS[below(sizeof WORDS / sizeof *WORDS)];
  char byte = (char)(below(8) ? 32 + below(95) : below(256));
  switch (below(6)) {
    case 0: return splice(text, length, at, at < length, &byte, 1);
    case 1: return splice(text, length, at, 0, &byte, 1);
    case 2: return splice(text, length, at, gone, "", 0);
    case 3: return splice(text, length, at, gone, word, strlen(word));
    case 4: return splice(text, length, at, 0, word, strlen(word));
    default: {
      size_t from = below(other->length + 1), size = below(other->length - from + 1);
      return splice(text, length, at, gone, other->text + from, size > 40 ? 40 : size);
    }
  }
}

static int try_mutation(void)
{
  char text[TEXT_MAX];
  const struct seed *one = &seeds[below(good_count)];
  size_t length = one->length;
  memcpy(text, one->text, length);
  for (size_t i = below(4) + 1; i > 0; i--) length = mutate(text, length);
  char *copy = malloc(length + 1); /* of its own, so that a sanitizer sees a read beyond it */
  if (!copy) return 0;
  memcpy(copy, text, length);
  int agree = try_text(copy, length);
  free(copy);
  return agree;
}

static int read_seed(const char *path)
{
  FILE *file = fopen(path, "rb");
  if (!file || seed_count == SEEDS_MAX) return 0;
  struct seed *one = &seeds[seed_count++];
  fseek(file, 2, SEEK_SET);
  one->length = fread(one->text, 1, sizeof one->text, file);
  fclose(file);
  return 1;
}

static void swap(struct seed *a, struct seed *b)
{
  struct seed first = *a;
  *a = *b;
  *b = first;
}

int main(int argc, char **argv)
{
  tells = argc > 1 && !strcmp(argv[1], "--tell");
  argc -= tells;
  argv += tells;
  if (argc < 4) {
    fputs("usage: oracle [--tell] SEED COUNT FILE...\n", stderr);
    return 2;
  }
  luck = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
  unsigned long count = strtoul(argv[2], NULL, 10);
  for (int i = 3; i < argc; i++)
    if (!read_seed(argv[i])) return 2;
  for (size_t i = 0; i < seed_count; i++) {
    unsigned long before = tally.accepted;
    if (!try_text(seeds[i].text, seeds[i].length)) return 1;
    if (tally.accepted > before) swap(&seeds[i], &seeds[good_count++]);
  }
  if (!good_count) return 2;
  for (unsigned long i = 0; i < count; i++)
    if (!try_mutation()) return 1;
  if (!tells)
    printf("%lu requests, %lu accepted; exceptions: %lu methods, %lu extensions\n", tally.tried,
           tally.accepted, tally.methods, tally.extensions);
  return 0;
}
