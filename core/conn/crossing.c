/* crossing.c - calls the transport of a connection. */
#include "conn/crossing.h"

#include "conn/deadline.h"
#include "conn/plain.h"
#include "conn/settings.h"
#include "conn/state.h"
#include "conn/transport.h"

int lc_conn_is_socket(const lc_conn *conn) { return !conn->transport->error; }
int lc_conn_can_read(const lc_conn *conn) { return conn->transport->receive != NULL; }
int lc_conn_can_write(const lc_conn *conn) { return conn->transport->send != NULL; }

static lc_line line_of(const lc_conn *conn, uint32_t wants)
{
  return (lc_line){.sys = conn->loop->sys,
                   .fd = conn->watch.fd,
                   .state = conn->extra ? conn->extra->transport_state : NULL,
                   .wants = wants};
}

/* A result that breaks the rules of transport.h becomes -EPROTO. */
static ssize_t checked(ssize_t result, size_t most)
{
  return result > (ssize_t)most || result < INT16_MIN ? -EPROTO : result;
}

/* Asks why a call has failed now, because the state of the transport may be gone later. */
static void ask_for_reason(lc_conn *conn, ssize_t result)
{
  if (result >= 0 || result == LC_AGAIN || !conn->transport->explain || !conn->extra) return;
  conn->extra->reason = conn->transport->explain(conn->extra->transport_state);
}

/* A transport may receive bytes while it sends, and keep them. No event announces such bytes. */
static void look_for_arrivals(lc_conn *conn, const lc_line *line)
{
  if (!line->has_received || !conn->in_drained || !lc_crossing_unread(conn)) return;
  conn->in_drained = 0;
  if (conn->state < LC_STATE_CLOSING) lc_conn_tell(conn, LC_READABLE);
  else lc_job_queue(conn->loop, &conn->job);
}

/* No event tells when the kernel has memory again: the timer tries once more. */
static void note_shortage(lc_conn *conn, const lc_line *line)
{
  if (!line->lacks_memory) return;
  conn->out_refused = 1;
  lc_conn_arm(conn, conn->loop->now + LC_MEMORY_RETRY);
}

int lc_crossing_begin(lc_conn *conn, const lc_transport *transport)
{
  conn->transport = transport;
  if (transport->begin) {
    lc_conn_extra *extra = lc_conn_need_extra(conn);
    if (!extra) return -ENOMEM;
    int result =
      (int)checked(transport->begin(transport, (int)conn->outbound, &extra->transport_state), 0);
    if (result < 0) {
      lc_crossing_end(conn);
      return result;
    }
  }
  return 0;
}

int lc_crossing_open(lc_conn *conn)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  int result = (int)checked(conn->transport->open(&line), 0);
  if (result == LC_AGAIN) note_shortage(conn, &line);
  ask_for_reason(conn, result);
  return result;
}

/* Plain bytes cross with as few functions around the system call as can be. */
static ssize_t receive(const lc_transport *transport, lc_line *line, void *into, size_t room)
{
  if (transport->receive == lc_plain_receive) return lc_plain_receive_here(line, into, room);
  return transport->receive(line, into, room);
}

static ssize_t send_pieces(const lc_transport *transport, lc_line *line, const struct iovec *pieces,
                           int count)
{
  if (transport->send == lc_plain_send) return lc_plain_send_here(line, pieces, count);
  return transport->send(line, pieces, count);
}

static inline ssize_t note_received(lc_conn *conn, const lc_line *line, ssize_t got, size_t room,
                                    int *has_all)
{
  got = checked(got, room);
  conn->in_wants_out = got == LC_AGAIN && line->wants & LC_POLL_OUT ? 1 : 0;
  if (got == LC_AGAIN) note_shortage(conn, line);
  *has_all = line->has_all || (conn->transport->is_in_place && got < (ssize_t)room);
  ask_for_reason(conn, got);
  return got;
}

ssize_t lc_crossing_receive(lc_conn *conn, void *into, size_t room, int *has_all)
{
  lc_line line = line_of(conn, LC_POLL_IN);
  ssize_t got = receive(conn->transport, &line, into, room);
  return note_received(conn, &line, got, room, has_all);
}

