/* http.c - a small HTTP server in C alone: knows its requests, and drains on SIGINT and SIGTERM.
 *
 *   http [ADDRESS [DELAY]]      default 127.0.0.1:7000; DELAY: for how many seconds it still listens
 *
 * GET / says hello, GET /ready says whether to send it more clients, POST counts the bytes of a
 * body. From the moment on when it is not ready, each reply carries "Connection: close".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lastcall.h"

enum { BODY_MAX = 64 * 1024 };

/* The work for a request of a connection. */
typedef struct work {
  size_t body;            /* bytes of its body so far */
  size_t length, written; /* of the reply's text */
  char text[64];
} work;

/* ------------------------------------------------------------------ replies -- */

/* A client that reads slowly is waited for. */
static void send_reply(lc_conn *conn, lc_http_exchange *x, work *one)
{
  int result = 0;
  while (!result && one->written < one->length) {
    struct iovec rest = {one->text + one->written, one->length - one->written};
    ssize_t accepted = lc_http_write(x, conn, &rest, 1);
    if (accepted > 0) one->written += (size_t)accepted;
    else result = accepted ? (int)accepted : LC_AGAIN;
  }
  if (!result) result = lc_http_end(x, conn, NULL, 0);
  if (result == LC_AGAIN) {
    lc_conn_wait_write(conn, LC_NEVER);
  } else if (result < 0) {
    lc_conn_unit_failed(conn);
  } else {
    lc_conn_end_write(conn);
    lc_conn_unit_ended(conn);
  }
}

static void begin_reply(lc_conn *conn, lc_http_exchange *x, work *one, int status)
{
  lc_http_reply reply = {.status = status, .is_plain = 1, .length = (int64_t)strlen(one->text)};
  one->length = strlen(one->text);
  one->written = 0;
  if (lc_http_begin(x, conn, &reply) < 0) lc_conn_unit_failed(conn);
  else send_reply(conn, x, one);
}

/* ----------------------------------------------------------------- requests -- */

static void count_body(lc_conn *conn, lc_http_exchange *x, work *one)
{
  lc_slice piece;
  int result;
  while (!(result = lc_http_body_read(x, conn, BODY_MAX, &piece))) one->body += piece.length;
  if (result == LC_AGAIN) {
    lc_conn_wait(conn, LC_WAIT_READ, lc_http_body_deadline(x, conn));
  } else if (result != LC_EOF) {
    lc_conn_unit_failed(conn); /* answers with the status for what is wrong with the body */
  } else {
    snprintf(one->text, sizeof one->text, "%zu bytes\n", one->body);
    begin_reply(conn, x, one, 200);
  }
}

static void serve(lc_conn *conn, lc_http_exchange *x, work *one)
{
  const char *bytes;
  const lc_http_head *head = lc_http_request(x, &bytes);
  int reads = head->method_known == LC_HTTP_GET || head->method_known == LC_HTTP_HEAD;
  one->body = 0;
  if (head->method_known == LC_HTTP_POST) {
    count_body(conn, x, one);
  } else if (reads && head->path.length == 1 && bytes[head->path.at] == '/') {
    strcpy(one->text, "hello\n");
    begin_reply(conn, x, one, 200);
  } else {
    strcpy(one->text, "there is no such thing\n");
    begin_reply(conn, x, one, 404);
  }
}

/* ------------------------------------------------------------------- events -- */

static void on_opened(lc_conn *conn, void *user)
{
  work *one = calloc(1, sizeof *one);
  (void)user;
  lc_conn_set_user(conn, one);
  if (!one) lc_conn_abort(conn, "no memory");
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  lc_http_exchange *x = lc_http_exchange_of(conn);
  (void)user;
  if (!x || what & LC_ENDED) return;
  if (what & LC_READ_TIMEOUT) {
    lc_http_body_failed(x, LC_TIMEOUT);
    lc_conn_unit_failed(conn);
  } else if (what & LC_WRITE_TIMEOUT) {
    lc_conn_break_write(conn, LC_TIMEOUT);
    lc_conn_finish(conn, "peer too slow");
  } else if (what & LC_UNIT) {
    serve(conn, x, lc_conn_user(conn));
  } else if (lc_http_has_begun(x)) {
    send_reply(conn, x, lc_conn_user(conn));
  } else if (what & LC_READABLE) {
    count_body(conn, x, lc_conn_user(conn));
  }
}

static void on_closed(lc_conn *conn, void *user)
{
  (void)user;
  free(lc_conn_user(conn));
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

static lc_server *make_server(lc_loop *loop, const lc_http_service *service, lc_shutdown *shutdown,
                              int *error)
{
  static const lc_events events = {
    .opened = on_opened, .ready = on_ready, .closed = on_closed, .step = on_step};
  lc_server_options options;
  lc_server_options_init(&options);
  options.protocol = lc_http_service_protocol(service);
  options.drain.quiet = 3 * LC_SECOND; /* a client's next request may be on its way for so long */
  options.settings.idle_timeout =
    75 * LC_SECOND; /* longer than common balancers keep a connection */
  return lc_server_new(loop, &options, &events, shutdown, error);
}

static lc_http_service *make_service(int *error)
{
  lc_http_options options;
  lc_http_options_init(&options);
  options.max_body = BODY_MAX;
  options.ready_path = "/ready";
  lc_http_service *service = lc_http_service_new(&options);
  if (!service) *error = -ENOMEM;
  return service;
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
  lc_http_service *service = shutdown ? make_service(&error) : NULL;
  lc_server *server = service ? make_server(loop, service, shutdown, &error) : NULL;
  if (server) error = listen_on(server, where);
  if (!error) error = lc_loop_signal(loop, SIGTERM, on_signal, shutdown);
  if (!error) error = lc_loop_signal(loop, SIGINT, on_signal, shutdown);
  while (!error && lc_shutdown_step(shutdown) != LC_STEP_DONE) error = lc_loop_turn(loop, LC_NEVER);
  if (!error)
    printf("drained, %s\n", lc_server_report(server)->lossless ? "nobody lost" : "not lossless");
  lc_shutdown_free(shutdown);
  lc_loop_free(loop);
  lc_http_service_free(service);
  return error ? fail(where, error) : 0;
}
