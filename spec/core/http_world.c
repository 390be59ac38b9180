/* http_world.c - a world whose server speaks HTTP. */
#include "http_world.h"

http_world http;

void http_begin(void)
{
  http.service = NULL;
  lc_http_options_init(&http.options);
  http.options.ready_path = "/ready";
}

int http_set_up(void **state)
{
  http_begin();
  return world_set_up(state);
}

int http_tear_down(void **state)
{
  int result = world_tear_down(state);
  lc_http_service_free(http.service);
  return result;
}

void http_serve(world *w)
{
  http.service = lc_http_service_new(&http.options);
  assert_non_null(http.service);
  w->options.protocol = lc_http_service_protocol(http.service);
  world_serve(w);
}

void http_reply(seen *one, const char *text)
{
  lc_http_exchange *x = lc_http_exchange_of(one->conn);
  lc_http_reply head = {.status = 200, .length = (int64_t)strlen(text)};
  struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
  assert_non_null(x);
  assert_int_equal(lc_http_begin(x, one->conn, &head), 0);
  assert_int_equal(lc_http_write(x, one->conn, &piece, 1), piece.iov_len);
  assert_int_equal(lc_http_end(x, one->conn, NULL, 0), 0);
  lc_conn_unit_ended(one->conn);
}

void http_expect(world *w, int peer, const char *wanted)
{
  char heard[4096] = "", *date;
  size_t held = 0, size = strlen(wanted);
  lc_time until = w->sys->now(w->sys) + world_seconds(10);
  while (held < size) {
    if (w->sys->now(w->sys) > until) fail_msg("got \"%s\" instead of \"%s\"", heard, wanted);
    assert_int_equal(lc_loop_turn(w->loop, 10 * LC_MILLISECOND), 0);
    held += peer_take(peer, heard + held, sizeof heard - 1 - held);
    heard[held] = '\0';
    while ((date = strstr(heard, "Date: "))) {
      char *end = strstr(date, "\r\n");
      if (!end) break;
      memmove(date, end + 2, strlen(end + 2) + 1);
      held = strlen(heard);
    }
  }
  assert_string_equal(heard, wanted);
}
