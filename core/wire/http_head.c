/* http_head.c - reads the head of a request or of a response, or trailers, however its bytes are
 * cut into pieces.
 *
 *   request    START > METHOD > TARGET > VERSION -.
 *   response   STATUS > REASON -------------------+-> FIELD > NAME > SPACE > VALUE -> FIELD ...
 *   trailers   -----------------------------------'     `-> OVER, at an empty line
 *
 * `at` is where to go on, and `mark` where the present piece of text has begun.
 *
 * A line that has come whole and is in order, as most are, is read in one go. The steps read any
 * other: they wait for its rest, or say what is wrong with it.
 */
#include <string.h>

#include "lastcall.h"
#include "wire/http_class.h"
#include "wire/http_field.h"
#include "wire/http_target.h"

enum { START, METHOD, TARGET, VERSION, STATUS, REASON, FIELD, NAME, SPACE, VALUE, OVER };

enum { METHOD_MAX = 32 };

/* What a step comes to. */
typedef enum step { ON, MORE, BAD } step;

static step refuse(lc_http_head *head, lc_http_fault fault)
{
  head->fault = (uint8_t)fault;
  return BAD;
}

static step go_on(lc_http_head *head, int state, size_t at)
{
  head->state = (uint8_t)state;
  head->at = head->mark = (uint32_t)at;
  return ON;
}

/* All that has come of the present piece of text belongs to it. */
static step wait_at(lc_http_head *head, size_t at)
{
  head->at = (uint32_t)at;
  return MORE;
}

static lc_http_span span_to(const lc_http_head *head, size_t end)
{
  return (lc_http_span){head->mark, (uint32_t)end - head->mark};
}

/* At `at` there is a byte that does not belong to the line: CR LF ends it. */
static step end_line(lc_http_head *head, const char *data, size_t at, size_t end,
                     lc_http_fault fault)
{
  if (data[at] == '\n') return refuse(head, LC_HTTP_BAD_LINE_END);
  if (data[at] != '\r') return refuse(head, fault);
  if (at + 1 == end) return wait_at(head, at);
  return data[at + 1] == '\n' ? ON : refuse(head, LC_HTTP_BAD_LINE_END);
}

/* ------------------------------------------------------------ the first line -- */

static step read_whole_request_line(lc_http_head *head, const char *data, size_t at, size_t end);

/* One empty line may come before a request. */
static step read_start(lc_http_head *head, const char *data, size_t end)
{
  if (data[0] != '\r') return read_whole_request_line(head, data, 0, end);
  step result = end_line(head, data, 0, end, LC_HTTP_BAD_METHOD);
  return result == ON ? go_on(head, METHOD, 2) : result;
}

static step read_method(lc_http_head *head, const char *data, size_t end)
{
  size_t stop = lc_http_skip(data, head->at, end, LC_HTTP_IN_TOKEN);
  if (stop - head->mark > METHOD_MAX) return refuse(head, LC_HTTP_BAD_METHOD_LONG);
  if (stop == end) return wait_at(head, stop);
  if (data[stop] != ' ' || stop == head->mark) return refuse(head, LC_HTTP_BAD_METHOD);
  head->method = span_to(head, stop);
  return go_on(head, TARGET, stop + 1);
}

static step read_target(lc_http_head *head, const char *data, size_t end)
{
  size_t stop = lc_http_skip(data, head->at, end, LC_HTTP_IN_TARGET);
  if (stop == end) return wait_at(head, stop);
  if (data[stop] != ' ' || stop == head->mark) return refuse(head, LC_HTTP_BAD_TARGET);
  head->target = span_to(head, stop);
  return go_on(head, VERSION, stop + 1);
}

/* Compares with a pattern, in which "0" is any digit, as far as there are bytes. */
static step match(const char *data, size_t size, const char *pattern, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    if (i == size) return MORE;
    if (pattern[i] == '0' ? !lc_http_is_digit(data[i]) : data[i] != pattern[i]) return BAD;
  }
  return ON;
}

static int note_version(lc_http_head *head, const char *version)
{
  head->minor = version[7] == '1';
  return version[5] == '1' && version[7] <= '1';
}

static step read_version(lc_http_head *head, const char *data, size_t end)
{
  static const char PATTERN[] = "HTTP/0.0\r\n";
  enum { SIZE = sizeof PATTERN - 1 };
  const char *version = data + head->at;
  step result = match(version, end - head->at, PATTERN, SIZE);
  if (result == BAD) return refuse(head, LC_HTTP_BAD_VERSION);
  if (result == MORE) return MORE;
  if (!note_version(head, version)) return refuse(head, LC_HTTP_BAD_VERSION_OTHER);
  lc_http_fault fault = lc_http_target_read(head, data);
  return fault ? refuse(head, fault) : go_on(head, FIELD, head->at + SIZE);
}

