/* incoming.c - heads that come on a connection: a reply's, or the trailers of a body. */
#include "conn/input.h"
#include "http/inside.h"

int lc_http_receive_more(lc_conn *conn)
{
  int error = lc_conn_error(conn);
  return error ? error : lc_input_fill(conn, lc_buffer_size(conn->in) + LC_SHARED_BUFFER);
}

int lc_http_head_receive(lc_http_head *head, lc_conn *conn, lc_slice *bytes)
{
  for (;;) {
    lc_slice held;
    lc_conn_buffered(conn, &held);
    ssize_t size = held.length ? lc_http_head_read(head, held.data, held.length) : LC_AGAIN;
    if (size > 0) {
      *bytes = (lc_slice){held.data, (size_t)size};
      lc_conn_take(conn, (size_t)size); /* the bytes stay where they are until the next receive */
      return 0;
    }
    if (size != LC_AGAIN) return LC_HTTP_BAD;
    int result = lc_http_receive_more(conn);
    if (result < 0) return result;
  }
}
