/* http.c - a small HTTP server in C alone: knows its requests, and drains on SIGINT and SIGTERM.
 *
 *   http [ADDRESS [DELAY]]      default 127.0.0.1:7000; DELAY: for how many seconds it still listens
 *
 * GET / says hello, GET /ready says whether to send it more clients, POST counts the bytes of a body. From the moment
 * on when it is not ready, each reply carries "Connection: close".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conn/protocol.h"
#include "lastcall.h"

enum { BODY_MAX = 64 * 1024, REPLY_MAX = 512 };

/* A request under way, from its first byte until it is answered. Between two, a connection has none. */
typedef struct request {
  lc_http_head head;
  lc_http_field fields[LC_HTTP_MAX_FIELDS];
  size_t head_size; /* 0: the head is not whole */
  lc_http_chunks chunks;
  lc_http_head trailers;
  lc_http_field trailer_fields[LC_HTTP_MAX_FIELDS];
  size_t at;   /* how far a chunked body has been read, from the request's beginning */
  size_t body; /* how many bytes it has */
  int was_continued;
  int closes; /* the reply is the last one */
  size_t length, written;
  char reply[REPLY_MAX];
} request;

static request *request_of(lc_conn *conn)
{
  request *one = lc_conn_user(conn);
  if (one) return one;
  one = calloc(1, sizeof *one);
  lc_conn_set_user(conn, one);
  if (one) lc_http_head_init(&one->head, LC_HTTP_REQUEST, one->fields, LC_HTTP_MAX_FIELDS);
  return one;
}

static void forget(lc_conn *conn)
{
  free(lc_conn_user(conn));
  lc_conn_set_user(conn, NULL);
}

/* ------------------------------------------------------------------ replies -- */

static void put(lc_http_writer *writer, const char *name, const char *value)
{
  lc_http_write_field(writer, name, strlen(name), value, strlen(value));
}

static void compose(request *one, int status, const char *text)
{
  lc_http_writer writer;
  char date[LC_HTTP_DATE_SIZE];
  size_t length = strlen(text);
  lc_http_write_begin(&writer, one->reply, sizeof one->reply);
  lc_http_write_status(&writer, status, NULL, 0);
  lc_http_date(date, time(NULL));
  lc_http_write_field(&writer, "Date", 4, date, sizeof date);
  put(&writer, "Content-Type", "text/plain");
  lc_http_write_length(&writer, length);
  if (one->closes) put(&writer, "Connection", "close");
  else if (one->head.minor == 0) put(&writer, "Connection", "keep-alive");
  lc_http_write_end(&writer);
  one->length = writer.length;
  if (one->head.method_known == LC_HTTP_HEAD) return;
  memcpy(one->reply + one->length, text, length);
  one->length += length;
}

static int path_is(const request *one, const char *bytes, const char *path)
{
  return one->head.path.length == strlen(path) &&
         !memcmp(bytes + one->head.path.at, path, strlen(path));
}

static void reply_to(request *one, const char *bytes, int is_leaving)
{
  char text[64];
  int reads = one->head.method_known == LC_HTTP_GET || one->head.method_known == LC_HTTP_HEAD;
  if (one->head.method_known == LC_HTTP_POST) {
    snprintf(text, sizeof text, "%zu bytes\n", one->body);
    compose(one, 200, text);
  } else if (reads && path_is(one, bytes, "/")) {
    compose(one, 200, "hello\n");
  } else if (reads && path_is(one, bytes, "/ready")) {
    compose(one, is_leaving ? 503 : 200, is_leaving ? "leaving\n" : "ready\n");
  } else {
    compose(one, 404, "there is no such thing\n");
  }
}

/* ----------------------------------------------------------------- requests -- */

/* What follows cannot be told from the rest of this request: the connection ends. */
static lc_arrival refuse(lc_conn *conn, request *one, int status, const char *why)
{
  char text[128];
  snprintf(text, sizeof text, "%s\n", why);
  one->closes = 1;
  compose(one, status, text);
  lc_conn_post(conn, &(struct iovec){one->reply, one->length}, 1);
  return LC_ARRIVAL_REFUSED;
}

static lc_arrival refuse_fault(lc_conn *conn, request *one, unsigned fault)
{
  return refuse(conn, one, lc_http_fault_status(fault), lc_http_fault_text(fault));
}

