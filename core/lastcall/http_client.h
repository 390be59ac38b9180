/* lastcall/http_client.h - reading a message from a connection: a reply's head, and the body of
 * either side. */
#ifndef LASTCALL_HTTP_CLIENT_H
#define LASTCALL_HTTP_CLIENT_H

#include "lastcall/http.h"
#include "lastcall/read.h"
#include "lastcall/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Receives the head that `head` was begun for, and takes exactly its bytes from the connection.
 * Returns 0, and the bytes, which are valid until the next call on any connection of the loop;
 * LC_AGAIN: lc_conn_wait, and call again; LC_HTTP_BAD: `head->fault` says why; LC_EOF when the peer
 * finishes before the end of the head; or the code of a failure. */
int lc_http_head_receive(lc_http_head *head, lc_conn *conn, lc_slice *bytes);

/* A body that comes in. */
typedef struct lc_http_incoming {
  uint64_t left; /* LC_HTTP_SIZED: bytes that have not been read */
  lc_http_chunks chunks;
  lc_http_head trailers; /* behind a chunked body */
  uint8_t kind;          /* lc_http_body */
  uint8_t is_over;       /* all of it has been read */
} lc_http_incoming;

/* Begins the body of the message with that head. `fields`: room for `max_fields` trailers, in the
 * same place until they are read. */
void lc_http_incoming_begin(lc_http_incoming *body, const lc_http_head *head, lc_http_field *fields,
                            uint32_t max_fields);
#define LC_HTTP_OVER 1
/* Takes the next piece of the body from the connection: 1 to `max` bytes, valid until the next call
 * on any connection of the loop. Returns 0; LC_HTTP_OVER at the end, when `piece` has the bytes
 * that `trailers` refers to; LC_AGAIN: lc_conn_wait, and call again; LC_HTTP_BAD; LC_EOF when the
 * peer finishes before the end; or the code of a failure. */
int lc_http_incoming_read(lc_http_incoming *body, lc_conn *conn, size_t max, lc_slice *piece);

#ifdef __cplusplus
}
#endif

#endif
