/* carry.c - sends and receives bytes together with the descriptors that belong to them.
 *
 * The kernel ties the descriptors of one send to its first byte. So a send ends before the byte of
 * the next parcel. It gives descriptors to the receive that takes their byte, which may take bytes
 * before it, too, and stops behind that send.
 */
#include "conn/carry.h"

#include "conn/crossing.h"
#include "conn/parcel.h"

/* Cuts the pieces to `most` bytes in all. Returns how many pieces are left. */
static int cut(struct iovec *pieces, int count, size_t most)
{
  for (int i = 0; i < count; i++) {
    if (pieces[i].iov_len >= most) {
      pieces[i].iov_len = most;
      return i + 1;
    }
    most -= pieces[i].iov_len;
  }
  return count;
}

ssize_t lc_carry_send(lc_conn *conn, struct iovec *pieces, int count, size_t total)
{
  lc_parcels *parcels = conn->extra->parcels;
  lc_parcel *due = parcels->first && parcels->first->at <= conn->sent ? parcels->first : NULL;
  const lc_parcel *next = due ? due->next : parcels->first;
  if (next && next->at - conn->sent < total) {
    total = (size_t)(next->at - conn->sent);
    count = cut(pieces, count, total);
  }
  if (!due) return lc_crossing_send(conn, pieces, count, total);
  ssize_t sent = lc_crossing_send_fds(conn, pieces, count, total, due->fds, due->count);
  if (sent > 0) lc_parcel_drop_first(parcels);
  return sent;
}

ssize_t lc_carry_receive(lc_conn *conn, void *into, size_t room, int *has_all)
{
  lc_parcels *parcels = conn->extra->parcels;
  int count = parcels->held < parcels->most ? parcels->most - parcels->held : 0, lost = 0;
  int *place = parcels->row + parcels->length;
  ssize_t got = lc_crossing_receive_fds(conn, into, room, place, &count, &lost, has_all);
  lc_row_grow(parcels, count, lost);
  return got;
}
