/* http_field.c - what the fields of a head mean for its connection, and for the length of its
 * body. */
#include "wire/http_field.h"

#include "wire/http_class.h"
#include "wire/http_target.h"

/* ------------------------------------------------------------------ one field -- */

static lc_http_fault note_host(lc_http_head *head, const char *data, lc_http_span value)
{
  if (head->has_host) return LC_HTTP_BAD_HOST_TWICE;
  if (!lc_http_is_host(data + value.at, value.length)) return LC_HTTP_BAD_HOST;
  head->has_host = 1;
  if (!head->is_absolute) head->host = value;
  return LC_HTTP_NO_FAULT;
}

/* White space around a value may be HTAB, but some parsers do not find the word then. So where the
 * length of the body is decided, none is accepted. */
static int has_tab(const char *data, const lc_http_field *field)
{
  size_t from = field->name.at + field->name.length + 1, to = field->value.at + field->value.length;
  while (lc_http_is_space(data[to])) to++;
  return memchr(data + from, '\t', to - from) != NULL;
}

static lc_http_fault note_length(lc_http_head *head, const char *data, const lc_http_field *field)
{
  lc_http_span value = field->value;
  const char *digits = data + value.at;
  uint64_t number = 0;
  if (head->has_length) return LC_HTTP_BAD_LENGTH_TWICE;
  if (!value.length || has_tab(data, field)) return LC_HTTP_BAD_LENGTH;
  for (uint32_t i = 0; i < value.length; i++)
    if (!lc_http_is_digit(digits[i])) return LC_HTTP_BAD_LENGTH;
  for (uint32_t i = 0; i < value.length; i++) {
    uint64_t digit = (uint64_t)(digits[i] - '0');
    if (number > ((uint64_t)INT64_MAX - digit) / 10) return LC_HTTP_BAD_LENGTH_LARGE;
    number = number * 10 + digit;
  }
  head->has_length = 1;
  head->content_length = number;
  return LC_HTTP_NO_FAULT;
}

/* Takes the next element of a list with commas, without the white space around it. Returns 0 behind
 * the last one. */
static int next_element(const char *data, lc_http_span *rest, const char **text, size_t *length)
{
  if (rest->at == UINT32_MAX) return 0;
  uint32_t end = rest->at + rest->length;
  const char *comma = memchr(data + rest->at, ',', rest->length);
  uint32_t stop = comma ? (uint32_t)(comma - data) : end;
  size_t from = lc_http_skip_space(data, rest->at, stop);
  *text = data + from;
  *length = lc_http_trim(data, from, stop) - from;
  *rest = comma ? (lc_http_span){stop + 1, end - stop - 1} : (lc_http_span){UINT32_MAX, 0};
  return 1;
}

static lc_http_fault note_coding(lc_http_head *head, const char *text, size_t length)
{
  size_t name = lc_http_skip(text, 0, length, LC_HTTP_IN_TOKEN);
  size_t behind = lc_http_skip_space(text, name, length);
  int is_chunked = LC_HTTP_IS(text, name, "chunked");
  if (!name || (behind < length && (is_chunked || text[behind] != ';'))) return LC_HTTP_BAD_CODING;
  if (head->is_chunked) return is_chunked ? LC_HTTP_BAD_CODING_TWICE : LC_HTTP_BAD_CODING_NOT_LAST;
  if (is_chunked) head->is_chunked = 1;
  else head->is_coded_otherwise = 1;
  return LC_HTTP_NO_FAULT;
}

static lc_http_fault note_codings(lc_http_head *head, const char *data, const lc_http_field *field)
{
  lc_http_fault fault = has_tab(data, field) ? LC_HTTP_BAD_CODING : LC_HTTP_NO_FAULT;
  lc_http_span value = field->value;
  const char *text;
  size_t length;
  head->has_coding = 1;
  while (!fault && next_element(data, &value, &text, &length))
    fault = note_coding(head, text, length);
  return fault;
}

static void note_connection(lc_http_head *head, const char *data, lc_http_span value)
{
  const char *text;
  size_t length;
  while (next_element(data, &value, &text, &length)) {
    if (LC_HTTP_IS(text, length, "close")) head->says_close = 1;
    else if (LC_HTTP_IS(text, length, "keep-alive")) head->says_keep_alive = 1;
    else if (LC_HTTP_IS(text, length, "upgrade")) head->says_upgrade = 1;
  }
}

