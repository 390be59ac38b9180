/* arrival.c - HTTP as the protocol of a connection: where a request begins and ends, and what is
 * answered without the embedder. */
#include "http/arrival.h"

#include <stdlib.h>
#include <string.h>

#include "conn/closing.h"
#include "http/inside.h"

static lc_http_service *service_of(const lc_conn *conn)
{
  return LC_OWNER(lc_protocol_of(conn), lc_http_service, own);
}

/* -------------------------------------------------------- answered by us -- */

/* A client that does not read its replies may get part of this one, which must not look whole, or
 * none of it: then those before still go out. Where there is no memory for it, a reset says so. */
static void answer(lc_conn *conn, lc_http_exchange *x, int status, const char *fields,
                   size_t length)
{
  int result = lc_http_answer(x, conn, status, fields, length);
  if (result == -ENOMEM) {
    lc_conn_abort(conn, "no memory for a reply");
  } else if (result) {
    if (x->out.from) lc_conn_break_write(conn, LC_FULL);
    lc_conn_finish(conn, "reply not sent");
  }
  lc_http_note_replied(x, conn);
  lc_http_exchange_leave(conn);
}

/* The bytes of a head that was refused are not kept. So nothing may refer to them. */
static void forget_places(lc_http_head *head)
{
  static const lc_http_span nothing;
  head->count = 0;
  head->method = head->target = head->path = head->query = nothing;
  head->host = head->upgrade = nothing;
}

static void tell_refused(const lc_conn *conn, const lc_http_exchange *x, int status,
                         const char *why)
{
  const lc_http_options *options = &x->service->options;
  if (options->refused) options->refused(conn, status, why, options->user);
}

/* The reply ends the connection: what follows cannot be told apart from a body. */
static lc_arrival refuse(lc_conn *conn, lc_http_exchange *x, int status, const char *why)
{
  tell_refused(conn, x, status, why);
  x->head.persists = 0;
  x->body.is_over = 1;
  if (!x->head_length) forget_places(&x->head);
  static const char later[] = "Retry-After: 1\r\n";
  int is_later = status == 503;
  answer(conn, x, status, is_later ? later : NULL, is_later ? sizeof later - 1 : 0);
  return LC_ARRIVAL_REFUSED;
}

/* Takes a head for which there is no memory. Requests behind it are late when the server leaves. */
static void take_head(lc_conn *conn, const lc_slice *held)
{
  const char *end = memmem(held->data, held->length, "\r\n\r\n", 4);
  lc_conn_take(conn, end ? (size_t)(end + 4 - held->data) : held->length);
}

