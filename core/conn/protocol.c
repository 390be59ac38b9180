/* protocol.c - what a protocol keeps of a connection, made and freed. */
#include "conn/protocol.h"

#include "conn/settings.h"

int lc_protocol_make_state(lc_conn *conn, const lc_protocol *protocol, void **state)
{
  *state = NULL;
  return protocol->begin ? protocol->begin(conn, state) : 0;
}

int lc_protocol_begin(lc_conn *conn)
{
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (!protocol->begin) return 0;
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  return extra ? lc_protocol_make_state(conn, protocol, &extra->protocol_state) : -ENOMEM;
}

void lc_protocol_end(lc_conn *conn)
{
  lc_conn_extra *extra = conn->extra;
  if (!extra || !extra->protocol_state) return;
  lc_protocol_of(conn)->end(extra->protocol_state);
  extra->protocol_state = NULL;
}