/* HTTP/1.0 has no interim responses, so there the wish is ignored. */
static lc_http_fault note_expect(lc_http_head *head, const char *data, lc_http_span value)
{
  if (!LC_HTTP_IS(data + value.at, value.length, "100-continue")) return LC_HTTP_BAD_EXPECT;
  head->expects_continue = head->minor > 0;
  return LC_HTTP_NO_FAULT;
}

static void note_upgrade(lc_http_head *head, lc_http_span value)
{
  if (!head->has_upgrade) head->upgrade = value;
  head->has_upgrade = 1;
}

static lc_http_fault note_trailer(const char *name, size_t length)
{
  int is_refused = LC_HTTP_IS(name, length, "content-length") ||
                   LC_HTTP_IS(name, length, "transfer-encoding") ||
                   LC_HTTP_IS(name, length, "host");
  return is_refused ? LC_HTTP_BAD_TRAILER : LC_HTTP_NO_FAULT;
}

lc_http_fault lc_http_field_note(lc_http_head *head, const char *data, const lc_http_field *field)
{
  const char *name = data + field->name.at;
  size_t length = field->name.length;
  if (head->kind == LC_HTTP_TRAILERS) return note_trailer(name, length);
  int is_request = head->kind == LC_HTTP_REQUEST;
  switch (length) {
    case 4:
      if (is_request && LC_HTTP_IS(name, length, "host"))
        return note_host(head, data, field->value);
      break;
    case 6:
      if (is_request && LC_HTTP_IS(name, length, "expect"))
        return note_expect(head, data, field->value);
      break;
    case 7:
      if (LC_HTTP_IS(name, length, "upgrade")) note_upgrade(head, field->value);
      break;
    case 10:
      if (LC_HTTP_IS(name, length, "connection")) note_connection(head, data, field->value);
      break;
    case 14:
      if (LC_HTTP_IS(name, length, "content-length")) return note_length(head, data, field);
      break;
    case 17:
      if (LC_HTTP_IS(name, length, "transfer-encoding")) return note_codings(head, data, field);
      break;
    default: break;
  }
  return LC_HTTP_NO_FAULT;
}

/* --------------------------------------------------------------- all together -- */

static lc_http_fault check_framing(const lc_http_head *head)
{
  if (!head->has_coding) return LC_HTTP_NO_FAULT;
  if (head->minor == 0) return LC_HTTP_BAD_CODING_OLD;
  if (head->has_length) return LC_HTTP_BAD_CODING_AND_LENGTH;
  return head->is_coded_otherwise ? LC_HTTP_BAD_CODING_OTHER : LC_HTTP_NO_FAULT;
}

static lc_http_body body_of(const lc_http_head *head)
{
  if (head->kind == LC_HTTP_RESPONSE &&
      (head->answers_head || head->status < 200 || head->status == 204 || head->status == 304))
    return LC_HTTP_NO_BODY;
  if (head->has_coding) return LC_HTTP_CHUNKED;
  if (head->has_length) return LC_HTTP_SIZED;
  return head->kind == LC_HTTP_RESPONSE ? LC_HTTP_UNTIL_CLOSE : LC_HTTP_NO_BODY;
}

lc_http_fault lc_http_fields_end(lc_http_head *head)
{
  if (head->kind == LC_HTTP_TRAILERS) return LC_HTTP_NO_FAULT;
  if (head->kind == LC_HTTP_REQUEST && head->minor > 0 && !head->has_host)
    return LC_HTTP_BAD_HOST_MISSING;
  lc_http_fault fault = check_framing(head);
  if (fault) return fault;
  head->body = (uint8_t)body_of(head);
  head->persists = !head->says_close && (head->minor > 0 || head->says_keep_alive) &&
                   head->body != LC_HTTP_UNTIL_CLOSE;
  if (!head->says_upgrade || head->minor == 0) head->upgrade = (lc_http_span){0, 0};
  return LC_HTTP_NO_FAULT;
}

static int are_alike(const char *a, const char *b, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    char low = (char)(a[i] | 0x20);
    if (a[i] != b[i] && (low != (char)(b[i] | 0x20) || low < 'a' || low > 'z')) return 0;
  }
  return 1;
}

const lc_http_field *lc_http_field_find(const lc_http_head *head, const char *data,
                                        const char *name, size_t length, const lc_http_field *after)
{
  const lc_http_field *end = head->fields + head->count;
  for (const lc_http_field *field = after ? after + 1 : head->fields; field < end; field++)
    if (field->name.length == length && are_alike(data + field->name.at, name, length))
      return field;
  return NULL;
}
