/* echo.c - the core from C alone: answers every chunk, drains on SIGINT and SIGTERM.
 *
 *   echo [ADDRESS]      default 127.0.0.1:7000
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lastcall.h"

static void on_signal(void *user, int number, unsigned count, lc_time at)
{
  (void)number;
  (void)count;
  lc_shutdown_signal(user, at);
}

enum { CHUNK = 4096 };

/* What was read last, and how much of it has been accepted for writing. A slice itself may not be
 * kept: it points into the library's memory, and is valid until the next call. */
typedef struct chunk {
  size_t length, written;
  char bytes[CHUNK];
} chunk;

/* Whether the chunk has been accepted, whole. If not, the peer reads too slowly: LC_WRITABLE will
 * tell, and until then nothing more is read from it. */
static int answer(lc_conn *conn, chunk *held)
{
  struct iovec piece = {held->bytes + held->written, held->length - held->written};
  if (held->written == held->length) return 1;
  ssize_t accepted = lc_conn_write(conn, &piece, 1);
  if (accepted < 0) {
    lc_conn_finish(conn, "write failed");
    return 0;
  }
  held->written += (size_t)accepted;
  if (held->written < held->length) {
    lc_conn_wait_write(conn, LC_NEVER); /* as long as write_timeout, that is */
    return 0;
  }
  lc_conn_end_write(conn);
  return 1;
}

static void echo(lc_conn *conn)
{
  chunk *held = lc_conn_user(conn);
  while (answer(conn, held)) {
    lc_slice slice;
    int result = lc_conn_read_some(conn, CHUNK, &slice);
    if (result == LC_AGAIN) {
      lc_conn_wait(conn, LC_WAIT_READ, LC_NEVER);
      return;
    }
    if (result < 0) {
      lc_conn_finish(conn, "peer finished");
      return;
    }
    memcpy(held->bytes, slice.data, slice.length);
    held->length = slice.length;
    held->written = 0;
  }
}

static void on_opened(lc_conn *conn, void *user)
{
  chunk *held = calloc(1, sizeof *held);
  (void)user;
  lc_conn_set_user(conn, held);
  if (held) echo(conn);
  else lc_conn_abort(conn, "no memory");
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)user;
  if (what & LC_WRITE_TIMEOUT) { /* half an answer ends in a reset, lest it look like a whole one */
    lc_conn_break_write(conn, LC_TIMEOUT);
    lc_conn_finish(conn, "peer too slow");
  } else if (what & (LC_READABLE | LC_WRITABLE)) {
    echo(conn);
  }
}

static void on_closed(lc_conn *conn, void *user)
{
  (void)user;
  free(lc_conn_user(conn));
}

/* To look on changes nothing: lc_server_options says who closes what. */
static void on_step(lc_server *server, lc_step step, void *user)
{
  (void)user;
  fprintf(stderr, "echo: %s, %u connections\n", lc_step_name(step),
          (unsigned)lc_server_count(server, LC_STATES));
}

static int fail(const char *what, int code)
{
  fprintf(stderr, "echo: %s: %s\n", what, lc_code_text(code));
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

int main(int argc, char **argv)
{
  static const lc_events events = {
    .opened = on_opened, .ready = on_ready, .closed = on_closed, .step = on_step};
  const char *where = argc > 1 ? argv[1] : "127.0.0.1:7000";
  int error = 0;
  if (argc > 2 || where[0] == '-') {
    fputs("usage: echo [ADDRESS]\n", stderr);
    return 2;
  }
  lc_loop *loop = lc_loop_new(NULL, &error);
  if (!loop) return fail("loop", error);
  lc_server *server = lc_server_new(loop, NULL, &events, NULL, &error);
  lc_shutdown *shutdown = lc_shutdown_new(loop, NULL, NULL, NULL, &error);
  if (server && shutdown) error = listen_on(server, where);
  if (!error) error = lc_loop_signal(loop, SIGTERM, on_signal, shutdown);
  if (!error) error = lc_loop_signal(loop, SIGINT, on_signal, shutdown);
  while (!error && lc_shutdown_step(shutdown) != LC_STEP_DONE) error = lc_loop_turn(loop, LC_NEVER);
  if (!error)
    printf("drained, %s\n", lc_server_report(server)->lossless ? "nobody lost" : "not lossless");
  lc_shutdown_free(shutdown);
  lc_loop_free(loop);
  return error ? fail(where, error) : 0;
}
