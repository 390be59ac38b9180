/* passing.c - descriptors that the embedder sends and takes. */

#include "conn/carry.h"
#include "conn/output.h"
#include "conn/parcel.h"
#include "conn/queue.h"
#include "conn/settings.h"
#include "conn/transport.h"

int lc_conn_can_pass_fds(const lc_conn *conn)
{
  return !lc_conn_is_tcp(conn) && conn->transport->send_fds;
}

static lc_parcels *parcels_of(const lc_conn *conn)
{
  return conn->extra ? conn->extra->parcels : NULL;
}

/* Returns 0; LC_AGAIN while too many descriptors wait; or a code. */
static int make_room(lc_conn *conn, const lc_parcels *parcels, int count)
{
  if (parcels->waiting + count <= LC_FDS_MOST) return 0;
  int result = lc_output_send(conn);
  if (result < 0 && result != LC_AGAIN) return result;
  return parcels->waiting + count <= LC_FDS_MOST ? 0 : LC_AGAIN;
}

static int has_bytes(const struct iovec *pieces, int count)
{
  for (int i = 0; i < count; i++) {
    if (pieces[i].iov_len) return 1;
  }
  return 0;
}

ssize_t lc_conn_send_fds(lc_conn *conn, const int *fds, int count, const struct iovec *pieces,
                         int piece_count)
{
  int result = lc_output_writable(conn);
  if (result < 0) return result;
  if (!lc_conn_can_pass_fds(conn)) return -EOPNOTSUPP;
  if (count < 0 || count > LC_FDS_MOST || !has_bytes(pieces, piece_count)) return -EINVAL;
  if (!count) return lc_conn_write(conn, pieces, piece_count);
  lc_parcels *parcels = lc_conn_need_extra(conn) ? lc_parcels_need(conn) : NULL;
  if (!parcels) return -ENOMEM;
  result = make_room(conn, parcels, count);
  if (result < 0) return result == LC_AGAIN ? 0 : result;
  uint64_t at = conn->sent + lc_buffer_size(conn->out) + lc_queue_gathered(conn);
  result = lc_parcel_add(parcels, fds, count, at);
  if (result < 0) return result;
  conn->sends_fds = 1;
  ssize_t accepted = lc_conn_write(conn, pieces, piece_count);
  /* The connection may have failed, which has dropped everything. */
  if (accepted <= 0 && parcels->first) lc_parcel_drop_last(parcels);
  return accepted;
}

int lc_conn_accept_fds(lc_conn *conn, int most)
{
  if (conn->error) return conn->error;
  if (!lc_conn_can_pass_fds(conn)) return -EOPNOTSUPP;
  if (most < 0 || most > LC_FDS_MOST) return -EINVAL;
  if (!most) {
    lc_row_end(conn);
    return 0;
  }
  lc_parcels *parcels = lc_conn_need_extra(conn) ? lc_parcels_need(conn) : NULL;
  if (!parcels) return -ENOMEM;
  parcels->most = most;
  conn->takes_fds = 1;
  return 0;
}

int lc_conn_held_fds(const lc_conn *conn)
{
  const lc_parcels *parcels = parcels_of(conn);
  return parcels ? lc_row_ready(parcels) : 0;
}

int lc_conn_take_fds(lc_conn *conn, int *fds, int room, int *lost)
{
  lc_parcels *parcels = parcels_of(conn);
  *lost = 0;
  return parcels ? lc_row_give(parcels, fds, room, lost) : 0;
}