/* There is no memory for a request. It is answered all the same, with bytes that need none. */
static lc_arrival refuse_without_memory(lc_conn *conn, const lc_slice *held)
{
  static const char head[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Retry-After: 1\r\nContent-Length: 20\r\nConnection: close\r\n\r\n";
  static const char body[] = "Service Unavailable\n";
  const lc_http_options *options = &service_of(conn)->options;
  int is_bodyless = held->length > 4 && !memcmp(held->data, "HEAD ", 5);
  struct iovec all[] = {{(void *)(uintptr_t)head, sizeof head - 1},
                        {(void *)(uintptr_t)body, is_bodyless ? 0 : sizeof body - 1}};
  if (options->refused) options->refused(conn, 503, "no memory for a request", options->user);
  if (lc_conn_write(conn, all, 2) == (ssize_t)(all[0].iov_len + all[1].iov_len))
    take_head(conn, held);
  else lc_conn_abort(conn, "no memory for a request");
  return LC_ARRIVAL_REFUSED;
}

/* Every record of a TLS handshake begins with this byte. */
static int is_tls(const lc_conn *conn)
{
  lc_slice held;
  lc_conn_buffered(conn, &held);
  return held.length && held.data[0] == 0x16;
}

static lc_arrival refuse_fault(lc_conn *conn, lc_http_exchange *x, lc_http_fault fault)
{
  const char *why =
    is_tls(conn) ? "the client speaks TLS, and this port does not" : lc_http_fault_text(fault);
  return refuse(conn, x, lc_http_fault_status(fault), why);
}

static int asks_if_ready(const lc_http_exchange *x)
{
  const lc_http_service *service = x->service;
  const lc_http_span *path = &x->head.path;
  if (!service->ready_length || path->length != service->ready_length) return 0;
  if (x->head.method_known != LC_HTTP_GET && x->head.method_known != LC_HTTP_HEAD) return 0;
  return x->body.is_over && !memcmp(x->bytes + path->at, service->ready_path, path->length);
}

static lc_arrival tell_if_ready(lc_conn *conn, lc_http_exchange *x)
{
  lc_http_hold(x);
  answer(conn, x, conn->owner->is_leaving || conn->loop->is_unready ? 503 : 200, NULL, 0);
  int goes_on = !x->closes;
  lc_http_release(x);
  return goes_on ? LC_ARRIVAL_MORE : LC_ARRIVAL_LEFT;
}

/* ------------------------------------------------------------------ heads -- */

static int keep_head(lc_http_exchange *x, const char *bytes, size_t length)
{
  if (x->room < length) {
    char *room = realloc(x->bytes, length);
    if (!room) return -ENOMEM;
    x->bytes = room;
    x->room = length;
  }
  memcpy(x->bytes, bytes, length);
  x->head_length = length;
  return 0;
}

/* The whole head has come. */
static lc_arrival on_head(lc_conn *conn, lc_http_exchange *x, const lc_slice *held, size_t length)
{
  x->began = conn->loop->now;
  if (keep_head(x, held->data, length) < 0) return refuse(conn, x, 503, "no memory for its head");
  lc_slice behind = {held->data + length, held->length - length};
  lc_http_body_begin(x);
  uint8_t fault = 0;
  if (lc_http_body_check(x, &behind, &fault) < 0)
    return refuse_fault(conn, x, (lc_http_fault)fault);
  lc_conn_take(conn, length);
  const lc_http_options *options = &x->service->options;
  if (x->body.left > options->max_body) return refuse(conn, x, 413, "the body is too long");
  if (asks_if_ready(x)) return tell_if_ready(conn, x);
  if (options->max_in_flight && x->service->in_flight >= options->max_in_flight)
    return refuse(conn, x, 503, "too many requests are at work");
  x->stage = LC_HTTP_STAGE_UNIT;
  x->counted = 1;
  x->service->in_flight++;
  return LC_ARRIVAL_UNIT;
}

/* What is left of a body is out of the way, or not yet. The rest has as long as one piece of a body
 * that is read: a client that sends it byte by byte does not keep the connection. */
static lc_arrival skip(lc_conn *conn, lc_http_exchange *x)
{
  lc_time until = lc_time_add(x->body_began, x->service->options.body_timeout);
  if (conn->loop->now > until) return LC_ARRIVAL_LEFT;
  int result = lc_http_body_skip(x, conn);
  if (result == LC_AGAIN) return LC_ARRIVAL_MORE;
  if (result < 0) return LC_ARRIVAL_LEFT;
  lc_http_exchange_leave(conn);
  return LC_ARRIVAL_MORE;
}

/* So many requests are answered in a turn without the embedder. */
enum { OWN_ANSWERS = 16 };

static lc_arrival arrived(lc_conn *conn, void *state)
{
  (void)state;
  for (int i = 0; i < OWN_ANSWERS; i++) {
    lc_slice held;
    lc_http_exchange *x = conn->protocol_state;
    lc_arrival arrival = LC_ARRIVAL_MORE;
    lc_conn_buffered(conn, &held);
    if (!held.length) return LC_ARRIVAL_MORE;
    if (x && x->stage == LC_HTTP_STAGE_SKIPPING) {
      arrival = skip(conn, x);
    } else {
      if (!x) x = conn->protocol_state = lc_http_exchange_begin(service_of(conn));
      if (!x) return refuse_without_memory(conn, &held);
      if (!x->began) x->began = conn->loop->now;
      ssize_t length = lc_http_head_read(&x->head, held.data, held.length);
      if (length == LC_AGAIN) return LC_ARRIVAL_MORE;
      if (length < 0) return refuse_fault(conn, x, (lc_http_fault)x->head.fault);
      arrival = on_head(conn, x, &held, (size_t)length);
    }
    if (arrival != LC_ARRIVAL_MORE || conn->protocol_state) return arrival;
    if (conn->state >= LC_STATE_CLOSING) return arrival;
  }
  return LC_ARRIVAL_LATER;
}

/* -------------------------------------------------------------------- units -- */

/* Answers a request whose work has ended without a reply. */
static int answer_failure(lc_http_exchange *x, lc_conn *conn)
{
  static const char later[] = "Retry-After: 1\r\n";
  int status = x->refusal ? x->refusal : x->given_up ? 503 : 500;
  x->head.persists = 0;
  if (status != 503) return lc_http_answer(x, conn, status, NULL, 0);
  return lc_http_answer(x, conn, status, later, sizeof later - 1);
}

/* Without a reply the request has failed. A reply that is not whole must not look like one. */
static void unit_ended(lc_conn *conn, void *state)
{
  lc_http_exchange *x = state;
  lc_http_exchange_uncount(x);
  if (!x->begun) {
    if (x->refusal) tell_refused(conn, x, x->refusal, lc_http_body_failure(x));
    answer_failure(x, conn);
  }
  lc_http_note_replied(x, conn);
  if (!x->ended || lc_http_out_send(x, conn)) {
    lc_conn_abort(conn, "reply not finished");
  } else if (x->closes) {
    lc_conn_finish(conn, "answered");
  } else if (!x->body.is_over) {
    x->stage = LC_HTTP_STAGE_SKIPPING;
    x->body_began = conn->loop->now;
  } else {
    lc_http_exchange_leave(conn);
  }
}

/* The connection ends before the reply. What has not begun can still say so. */
static int leave(lc_conn *conn, void *state)
{
  lc_http_exchange *x = state;
  if (!x || x->stage != LC_HTTP_STAGE_UNIT || (x->ended && !lc_http_out_send(x, conn))) return 0;
  x->refusal = 503;
  if (x->begun || answer_failure(x, conn)) lc_conn_abort(conn, "reply not finished");
  lc_http_note_replied(x, conn);
  return 0;
}

/* The work for the request has failed. */
static void unit_failed(lc_conn *conn, void *state)
{
  lc_http_exchange *x = state;
  lc_http_exchange_uncount(x);
  if (x->ended && !lc_http_out_send(x, conn)) return;
  if (x->begun || answer_failure(x, conn)) lc_conn_abort(conn, "reply not finished");
  lc_http_note_replied(x, conn);
}

static void end(void *state) { lc_http_release(state); }

static int is_between(const lc_conn *conn, const void *state)
{
  return !state && !lc_buffer_size(conn->in);
}

/* The client may have sent another request that is on its way: only silence tells. */
static int is_sure(const lc_conn *conn, const void *state)
{
  (void)conn;
  (void)state;
  return 0;
}

static lc_time patience(const lc_conn *conn, const void *state)
{
  (void)state;
  return service_of(conn)->options.head_timeout;
}

static void timed_out(lc_conn *conn, void *state)
{
  lc_http_exchange *x = state;
  if (x && x->stage == LC_HTTP_STAGE_HEAD) refuse(conn, x, 408, "the head has taken too long");
}

void lc_http_arrival_init(lc_protocol *protocol)
{
  *protocol = (lc_protocol){.name = lc_http_name,
                            .end = end,
                            .arrived = arrived,
                            .unit_ended = unit_ended,
                            .unit_failed = unit_failed,
                            .is_between = is_between,
                            .is_sure = is_sure,
                            .leave = leave,
                            .patience = patience,
                            .timed_out = timed_out,
                            .label = lc_http_label,
                            .ends_by_answer = 1};
}
