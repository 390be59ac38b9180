/* foreign.c - the transport of a connection whose bytes the embedder moves itself, on a duplicate
 * of the descriptor.
 *
 * The embedder, often a TLS library, says how many bytes it has moved. While the connection closes,
 * bytes that still come are discarded as they are.
 */
#include "conn/mark.h"
#include "conn/plain.h"
#include "conn/state.h"

static const lc_transport FOREIGN = {.version = LC_TRANSPORT_VERSION,
                                     .name = "foreign",
                                     .is_opaque = 1,
                                     .is_in_place = 1,
                                     .receive = lc_plain_receive,
                                     .send = lc_plain_send,
                                     .unread = lc_plain_unread,
                                     .unacked = lc_plain_unacked,
                                     .finish = lc_plain_finish};

void lc_conn_note(lc_conn *conn, size_t received, size_t sent)
{
  if (conn->state >= LC_STATE_CLOSING || conn->transport->begin || !(received + sent)) return;
  conn->transport = &FOREIGN;
  conn->last_byte_at = conn->loop->now;
  if (received && !conn->received) lc_mark_first_byte(conn);
  conn->received += received;
  conn->sent += sent;
  if (received) {
    conn->consumed = 1;
    if (conn->state != LC_STATE_ACTIVE) lc_conn_move(conn, LC_STATE_ACTIVE, "data");
  }
  if (sent) {
    conn->wrote = 1;
    conn->consumed = 0;
  }
}
