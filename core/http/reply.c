/* reply.c - the head of a reply, and whether the connection goes on behind it. */
#include <string.h>

#include "base/digits.h"
#include "conn/crossing.h"
#include "http/inside.h"

/* ------------------------------------------------------------- going on -- */

/* Whether the server of the connection is to leave, or the connection itself. */
static int is_leaving(const lc_conn *conn)
{
  const lc_owner *owner = conn->owner;
  return !owner || owner->is_leaving || conn->aged || conn->dismissed;
}

/* Whether another request has arrived. While one of them waits the client is answered, up to the
 * connection's mark in a drain. */
static int is_more_there(const lc_http_exchange *x, const lc_conn *conn)
{
  if (!x->body.is_over || conn->dismissed) return 0;
  if (conn->marked && conn->received - lc_buffer_size(conn->in) >= conn->mark) return 0;
  return lc_buffer_size(conn->in) > 0 || lc_crossing_unread(conn) > 0;
}

static int is_last(const lc_http_exchange *x, lc_conn *conn, const lc_http_reply *reply)
{
  if (!x->head.persists || reply->closes || !lc_http_body_is_short(x, conn)) return 1;
  return is_leaving(conn) && !is_more_there(x, conn);
}

/* -------------------------------------------------------------- the head -- */

/* What was checked before, or needs no check. */
static void write_text(lc_http_writer *writer, const char *text, size_t length)
{
  if (length && writer->length + length <= writer->room)
    memcpy(writer->data + writer->length, text, length);
  writer->length += length;
}
#define WRITE(writer, text) write_text(writer, text, sizeof(text) - 1)

/* The line is made once a second, and the clock is read once a turn. */
static void write_date(lc_http_service *service, const lc_conn *conn, lc_http_writer *writer)
{
  const lc_sys *sys = conn->loop->sys;
  int is_new_turn = conn->loop->now != service->date_at;
  int64_t now = is_new_turn ? sys->time_of_day(sys) / LC_SECOND : service->date_of;
  service->date_at = conn->loop->now;
  if (now != service->date_of) {
    memcpy(service->date_line, "Date: ", 6);
    lc_http_date(service->date_line + 6, now);
    memcpy(service->date_line + 6 + LC_HTTP_DATE_SIZE, "\r\n", 2);
    service->date_of = now;
  }
  write_text(writer, service->date_line, sizeof service->date_line);
}

static int write_status(lc_http_writer *writer, const lc_http_reply *reply)
{
  if (reply->status != 200 || reply->reason)
    return lc_http_write_status(writer, reply->status, reply->reason, reply->reason_length);
  WRITE(writer, "HTTP/1.1 200 OK\r\n");
  return 0;
}

int lc_http_sends_body(const lc_http_exchange *x, int status)
{
  return x->head.method_known != LC_HTTP_HEAD && status != 204 && status != 304;
}

/* How the client learns where the body ends. */
static void frame(lc_http_exchange *x, const lc_http_reply *reply)
{
  x->bodyless = !lc_http_sends_body(x, reply->status);
  x->sized = reply->length >= 0;
  x->reply_left = x->sized ? (uint64_t)reply->length : 0;
  x->chunked = !x->sized && x->head.minor >= 1;
  if (!x->sized && !x->chunked && !x->bodyless) x->closes = 1;
}

static void make_keep_line(lc_http_service *service, lc_time idle)
{
  char value[LC_HTTP_KEEP_LINE] = "timeout=";
  char *end = lc_digits_append(value + strlen(value), (uint64_t)(idle / LC_SECOND));
  lc_http_writer writer;
  lc_http_write_begin(&writer, service->keep_line, sizeof service->keep_line);
  lc_http_write_field(&writer, "Keep-Alive", 10, value, (size_t)(end - value));
  service->keep_length = writer.length;
  service->keep_of = idle;
}

/* A client that knows how long a connection may be idle sends no request that crosses its end. The
 * line is made when the time is another than that of the reply before. */
static void write_keep(lc_http_service *service, lc_time idle, lc_http_writer *writer)
{
  if (idle == LC_NEVER) return;
  if (idle != service->keep_of || !service->keep_length) make_keep_line(service, idle);
  write_text(writer, service->keep_line, service->keep_length);
}

static void write_framing(const lc_http_exchange *x, const lc_conn *conn,
                          const lc_http_reply *reply, lc_http_writer *writer)
{
  if (x->sized && reply->status != 204) lc_http_write_length(writer, x->reply_left);
  else if (x->chunked && reply->status != 204 && reply->status != 304)
    WRITE(writer, "Transfer-Encoding: chunked\r\n");
  if (x->closes) WRITE(writer, "Connection: close\r\n");
  else if (!x->head.minor) WRITE(writer, "Connection: keep-alive\r\n");
  if (!x->closes) write_keep(x->service, lc_conn_settings(conn)->idle_timeout, writer);
}

