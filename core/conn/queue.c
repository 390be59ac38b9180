/* queue.c - bytes that were accepted for writing and that the kernel has not taken. */
#include "conn/queue.h"

#include "conn/parcel.h"

static void end_loan(lc_loop *loop)
{
  loop->output_tenant = NULL;
  loop->output_length = 0;
  lc_job_cancel(&loop->output_job);
}

void lc_queue_drop(lc_conn *conn)
{
  if (lc_queue_is_on_loan(conn)) end_loan(conn->loop);
  lc_buffer_free(&conn->out);
  if (conn->extra) lc_buffer_free(&conn->extra->posted);
  lc_parcels_drop(conn);
}

/* Bytes that stay in the shared buffer for lack of memory count as undelivered when the rest is
 * dropped. */
int lc_queue_keep_gathered(lc_conn *conn, size_t from)
{
  lc_loop *loop = conn->loop;
  int result = 0;
  if (from < loop->output_length)
    result = lc_buffer_append(&conn->out, loop->output + from, loop->output_length - from);
  if (result < 0) loop->output_length -= from;
  else end_loan(loop);
  return result;
}

/* Appends behind everything accepted so far. Gathered bytes move to the queue first. */
int lc_queue_append(lc_conn *conn, const char *data, size_t size)
{
  if (lc_queue_is_on_loan(conn)) {
    int result = lc_buffer_append(&conn->out, conn->loop->output, conn->loop->output_length);
    if (result < 0) return result;
    end_loan(conn->loop);
  }
  return lc_buffer_append(&conn->out, data, size);
}
