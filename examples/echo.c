/* echo.c - the core from C alone: answers every chunk, drains on SIGINT and SIGTERM.
 *
 *   echo [ADDRESS]      default 127.0.0.1:7000
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lastcall.h"

static void on_signal(void *user, int number, unsigned count, lc_time at)
{
  (void)number;
  (void)count;
  lc_shutdown_signal(user, at);
}

/* Echoes until there is nothing to read. A writer that is ahead of its peer waits for room by being
 * closed after write_timeout; a server with larger answers would keep the rest and go on at
 * LC_WRITABLE. */
static void echo(lc_conn *conn)
{
  for (;;) {
    lc_slice slice;
    int result = lc_conn_read_some(conn, 4096, &slice);
    if (result == LC_AGAIN) {
      lc_conn_wait(conn, LC_WAIT_READ, LC_NEVER);
      return;
    }
    if (result < 0) {
      lc_conn_finish(conn, "peer finished");
      return;
    }
    struct iovec piece = {(void *)(uintptr_t)slice.data, slice.length};
    if (lc_conn_write(conn, &piece, 1) < (ssize_t)slice.length) {
      lc_conn_finish(conn, "peer too slow");
      return;
    }
  }
}

static void on_opened(lc_conn *conn, void *user)
{
  (void)user;
  echo(conn);
}

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)user;
  if (what & LC_READABLE) echo(conn);
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
  static const lc_events events = {.opened = on_opened, .ready = on_ready};
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
