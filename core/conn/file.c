/* file.c - sends a piece of a file: by the transport without a copy, or by reading it.
 *
 * A small piece is read, and gathered with what was written before: one send is cheaper than two. A
 * piece that the transport cannot send, or has failed to send, is read too. If reading fails, the
 * fault is the file's; if sending the bytes then fails, it is the connection's.
 */
#include "conn/activity.h"
#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/output.h"
#include "conn/queue.h"
#include "conn/settings.h"
#include "conn/transport.h"

/* A call may wait for the disk. Meanwhile all other connections wait, so a piece is short. */
enum { PIECE_MOST = 128 * 1024 };

/* Reads into the shared buffer, behind what is gathered there. */
static ssize_t read_piece(lc_conn *conn, int file, uint64_t offset, size_t size)
{
  const lc_sys *sys = conn->loop->sys;
  size_t room;
  ssize_t got;
  char *place = lc_output_place(conn, &room);
  if (conn->error) return conn->error;
  LC_RETRY(got, sys->read_at(sys, file, place, size < room ? size : room, offset));
  if (got == 0) return LC_EOF;
  if (got < 0) return got == -EAGAIN ? -EIO : got;
  lc_output_placed(conn, (size_t)got);
  if (lc_queue_gathered(conn) < lc_conn_settings(conn)->gather) return got;
  int result = lc_output_send(conn);
  return result < 0 && result != LC_AGAIN ? result : got;
}

/* Where the transport fails, for any reason but a full kernel or lack of memory, the piece is
 * read. */
static ssize_t send_piece(lc_conn *conn, int file, uint64_t offset, size_t size)
{
  ssize_t sent = lc_crossing_send_file(conn, file, offset, size);
  if (sent > 0 || sent == LC_AGAIN || lc_is_shortage(sent)) return lc_output_note(conn, sent, size);
  return read_piece(conn, file, offset, size);
}

/* Sends what was accepted before. Returns 0; LC_AGAIN when the kernel is full; or a code. */
static int send_earlier(lc_conn *conn)
{
  conn->out_more = 1;
  int result = lc_output_send(conn);
  conn->out_more = 0;
  if (!result && (conn->out_blocked || conn->connecting || conn->opening)) return LC_AGAIN;
  return result;
}

static ssize_t accept_piece(lc_conn *conn, int file, uint64_t offset, size_t size)
{
  int is_behind =
    lc_buffer_size(conn->out) || conn->out_blocked || conn->connecting || conn->opening;
  if (!is_behind && lc_queue_gathered(conn) + size < lc_conn_settings(conn)->gather)
    return read_piece(conn, file, offset, size);
  int result = send_earlier(conn);
  if (result < 0) return result == LC_AGAIN ? 0 : result;
  if (conn->transport->send_file) return send_piece(conn, file, offset, size);
  return read_piece(conn, file, offset, size);
}

ssize_t lc_conn_write_file(lc_conn *conn, int file, uint64_t offset, uint64_t length)
{
  int result = lc_output_writable(conn);
  if (result < 0) return result;
  if (!length) return 0;
  conn->wrote = 1;
  conn->consumed = 0;
  ssize_t accepted =
    accept_piece(conn, file, offset, length < PIECE_MOST ? (size_t)length : PIECE_MOST);
  if (accepted < 0) return accepted;
  conn->out_part = (uint64_t)accepted < length;
  if (accepted && conn->out_waits && conn->state < LC_STATE_CLOSING)
    conn->write_deadline = lc_conn_limit(conn, lc_conn_settings(conn)->write_timeout);
  return accepted;
}
