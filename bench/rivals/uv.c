/* uv.c - an echo server on libuv's streams. Usage: uv */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { BUFFER = 64 * 1024 };

struct reply {
  uv_write_t request;
  char bytes[];
};

static char buffer[BUFFER]; /* in use only from its handing out to the end of the read callback */

static _Noreturn void give_up(const char *what, int code)
{
  fprintf(stderr, "%s: %s\n", what, uv_strerror(code));
  exit(1);
}

static void on_closed(uv_handle_t *handle) { free(handle); }

static void on_written(uv_write_t *request, int status)
{
  (void)status;
  free(request->data);
}

static void hand_out(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
  (void)handle, (void)suggested;
  *out = uv_buf_init(buffer, BUFFER);
}

/* What the kernel does not take at once is copied, and sent when there is room. */
static void on_read(uv_stream_t *client, ssize_t got, const uv_buf_t *bytes)
{
  if (got == 0) return;
  if (got < 0) {
    uv_close((uv_handle_t *)client, on_closed);
    return;
  }
  uv_buf_t whole = uv_buf_init(bytes->base, (unsigned)got);
  int sent = uv_try_write(client, &whole, 1);
  if (sent == got) return;
  size_t taken = sent > 0 ? (size_t)sent : 0, rest = (size_t)got - taken;
  struct reply *reply = malloc(sizeof *reply + rest);
  if (!reply) give_up("malloc", UV_ENOMEM);
  for (size_t i = 0; i < rest; i++) reply->bytes[i] = bytes->base[taken + i];
  reply->request.data = reply;
  uv_buf_t left = uv_buf_init(reply->bytes, (unsigned)rest);
  uv_write(&reply->request, client, &left, 1, on_written);
}

static void on_connection(uv_stream_t *server, int status)
{
  uv_tcp_t *client = malloc(sizeof *client);
  if (status < 0 || !client) give_up("connection", status);
  uv_tcp_init(server->loop, client);
  uv_accept(server, (uv_stream_t *)client);
  uv_tcp_nodelay(client, 1);
  uv_read_start((uv_stream_t *)client, hand_out, on_read);
}

static void on_signal(uv_signal_t *signal, int number)
{
  (void)number;
  uv_stop(signal->loop);
}

int main(void)
{
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t server;
  uv_signal_t termination;
  struct sockaddr_in address;
  int length = sizeof address;
  uv_tcp_init(loop, &server);
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_bind(&server, (const struct sockaddr *)&address, 0);
  int failed = uv_listen((uv_stream_t *)&server, 4096, on_connection);
  if (failed) give_up("listen", failed);
  uv_tcp_getsockname(&server, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  uv_signal_init(loop, &termination);
  uv_signal_start(&termination, on_signal, SIGTERM);
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
