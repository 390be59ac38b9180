/* test_http_client.c - what a client receives: the head of a reply, its body, and whether a connection is silent. */
#include <stdio.h>
#include <unistd.h>

#include "conn/conn.h"
#include "world.h"

#define OK "HTTP/1.1 200 OK\r\n"

enum { FIELDS = 8 };

/* One reply as it is received: what the calls said in the end, and the bytes of the body. */
typedef struct receiving {
  lc_http_head head;
  lc_http_field fields[FIELDS], trailers[FIELDS];
  lc_http_incoming in;
  int result;
  char body[64];
  size_t length;
} receiving;

static void receive_body(world *w, lc_conn *conn, receiving *r)
{
  lc_slice piece;
  do {
    TURN_UNTIL(w, (r->result = lc_http_incoming_read(&r->in, conn, 3, &piece)) != LC_AGAIN);
    if (r->result) break;
    assert_in_range(piece.length, 1, 3);
    assert_true(r->length + piece.length <= sizeof r->body);
    memcpy(r->body + r->length, piece.data, piece.length);
    r->length += piece.length;
  } while (1);
}

static void receive(world *w, lc_conn *conn, receiving *r)
{
  lc_slice bytes;
  memset(r, 0, sizeof *r);
  lc_http_head_init(&r->head, LC_HTTP_RESPONSE, r->fields, FIELDS);
  TURN_UNTIL(w, (r->result = lc_http_head_receive(&r->head, conn, &bytes)) != LC_AGAIN);
  if (r->result < 0) return;
  lc_http_incoming_begin(&r->in, &r->head, r->trailers, FIELDS);
  receive_body(w, conn, r);
}

static void a_body_ends_where_its_framing_says(void **state)
{
  static const struct {
    const char *text, *body;
    int result, trailers;
  } CASES[] = {
    {OK "Content-Length: 5\r\n\r\nhello", "hello", LC_HTTP_OVER, 0},
    {OK "Content-Length: 0\r\n\r\n", "", LC_HTTP_OVER, 0},
    {"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", "", LC_HTTP_OVER, 0},
    {OK "\r\nuntil the end", "until the end", LC_HTTP_OVER, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n", "hello!",
     LC_HTTP_OVER, 1},
    {OK "Content-Length: 6\r\n\r\nhello", "hello", LC_EOF, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", LC_EOF, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello", LC_EOF, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX", "hello", LC_HTTP_BAD, 0},
    {OK "Content-Le", "", LC_EOF, 0},
    {"HTTP/1.1 2x", "", LC_HTTP_BAD, 0},
  };
  world *w = *state;
  world_serve(w);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    receiving r;
    int peer;
    seen *one = world_accept(w, &peer);
    peer_say(peer, CASES[i].text);
    peer_close(peer);
    receive(w, one->conn, &r);
    assert_int_equal(r.result, CASES[i].result);
    assert_int_equal(r.length, strlen(CASES[i].body));
    assert_memory_equal(r.body, CASES[i].body, r.length);
    assert_int_equal(r.in.trailers.count, CASES[i].trailers);
    lc_conn_abort(one->conn, "test");
  }
}

static void what_follows_a_body_is_left(void **state)
{
  world *w = *state;
  receiving r;
  lc_slice rest;
  int peer;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  peer_say(peer, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" OK
                    "Content-Length: 1\r\n\r\nbcd");
  receive(w, one->conn, &r);
  assert_int_equal(r.result, LC_HTTP_OVER);
  receive(w, one->conn, &r);
  assert_int_equal(r.body[0], 'b');
  lc_conn_buffered(one->conn, &rest);
  assert_int_equal(rest.length, 2);
  peer_close(peer);
}

static void each_arrival_ends_a_read_and_its_deadline(void **state)
{
  world *w = *state;
  lc_slice held;
  int peer, result;
  world_serve(w);
  seen *one = world_accept(w, &peer);
  assert_int_equal(lc_conn_read_more(one->conn), LC_AGAIN);
  lc_conn_wait(one->conn, LC_WAIT_READ, lc_loop_now(w->loop) + 60 * LC_SECOND);
  peer_say(peer, "ab");
  TURN_UNTIL(w, (result = lc_conn_read_more(one->conn)) != LC_AGAIN);
  assert_int_equal(result, 0);
  assert_true(lc_conn_read_deadline(one->conn) == LC_NEVER);
  peer_say(peer, "c");
  TURN_UNTIL(w, (result = lc_conn_read_more(one->conn)) != LC_AGAIN);
  lc_conn_buffered(one->conn, &held);
  assert_int_equal(held.length, 3);
  peer_close(peer);
}

/* No turn of the loop comes between what the peer does and the question. */
static void a_connection_is_silent_until_something_has_come(void **state)
{
  world *w = *state;
  world_serve(w);
  for (int says = 0; says < 2; says++) {
    int peer;
    seen *one = world_accept(w, &peer);
    assert_true(lc_conn_is_silent(one->conn));
    assert_true(lc_conn_is_silent(one->conn));
    if (says) peer_say(peer, "x");
    else peer_close(peer);
    assert_false(lc_conn_is_silent(one->conn));
    if (says) peer_close(peer);
    lc_conn_abort(one->conn, "test");
    assert_false(lc_conn_is_silent(one->conn));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    WORLD_TEST(a_body_ends_where_its_framing_says),
    WORLD_TEST(what_follows_a_body_is_left),
    WORLD_TEST(each_arrival_ends_a_read_and_its_deadline),
    WORLD_TEST(a_connection_is_silent_until_something_has_come),
  };
  return cmocka_run_group_tests_name("test_http_client", tests, NULL, NULL);
}
