/* protocol.c - what a protocol keeps of a connection, made and freed. */
#include "conn/protocol.h"

int lc_protocol_make_state(lc_conn *conn, const lc_protocol *protocol, void **state)
{
  *state = NULL;
  return protocol->begin ? protocol->begin(conn, state) : 0;
}

int lc_protocol_begin(lc_conn *conn)
{
  const lc_protocol *protocol = lc_protocol_of(conn);
  return protocol->begin ? lc_protocol_make_state(conn, protocol, &conn->protocol_state) : 0;
}

void lc_protocol_end(lc_conn *conn)
{
  void *state = conn->protocol_state;
  if (!state) return;
  conn->protocol_state = NULL;
  lc_protocol_of(conn)->end(state);
}

const char *lc_conn_label(const lc_conn *conn, char *text, size_t size, lc_time *since)
{
  lc_time ignored;
  const lc_protocol *protocol = conn->owner ? lc_protocol_of(conn) : NULL;
  if (!protocol || !protocol->label || !size) return NULL;
  int is_known =
    protocol->label(conn, lc_protocol_state(conn), text, size, since ? since : &ignored);
  return is_known ? text : NULL;
}