static int write_head(lc_http_exchange *x, lc_conn *conn, const lc_http_reply *reply,
                      lc_http_writer *writer)
{
  int result = write_status(writer, reply);
  if (result < 0) return result;
  if (!reply->has_date) write_date(x->service, conn, writer);
  if (reply->is_plain) WRITE(writer, "Content-Type: text/plain; charset=utf-8\r\n");
  write_text(writer, reply->fields, reply->fields_length);
  write_framing(x, conn, reply, writer);
  return lc_http_write_end(writer);
}

/* More than the library's own lines need. */
enum { OWN_LINES = 384 };

int lc_http_begin(lc_http_exchange *x, lc_conn *conn, const lc_http_reply *reply)
{
  if (x->begun) return -EALREADY;
  if (reply->status < 200 || reply->status > 599) return -EINVAL;
  size_t room = OWN_LINES + reply->reason_length + reply->fields_length;
  char *place = lc_http_out_room(&x->out, room);
  if (!place) return -ENOMEM;
  x->closes = is_last(x, conn, reply) ? 1 : 0;
  frame(x, reply);
  lc_http_writer writer;
  lc_http_write_begin(&writer, place, room);
  int result = write_head(x, conn, reply, &writer);
  if (result < 0) return result;
  x->out.length += writer.length;
  x->status = (uint16_t)reply->status;
  x->begun = 1;
  if (reply->status >= 500) x->service->failed++;
  return 0;
}

/* --------------------------------------------------------- interim replies -- */

static int add_interim(lc_http_exchange *x, int status, const char *fields, size_t length)
{
  size_t room = OWN_LINES + length;
  char *place = lc_http_out_room(&x->out, room);
  if (!place) return -ENOMEM;
  lc_http_writer writer;
  lc_http_write_begin(&writer, place, room);
  int result = lc_http_write_status(&writer, status, NULL, 0);
  if (result < 0) return result;
  write_text(&writer, fields, length);
  result = lc_http_write_end(&writer);
  if (!result) x->out.length += writer.length;
  return result;
}

int lc_http_inform(lc_http_exchange *x, lc_conn *conn, int status, const char *fields,
                   size_t length)
{
  if (status < 102 || status > 199) return -EINVAL;
  if (x->begun) return -EALREADY;
  int result = x->head.minor ? add_interim(x, status, fields, length) : 0;
  return result ? result : lc_http_out_send(x, conn);
}

/* ------------------------------------------------------------ whole replies -- */

int lc_http_answer(lc_http_exchange *x, lc_conn *conn, int status, const char *fields,
                   size_t length)
{
  const char *words = lc_http_reason(status);
  size_t size = strlen(words);
  lc_http_reply reply = {.status = status,
                         .is_plain = 1,
                         .fields = fields,
                         .fields_length = length,
                         .length = (int64_t)size + 1};
  int result = lc_http_begin(x, conn, &reply);
  if (result < 0) return result;
  /* A reply so short goes into the library's own bytes, so that it needs no second attempt. */
  if (!x->bodyless) result = lc_http_out_add(&x->out, words, size);
  if (!x->bodyless && !result) result = lc_http_out_add(&x->out, "\n", 1);
  x->reply_left = 0;
  x->sent = x->bodyless ? 0 : size + 1;
  return result < 0 ? result : lc_http_end(x, conn, NULL, 0);
}

/* ----------------------------------------------------------------- upgrade -- */

/* What goes on for as long as the client likes does not begin at a server that stops. */
static int is_too_late(const lc_conn *conn)
{
  const lc_owner *owner = conn->owner;
  return !owner || owner->step >= LC_STEP_STOP || conn->aged || conn->dismissed;
}

/* What the client has sent behind the head is no HTTP, perhaps. */
static int refuse_upgrade(lc_http_exchange *x, lc_conn *conn)
{
  static const char later[] = "Retry-After: 1\r\n";
  x->head.persists = 0;
  int result = lc_http_answer(x, conn, 503, later, sizeof later - 1);
  return result && result != LC_AGAIN ? result : LC_DRAINING;
}

int lc_http_upgrade(lc_http_exchange *x, lc_conn *conn, const char *fields, size_t length)
{
  if (!x->ended) {
    if (x->begun) return -EALREADY;
    if (!x->head.upgrade.length || !x->body.is_over) return -EINVAL;
    if (is_too_late(conn)) return refuse_upgrade(x, conn);
    static const char upgraded[] = "Connection: Upgrade\r\n";
    char lines[1024];
    if (length > sizeof lines - sizeof upgraded) return -EINVAL;
    memcpy(lines, upgraded, sizeof upgraded - 1);
    if (length) memcpy(lines + sizeof upgraded - 1, fields, length);
    int result = add_interim(x, 101, lines, sizeof upgraded - 1 + length);
    if (result < 0) return result;
    x->begun = x->ended = x->bodyless = x->upgraded = 1;
    x->status = 101;
    lc_http_exchange_uncount(x);
  }
  int result = lc_http_out_send(x, conn);
  if (result < 0) return result;
  result = lc_conn_set_protocol(conn, NULL);
  if (result < 0) x->closes = 1; /* the client has the 101: nothing of HTTP may follow */
  else lc_conn_unit_ended(conn); /* the request is over; what follows is no unit of ours */
  return result;
}
