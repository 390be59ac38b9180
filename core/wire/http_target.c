/* http_target.c - the target of a request, taken apart; and what a host may look like. */
#include "wire/http_target.h"

#include "wire/http_class.h"

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

static int is_port(const char *text, size_t length)
{
  unsigned number = 0;
  if (length > PORT_DIGITS) return 0;
  for (size_t i = 0; i < length; i++) {
    if (!lc_http_is_digit(text[i])) return 0;
    number = number * 10 + (unsigned)(text[i] - '0');
  }
  return number <= PORT_MAX;
}

/* Returns the length of the host in front of a port, or 0. */
static size_t bracketed(const char *text, size_t length)
{
  size_t at = 1;
  while (at < length && (lc_http_hex(text[at]) >= 0 || text[at] == ':' || text[at] == '.')) at++;
  return at > 1 && at < length && text[at] == ']' ? at + 1 : 0;
}

static size_t named(const char *text, size_t length)
{
  size_t at = 0;
  for (;;) {
    at = lc_http_skip(text, at, length, LC_HTTP_IN_HOST);
    if (at + 2 >= length || text[at] != '%') return at;
    if (lc_http_hex(text[at + 1]) < 0 || lc_http_hex(text[at + 2]) < 0) return 0;
    at += 3;
  }
}

int lc_http_is_host(const char *text, size_t length)
{
  if (!length) return 1;
  size_t end = text[0] == '[' ? bracketed(text, length) : named(text, length);
  if (!end) return 0;
  return end == length || (text[end] == ':' && is_port(text + end + 1, length - end - 1));
}

static lc_http_method method_of(const char *text, size_t length)
{
  static const char NAMES[LC_HTTP_METHODS][8] = {"",    "GET",    "HEAD",    "POST",
                                                 "PUT", "DELETE", "OPTIONS", "PATCH"};
  for (int i = LC_HTTP_GET; i < LC_HTTP_METHODS; i++)
    if (text[0] == NAMES[i][0] && length == strlen(NAMES[i]) && !memcmp(text, NAMES[i], length))
      return (lc_http_method)i;
  return LC_HTTP_OTHER;
}

/* `from` to `to` is the target from its path on. */
static void split(lc_http_head *head, const char *data, uint32_t from, uint32_t to)
{
  const char *mark = memchr(data + from, '?', to - from);
  uint32_t end = mark ? (uint32_t)(mark - data) : to;
  head->path = (lc_http_span){from, end - from};
  if (mark) head->query = (lc_http_span){end + 1, to - end - 1};
}

/* A URL without a path has the path "/". */
static lc_http_fault read_url(lc_http_head *head, const char *data)
{
  uint32_t at = head->target.at, end = at + head->target.length;
  const char *colon = memchr(data + at, ':', head->target.length);
  size_t scheme = colon ? (size_t)(colon - data) - at : 0;
  if (!LC_HTTP_IS(data + at, scheme, "http") && !LC_HTTP_IS(data + at, scheme, "https"))
    return LC_HTTP_BAD_TARGET_FORM;
  at += (uint32_t)scheme + 1;
  if (end - at < 2 || data[at] != '/' || data[at + 1] != '/') return LC_HTTP_BAD_TARGET_FORM;
  uint32_t slash = at, from = at + 2;
  for (at = from; at < end && data[at] != '/' && data[at] != '?'; at++) continue;
  if (at == from || !lc_http_is_host(data + from, at - from)) return LC_HTTP_BAD_TARGET_HOST;
  head->is_absolute = 1;
  head->host = (lc_http_span){from, at - from};
  split(head, data, at, end);
  if (!head->path.length) head->path = (lc_http_span){slash, 1};
  return LC_HTTP_NO_FAULT;
}

lc_http_fault lc_http_target_read(lc_http_head *head, const char *data)
{
  const char *method = data + head->method.at, *target = data + head->target.at;
  if (head->method.length == 7 && !memcmp(method, "CONNECT", 7)) return LC_HTTP_BAD_CONNECT;
  head->method_known = (uint8_t)method_of(method, head->method.length);
  if (*target == '/') {
    split(head, data, head->target.at, head->target.at + head->target.length);
    return LC_HTTP_NO_FAULT;
  }
  if (*target != '*' || head->target.length > 1) return read_url(head, data);
  head->path = head->target;
  return head->method_known == LC_HTTP_OPTIONS ? LC_HTTP_NO_FAULT : LC_HTTP_BAD_TARGET_FORM;
}
