/* foreign.c - a connection whose bytes the embedder moves itself, encrypted perhaps, on a duplicate of the descriptor. */
#include "conn/mark.h"
#include "conn/state.h"

void lc_conn_look(lc_conn *conn)
{
  conn->in_drained = 0;
  conn->out_blocked = 0;
}

void lc_conn_note(lc_conn *conn, size_t received, size_t sent)
{
  if (conn->state >= LC_STATE_CLOSING || !(received + sent)) return;
  conn->foreign = 1;
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
