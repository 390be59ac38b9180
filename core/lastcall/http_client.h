/* lastcall/http_client.h - reading a reply from a connection that has sent a request. */
#ifndef LASTCALL_HTTP_CLIENT_H
#define LASTCALL_HTTP_CLIENT_H

#include "lastcall/http.h"
#include "lastcall/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Receives the head that `head` was begun for, and takes exactly its bytes from the connection. Returns 0, and the bytes,
 * which are valid until the next call on any connection of the loop; LC_AGAIN: lc_conn_wait, and call again;
 * LC_HTTP_BAD: `head->fault` says why; LC_EOF when the peer finishes before the end of the head; or the code of a failure. */
int lc_http_head_receive(lc_http_head *head, lc_conn *conn, lc_slice *bytes);

#ifdef __cplusplus
}
#endif

#endif
