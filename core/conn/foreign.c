/* foreign.c - the transport of a connection whose bytes the embedder moves itself, on a duplicate
 * of the descriptor.
 *
 * The embedder, often a TLS library, says how many bytes it has moved. It counts the bytes of its
 * script: those in the kernel are others, and more. While the connection closes, bytes that still
 * come are discarded as they are.
 */
#include "conn/activity.h"
#include "conn/mark.h"
#include "conn/parcel.h"
#include "conn/plain.h"
#include "conn/state.h"

static const lc_transport FOREIGN = {.version = LC_TRANSPORT_VERSION,
                                     .name = "foreign",
                                     .is_bypassed = 1,
                                     .is_in_place = 1,
                                     .receive = lc_plain_receive,
                                     .send = lc_plain_send,
                                     .unread = lc_plain_unread,
                                     .unacked = lc_plain_unacked,
                                     .finish = lc_plain_finish};

/* What has come to a connection that received nothing is a handshake's. */
static void hand_over(lc_conn *conn)
{
  if (conn->transport == &FOREIGN) return;
  conn->transport = &FOREIGN;
  lc_parcels_drop(conn); /* it has no place for descriptors */
  lc_row_end(conn);
  if (!conn->received) lc_mark_forget(conn);
}

static int is_possible(const lc_conn *conn)
{
  int is_free = conn->transport == &lc_plain || conn->transport == &FOREIGN;
  return is_free && conn->state < LC_STATE_CLOSING;
}

void lc_conn_note(lc_conn *conn, size_t received, size_t sent)
{
  if (!is_possible(conn)) return;
  hand_over(conn);
  if (!(received + sent)) return;
  conn->last_byte_at = conn->loop->now;
  if (received && !conn->received) lc_mark_first_byte(conn);
  conn->received += received;
  conn->sent += sent;
  if (received) {
    conn->in_part = 0;
    conn->consumed = 1;
    if (conn->state != LC_STATE_ACTIVE) lc_conn_move(conn, LC_STATE_ACTIVE, "data");
  }
  if (sent) {
    conn->wrote = 1;
    conn->consumed = 0;
  }
}

void lc_conn_note_part(lc_conn *conn, int has_part)
{
  if (!is_possible(conn)) return;
  hand_over(conn);
  if ((int)conn->in_part != has_part) conn->last_byte_at = conn->loop->now;
  conn->in_part = has_part ? 1 : 0;
  if (!has_part) lc_mark_all_taken(conn);
  lc_conn_update(conn);
}

void lc_conn_note_rest(lc_conn *conn, int has_rest)
{
  if (!is_possible(conn)) return;
  hand_over(conn);
  conn->out_part = has_rest ? 1 : 0;
  lc_conn_update(conn);
}