static step read_whole_request_line(lc_http_head *head, const char *data, size_t at, size_t end)
{
  static const char VERSION_1[] = "HTTP/1.";
  enum { SIZE = sizeof VERSION_1 - 1 + sizeof "1\r\n" - 1 };
  size_t method = lc_http_skip(data, at, end, LC_HTTP_IN_TOKEN);
  if (method == at || method == end || data[method] != ' ' || method - at > METHOD_MAX)
    return go_on(head, METHOD, at);
  size_t target = method + 1, stop = lc_http_skip(data, target, end, LC_HTTP_IN_TARGET);
  if (stop == target || end - stop < 1 + SIZE || data[stop] != ' ') return go_on(head, METHOD, at);
  const char *version = data + stop + 1;
  if (memcmp(version, VERSION_1, sizeof VERSION_1 - 1) || (version[7] | 1) != '1' ||
      version[8] != '\r' || version[9] != '\n')
    return go_on(head, METHOD, at);
  head->method = (lc_http_span){(uint32_t)at, (uint32_t)(method - at)};
  head->target = (lc_http_span){(uint32_t)target, (uint32_t)(stop - target)};
  head->minor = version[7] == '1';
  lc_http_fault fault = lc_http_target_read(head, data);
  return fault ? refuse(head, fault) : go_on(head, FIELD, stop + 1 + SIZE);
}

/* The space in front of an empty reason is often left out. */
static step read_status(lc_http_head *head, const char *data, size_t end)
{
  static const char PATTERN[] = "HTTP/0.0 000";
  enum { SIZE = sizeof PATTERN - 1 };
  step result = match(data, end, PATTERN, SIZE);
  if (result == BAD) return refuse(head, LC_HTTP_BAD_STATUS_LINE);
  if (result == MORE || end == SIZE) return MORE;
  if (!note_version(head, data)) return refuse(head, LC_HTTP_BAD_VERSION_OTHER);
  head->status = (uint16_t)((data[9] - '0') * 100 + (data[10] - '0') * 10 + (data[11] - '0'));
  if (head->status < 100 || (data[SIZE] != ' ' && data[SIZE] != '\r'))
    return refuse(head, LC_HTTP_BAD_STATUS_LINE);
  return go_on(head, REASON, data[SIZE] == ' ' ? SIZE + 1 : SIZE);
}

static step read_reason(lc_http_head *head, const char *data, size_t end)
{
  size_t stop = lc_http_skip_value(data, head->at, end);
  if (stop == end) return wait_at(head, stop);
  step result = end_line(head, data, stop, end, LC_HTTP_BAD_STATUS_LINE);
  if (result != ON) return result;
  head->reason = span_to(head, stop);
  return go_on(head, FIELD, stop + 2);
}

/* ------------------------------------------------------------------ the fields -- */

static step read_end(lc_http_head *head, const char *data, size_t end)
{
  step result = end_line(head, data, head->at, end, LC_HTTP_BAD_NAME);
  if (result != ON) return result;
  lc_http_fault fault = lc_http_fields_end(head);
  return fault ? refuse(head, fault) : go_on(head, OVER, head->at + 2);
}

/* A line begins. */
static step read_field(lc_http_head *head, const char *data, size_t end)
{
  char first = data[head->at];
  if (first == '\r') return read_end(head, data, end);
  if (lc_http_is_space(first)) return refuse(head, LC_HTTP_BAD_FOLDED);
  if (head->count == head->max_fields) return refuse(head, LC_HTTP_BAD_FIELDS);
  return go_on(head, NAME, head->at);
}

static step read_name(lc_http_head *head, const char *data, size_t end)
{
  size_t stop = lc_http_skip(data, head->at, end, LC_HTTP_IN_TOKEN);
  if (stop == end) return wait_at(head, stop);
  if (data[stop] == '\n') return refuse(head, LC_HTTP_BAD_LINE_END);
  if (data[stop] != ':' || stop == head->mark) return refuse(head, LC_HTTP_BAD_NAME);
  head->fields[head->count].name = span_to(head, stop);
  return go_on(head, SPACE, stop + 1);
}

