/* crossing.c - the calls of a connection's transport. */
#include "conn/crossing.h"

#include "conn/settings.h"
#include "conn/transport.h"

static lc_line line_of(const lc_conn *conn, uint32_t wants)
{
  return (lc_line){.sys = conn->loop->sys,
                   .fd = conn->watch.fd,
                   .state = conn->extra ? conn->extra->transport_state : NULL,
                   .wants = wants};
}

int lc_crossing_begin(lc_conn *conn)
{
  const lc_transport *transport = conn->transport;
  if (!transport->begin) return 0;
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  if (!extra) return -ENOMEM;
  int result = transport->begin(transport, (int)conn->outbound, &extra->transport_state);
  if (!result && transport->open) conn->opening = 1;
  return result;
}

int lc_crossing_open(lc_conn *conn)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  return conn->transport->open(&line);
}

ssize_t lc_crossing_receive(lc_conn *conn, void *into, size_t room)
{
  lc_line line = line_of(conn, LC_POLL_IN);
  ssize_t got = conn->transport->receive(&line, into, room);
  conn->in_wants_out = got == LC_AGAIN && line.wants & LC_POLL_OUT ? 1 : 0;
  return got;
}

ssize_t lc_crossing_send(lc_conn *conn, const struct iovec *pieces, int count)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  ssize_t sent = conn->transport->send(&line, pieces, count);
  conn->out_wants_in = sent == LC_AGAIN && line.wants & LC_POLL_IN ? 1 : 0;
  return sent;
}

int lc_crossing_unread(const lc_conn *conn)
{
  lc_line line = line_of(conn, LC_POLL_IN);
  int count = conn->transport->unread(&line);
  return count > 0 ? count : 0;
}

int lc_crossing_unacked(const lc_conn *conn)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  return conn->transport->unacked(&line);
}

int lc_crossing_finish(lc_conn *conn)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  int result = conn->transport->finish(&line);
  conn->out_wants_in = result == LC_AGAIN && line.wants & LC_POLL_IN ? 1 : 0;
  return result;
}

void lc_crossing_end(lc_conn *conn)
{
  if (!conn->extra || !conn->extra->transport_state) return;
  conn->transport->end(conn->extra->transport_state);
  conn->extra->transport_state = NULL;
}

uint32_t lc_crossing_meaning(lc_conn *conn, uint32_t events)
{
  uint32_t meaning = events;
  if (events & LC_POLL_OUT && conn->in_wants_out) meaning |= LC_POLL_IN;
  if (events & LC_POLL_IN && conn->out_wants_in) meaning |= LC_POLL_OUT;
  return meaning;
}