static lc_arrival read_trailers(lc_conn *conn, request *one, lc_slice held)
{
  ssize_t size = lc_http_head_read(&one->trailers, held.data + one->at, held.length - one->at);
  if (size == LC_HTTP_BAD) return refuse_fault(conn, one, one->trailers.fault);
  if (size < 0) return LC_ARRIVAL_MORE;
  one->at += (size_t)size;
  return LC_ARRIVAL_UNIT;
}

static lc_arrival read_chunks(lc_conn *conn, request *one, lc_slice held)
{
  while (one->at < held.length && !one->chunks.is_over) {
    lc_slice piece;
    ssize_t used =
      lc_http_chunks_read(&one->chunks, held.data + one->at, held.length - one->at, &piece);
    if (used < 0) return refuse_fault(conn, one, one->chunks.fault);
    one->at += (size_t)used;
    one->body += piece.length;
    if (one->body > BODY_MAX) return refuse(conn, one, 413, "the body is too long");
  }
  return one->chunks.is_over ? read_trailers(conn, one, held) : LC_ARRIVAL_MORE;
}

static lc_arrival read_body(lc_conn *conn, request *one, lc_slice held)
{
  if (one->head.body == LC_HTTP_CHUNKED) return read_chunks(conn, one, held);
  if (one->head.content_length > BODY_MAX) return refuse(conn, one, 413, "the body is too long");
  one->body = (size_t)one->head.content_length;
  one->at = one->head_size + one->body;
  return held.length < one->at ? LC_ARRIVAL_MORE : LC_ARRIVAL_UNIT;
}

static lc_arrival read_head(lc_conn *conn, request *one, lc_slice held)
{
  ssize_t size = lc_http_head_read(&one->head, held.data, held.length);
  if (size == LC_HTTP_BAD) return refuse_fault(conn, one, one->head.fault);
  if (size < 0) return LC_ARRIVAL_MORE;
  one->head_size = one->at = (size_t)size;
  lc_http_chunks_init(&one->chunks);
  lc_http_head_init(&one->trailers, LC_HTTP_TRAILERS, one->trailer_fields, LC_HTTP_MAX_FIELDS);
  return LC_ARRIVAL_UNIT;
}

/* ----------------------------------------------------------------- protocol -- */

/* A unit is a request with its body. */
static lc_arrival http_arrived(lc_conn *conn, void *state)
{
  static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
  request *one = request_of(conn);
  lc_slice held;
  (void)state;
  if (!one) return LC_ARRIVAL_REFUSED;
  lc_conn_buffered(conn, &held);
  lc_arrival result = one->head_size ? LC_ARRIVAL_UNIT : read_head(conn, one, held);
  if (result == LC_ARRIVAL_UNIT) result = read_body(conn, one, held);
  if (result == LC_ARRIVAL_MORE && one->head_size && one->head.expects_continue &&
      !one->was_continued) {
    one->was_continued = 1;
    lc_conn_post(conn, &(struct iovec){(void *)(uintptr_t)CONTINUE, sizeof CONTINUE - 1}, 1);
  }
  return result;
}

static void http_unit_ended(lc_conn *conn, void *state)
{
  request *one = lc_conn_user(conn);
  (void)state;
  lc_conn_take(conn, one->at);
  forget(conn);
}

static int http_is_between(const lc_conn *conn, const void *state)
{
  (void)state;
  return !lc_conn_user(conn);
}

/* A client may send its next request at any moment: only silence tells that it does not. */
static int http_is_sure(const lc_conn *conn, const void *state)
{
  (void)conn;
  (void)state;
  return 0;
}

static const lc_protocol http = {.name = "http",
                                 .arrived = http_arrived,
                                 .unit_ended = http_unit_ended,
                                 .is_between = http_is_between,
                                 .is_sure = http_is_sure};

/* ------------------------------------------------------------------- events -- */

/* A client that reads slowly is waited for, with the next request too. */
static void send_reply(lc_conn *conn, request *one)
{
  struct iovec piece = {one->reply + one->written, one->length - one->written};
  ssize_t accepted = lc_conn_write(conn, &piece, 1);
  if (accepted < 0) {
    lc_conn_finish(conn, "write failed");
    return;
  }
  one->written += (size_t)accepted;
  if (one->written < one->length) {
    lc_conn_wait_write(conn, LC_NEVER);
    return;
  }
  int closes = one->closes;
  lc_conn_end_write(conn);
  lc_conn_unit_ended(conn);
  if (closes) lc_conn_finish(conn, "answered");
}