ssize_t lc_crossing_receive_fds(lc_conn *conn, void *into, size_t room, int *fds, int *fd_count,
                                int *lost, int *has_all)
{
  lc_line line = line_of(conn, LC_POLL_IN);
  int most = *fd_count;
  ssize_t got = conn->transport->receive_fds(&line, into, room, fds, fd_count, lost);
  if (*fd_count < 0 || *fd_count > most) {
    *fd_count = 0;
    got = -EPROTO;
  }
  return note_received(conn, &line, got, room, has_all);
}

static inline ssize_t note_sent(lc_conn *conn, const lc_line *line, ssize_t sent, size_t total)
{
  sent = checked(sent, total);
  int is_refused = sent == LC_AGAIN || (sent == 0 && total) || line->keeps;
  conn->out_kept = line->keeps ? 1 : 0;
  conn->out_wants_in = is_refused && line->wants & LC_POLL_IN ? 1 : 0;
  if (sent >= 0 && (size_t)sent < total && conn->transport->is_in_place) is_refused = 1;
  if (is_refused) conn->out_blocked = 1;
  if (line->keeps) note_shortage(conn, line);
  ask_for_reason(conn, sent);
  look_for_arrivals(conn, line);
  return sent;
}

ssize_t lc_crossing_send(lc_conn *conn, const struct iovec *pieces, int count, size_t total)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  line.has_more = (int)conn->out_more;
  ssize_t sent = send_pieces(conn->transport, &line, pieces, count);
  return note_sent(conn, &line, sent, total);
}

ssize_t lc_crossing_send_fds(lc_conn *conn, const struct iovec *pieces, int count, size_t total,
                             const int *fds, int fd_count)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  ssize_t sent = conn->transport->send_fds(&line, pieces, count, fds, fd_count);
  return note_sent(conn, &line, sent, total);
}

ssize_t lc_crossing_send_file(lc_conn *conn, int file, uint64_t offset, size_t size)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  ssize_t sent = checked(conn->transport->send_file(&line, file, offset, size), size);
  conn->out_wants_in = sent == LC_AGAIN && line.wants & LC_POLL_IN ? 1 : 0;
  if (sent == LC_AGAIN) conn->out_blocked = 1;
  look_for_arrivals(conn, &line);
  return sent;
}

int lc_crossing_unread(const lc_conn *conn)
{
  if (conn->in_eof) return 0; /* nothing follows the end */
  lc_line line = line_of(conn, LC_POLL_IN);
  int count = conn->transport->unread(&line);
  return count > 0 ? count : 0;
}

int lc_crossing_unacked(const lc_conn *conn)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  return conn->transport->unacked(&line);
}

int lc_crossing_error(const lc_conn *conn)
{
  lc_line line = line_of(conn, LC_POLL_OUT);
  return (int)checked(conn->transport->error(&line), 0);
}

int lc_crossing_finish(lc_conn *conn)
{
  if (!conn->transport->finish) return 0;
  lc_line line = line_of(conn, LC_POLL_OUT);
  int result = (int)checked(conn->transport->finish(&line), 0);
  conn->out_wants_in = result == LC_AGAIN && line.wants & LC_POLL_IN ? 1 : 0;
  if (result == LC_AGAIN) note_shortage(conn, &line);
  ask_for_reason(conn, result);
  look_for_arrivals(conn, &line);
  return result;
}

int lc_crossing_ends_by_close(const lc_conn *conn)
{
  const lc_sys *sys = conn->loop->sys;
  return conn->sole && !conn->detached && conn->transport == &lc_plain && sys->is_alone(sys);
}

void lc_crossing_end(lc_conn *conn)
{
  void *state = conn->extra ? conn->extra->transport_state : NULL;
  const lc_transport *transport = conn->transport;
  conn->transport = &lc_plain; /* the other may be freed with its last connection */
  if (conn->extra) lc_job_cancel(&conn->extra->opening_job);
  if (!state) return;
  conn->extra->transport_state = NULL;
  if (transport->end) transport->end(state);
}

uint32_t lc_crossing_meaning(lc_conn *conn, uint32_t events)
{
  uint32_t meaning = events;
  if (events & LC_POLL_OUT && conn->in_wants_out) meaning |= LC_POLL_IN;
  if (events & LC_POLL_IN && conn->out_wants_in) meaning |= LC_POLL_OUT;
  return meaning;
}
