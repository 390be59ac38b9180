/* loan.c - where received bytes are until they are consumed. */
#include "conn/loan.h"

#include <string.h>

enum { WORTH_SETTLING = 4096 };

/* Without an owner it has nothing of the loop's, which may be gone. */
static int is_on_loan(const lc_conn *conn)
{
  return conn->owner && conn->loop->input_tenant == conn;
}

void lc_loan_drop(lc_conn *conn)
{
  if (is_on_loan(conn)) {
    conn->loop->input_tenant = NULL;
    conn->in = NULL;
  }
  lc_buffer_free(&conn->in);
}

void lc_loan_release(lc_conn *conn)
{
  if (conn->in && !lc_buffer_size(conn->in)) lc_loan_drop(conn);
}

/* Moves the bytes that the tenant has not consumed to memory of its own, with `room` bytes in
 * all. */
static int move_out_to(lc_conn *tenant, size_t room)
{
  lc_buffer *own = NULL;
  size_t held = lc_buffer_size(tenant->in);
  if (held) {
    int result = lc_buffer_reserve(&own, room > held ? room : held);
    if (result < 0) return result;
    lc_buffer_append(&own, lc_buffer_bytes(tenant->in), held);
    own->scanned = tenant->in->scanned;
  }
  tenant->loop->input_tenant = NULL;
  tenant->in = own;
  return 0;
}

static int move_out(lc_conn *tenant) { return move_out_to(tenant, 0); }

void lc_loan_keep(lc_conn *conn)
{
  lc_loan_release(conn);
  if (is_on_loan(conn) && move_out(conn) < 0) lc_loan_drop(conn);
}

static int move_in(lc_conn *conn)
{
  lc_loop *loop = conn->loop;
  if (loop->input_tenant) {
    int result = move_out(loop->input_tenant);
    if (result < 0) return result;
  }
  lc_buffer_free(&conn->in);
  loop->input_tenant = conn;
  conn->in = loop->input;
  conn->in->start = conn->in->end = conn->in->scanned = 0;
  return 0;
}

/* Makes room in the shared buffer when the wanted bytes fit there, else in memory of the
 * connection's own. That memory doubles as bytes arrive, for `want` is only what the caller hopes
 * for. */
int lc_loan_make_room(lc_conn *conn, size_t want)
{
  size_t held = lc_buffer_size(conn->in);
  int fits = want <= LC_SHARED_BUFFER && held < LC_SHARED_BUFFER;
  if (!held && fits && !is_on_loan(conn)) return move_in(conn);
  if (is_on_loan(conn)) {
    if (fits) {
      lc_buffer *in = conn->in;
      if (held && in->start) memmove(in->data, lc_buffer_bytes(in), held);
      in->start = 0;
      in->end = held;
      return 0;
    }
    int result = move_out(conn);
    if (result < 0) return result;
  }
  size_t more = want > held ? want - held : 1;
  size_t step = held < LC_SHARED_BUFFER ? LC_SHARED_BUFFER : held;
  return lc_buffer_reserve(&conn->in, more < step ? more : step);
}

/* The rest of a large message is received behind its beginning. Else the next connection that reads
 * would make it move, and it would move again as it grows. */
void lc_loan_settle(lc_conn *conn, size_t size)
{
  size_t held = lc_buffer_size(conn->in), room = held * 4;
  if (is_on_loan(conn) && held >= WORTH_SETTLING) move_out_to(conn, size < room ? size : room);
}