/* Once the process is not ready, the reply is the last one, unless another request lies behind. */
static void serve(lc_conn *conn, request *one, const lc_shutdown *shutdown)
{
  int is_leaving = lc_shutdown_step(shutdown) != LC_STEP_SERVING;
  lc_slice held;
  lc_conn_buffered(conn, &held);
  one->closes = !one->head.persists || (is_leaving && held.length == one->at);
  reply_to(one, held.data, is_leaving);
  send_reply(conn, one);
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  request *one = lc_conn_user(conn);
  if (!one || what & LC_ENDED) return;
  if (what & LC_WRITE_TIMEOUT) {
    lc_conn_break_write(conn, LC_TIMEOUT);
    lc_conn_finish(conn, "peer too slow");
  } else if (what & LC_UNIT) {
    serve(conn, one, user);
  } else if (what & LC_WRITABLE) {
    send_reply(conn, one);
  }
}

static void on_closed(lc_conn *conn, void *user)
{
  (void)user;
  forget(conn);
}

static void on_step(lc_server *server, lc_step step, void *user)
{
  (void)user;
  fprintf(stderr, "http: %s, %u connections\n", lc_step_name(step),
          (unsigned)lc_server_count(server, LC_STATES));
}

/* --------------------------------------------------------------------- main -- */

static void on_signal(void *user, int number, unsigned count, lc_time at)
{
  (void)number;
  (void)count;
  lc_shutdown_signal(user, at);
}

static int fail(const char *what, int code)
{
  fprintf(stderr, "http: %s: %s\n", what, lc_code_text(code));
  return 1;
}

static int listen_on(lc_server *server, const char *text)
{
  const char *problem = NULL;
  lc_endpoint endpoint;
  lc_address address;
  int result = lc_endpoint_parse(text, strlen(text), &endpoint, &problem);
  if (!result) result = lc_endpoint_address(&endpoint, &address);
  if (!result) result = lc_server_listen(server, &address, NULL);
  return result;
}

static lc_server *make_server(lc_loop *loop, lc_shutdown *shutdown, int *error)
{
  static const lc_events events = {.ready = on_ready, .closed = on_closed, .step = on_step};
  lc_server_options options;
  lc_server_options_init(&options);
  options.protocol = &http;
  options.drain.quiet = 3 * LC_SECOND; /* a client's next request may be on its way for so long */
  options.settings.read_timeout = 10 * LC_SECOND; /* for the rest of a request */
  options.settings.idle_timeout =
    75 * LC_SECOND; /* longer than common balancers keep a connection */
  return lc_server_new(loop, &options, &events, shutdown, error);
}

static lc_shutdown *make_shutdown(lc_loop *loop, int delay, int *error)
{
  lc_server_options defaults;
  lc_server_options_init(&defaults);
  defaults.drain.delay = delay * LC_SECOND;
  return lc_shutdown_new(loop, &defaults.drain, NULL, NULL, error);
}

int main(int argc, char **argv)
{
  const char *where = argc > 1 ? argv[1] : "127.0.0.1:7000";
  int error = 0;
  if (argc > 3 || where[0] == '-') {
    fputs("usage: http [ADDRESS [DELAY]]\n", stderr);
    return 2;
  }
  lc_loop *loop = lc_loop_new(NULL, &error);
  if (!loop) return fail("loop", error);
  lc_shutdown *shutdown = make_shutdown(loop, argc > 2 ? atoi(argv[2]) : 0, &error);
  lc_server *server = shutdown ? make_server(loop, shutdown, &error) : NULL;
  if (server) error = listen_on(server, where);
  if (!error) error = lc_loop_signal(loop, SIGTERM, on_signal, shutdown);
  if (!error) error = lc_loop_signal(loop, SIGINT, on_signal, shutdown);
  while (!error && lc_shutdown_step(shutdown) != LC_STEP_DONE) error = lc_loop_turn(loop, LC_NEVER);
  if (!error)
    printf("drained, %s\n", lc_server_report(server)->lossless ? "nobody lost" : "not lossless");
  lc_shutdown_free(shutdown);
  lc_loop_free(loop);
  return error ? fail(where, error) : 0;
}
