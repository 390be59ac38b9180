/* queue.h - bytes that were accepted for writing and that the kernel has not taken.
 *
 * Small writes are gathered in the loop's one shared buffer, on loan to the
 * connection that wrote last. They are sent together, because the send is most of
 * the cost of a request. When the kernel is full, the rest moves to the connection's
 * own queue, which is sent first from then on.
 *
 *   order on the wire:  out (queue)  ->  gathered  ->  the write under way  ->  posted
 */
#ifndef LC_QUEUE_H
#define LC_QUEUE_H

#include "conn/inside.h"

/* Whether it has bytes in the shared buffer. Without an owner it has nothing of the loop's, which
 * may be gone. */
static inline int lc_queue_is_on_loan(const lc_conn *conn)
{
  return conn->owner && conn->loop->output_tenant == conn;
}

/* The bytes in the shared buffer. */
static inline size_t lc_queue_gathered(const lc_conn *conn)
{
  return lc_queue_is_on_loan(conn) ? conn->loop->output_length : 0;
}

/* All of them. */
static inline size_t lc_queue_size(const lc_conn *conn)
{
  size_t size = lc_buffer_size(conn->out) + lc_queue_gathered(conn);
  return conn->extra ? size + lc_buffer_size(conn->extra->posted) : size;
}

int lc_queue_append(lc_conn *conn, const char *data, size_t size); /* 0 or -ENOMEM */
/* Moves the gathered bytes from the `from`th on to the queue: the kernel did not take them. Returns
 * 0 or -ENOMEM. */
int lc_queue_keep_gathered(lc_conn *conn, size_t from);
void lc_queue_drop(lc_conn *conn);

#endif