static step read_space(lc_http_head *head, const char *data, size_t end)
{
  size_t stop = lc_http_skip_space(data, head->at, end);
  return stop == end ? wait_at(head, stop) : go_on(head, VALUE, stop);
}

static step read_value(lc_http_head *head, const char *data, size_t end)
{
  size_t stop = lc_http_skip_value(data, head->at, end);
  if (stop == end) return wait_at(head, stop);
  step result = end_line(head, data, stop, end, LC_HTTP_BAD_VALUE);
  if (result != ON) return result;
  lc_http_field *field = &head->fields[head->count];
  field->value = span_to(head, lc_http_trim(data, head->mark, stop));
  lc_http_fault fault = lc_http_field_note(head, data, field);
  if (fault) return refuse(head, fault);
  head->count++;
  return go_on(head, FIELD, stop + 2);
}

/* Returns how many bytes the line at `at` has; 0: it is for the steps. */
static size_t whole_field(const char *data, size_t at, size_t end, lc_http_field *field)
{
  size_t colon = lc_http_skip(data, at, end, LC_HTTP_IN_TOKEN);
  if (colon == at || colon == end || data[colon] != ':') return 0;
  size_t from = lc_http_skip_space(data, colon + 1, end);
  size_t stop = lc_http_skip_value(data, from, end);
  if (end - stop < 2 || data[stop] != '\r' || data[stop + 1] != '\n') return 0;
  size_t to = lc_http_trim(data, from, stop);
  field->name = (lc_http_span){(uint32_t)at, (uint32_t)(colon - at)};
  field->value = (lc_http_span){(uint32_t)from, (uint32_t)(to - from)};
  return stop + 2 - at;
}

static step read_whole_fields(lc_http_head *head, const char *data, size_t end)
{
  size_t at = head->at, size = 0;
  lc_http_fault fault = LC_HTTP_NO_FAULT;
  for (; !fault && head->count < head->max_fields; at += size) {
    lc_http_field *field = &head->fields[head->count];
    size = whole_field(data, at, end, field);
    if (!size) break;
    fault = lc_http_field_note(head, data, field);
    if (!fault) head->count++;
  }
  if (fault) return refuse(head, fault);
  go_on(head, FIELD, at);
  return at < end ? ON : MORE;
}

static step read_line(lc_http_head *head, const char *data, size_t end)
{
  step result = ON;
  if (head->state == FIELD) result = read_whole_fields(head, data, end);
  if (result == ON && head->state == FIELD) result = read_field(head, data, end);
  if (result == ON && head->state == NAME) result = read_name(head, data, end);
  if (result == ON && head->state == SPACE) result = read_space(head, data, end);
  if (result == ON && head->state == VALUE) result = read_value(head, data, end);
  return result;
}

/* ----------------------------------------------------------------- the whole -- */

static step read_on(lc_http_head *head, const char *data, size_t end)
{
  switch (head->state) {
    case START: return read_start(head, data, end);
    case METHOD: return read_method(head, data, end);
    case TARGET: return read_target(head, data, end);
    case VERSION: return read_version(head, data, end);
    case STATUS: return read_status(head, data, end);
    case REASON: return read_reason(head, data, end);
    default: return read_line(head, data, end);
  }
}

/* How far the present part of the head may go. */
static size_t limit(const lc_http_head *head)
{
  return head->state < FIELD && head->max_line < head->max_head ? head->max_line : head->max_head;
}

ssize_t lc_http_head_read(lc_http_head *head, const char *data, size_t length)
{
  while (head->state != OVER && !head->fault) {
    size_t most = limit(head), end = length < most ? length : most;
    if (head->at < end && read_on(head, data, end) != MORE) continue;
    if (end < most) return LC_AGAIN;
    refuse(head, head->state < FIELD ? LC_HTTP_BAD_LINE_LONG : LC_HTTP_BAD_HEAD_LONG);
  }
  return head->fault ? LC_HTTP_BAD : (ssize_t)head->at;
}

void lc_http_head_init(lc_http_head *head, lc_http_kind kind, lc_http_field *fields,
                       uint32_t max_fields)
{
  static const uint8_t FIRST[] = {
    [LC_HTTP_REQUEST] = START, [LC_HTTP_RESPONSE] = STATUS, [LC_HTTP_TRAILERS] = FIELD};
  memset(head, 0, sizeof *head);
  head->kind = (uint8_t)kind;
  head->fields = fields;
  head->max_fields = max_fields;
  head->max_line = LC_HTTP_MAX_LINE;
  head->max_head = LC_HTTP_MAX_HEAD;
  head->state = FIRST[kind];
}
