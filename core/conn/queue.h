/* queue.h - what has been accepted for writing and not yet taken by the kernel.
 *
 * Small writes are gathered in the loop's one shared buffer, on loan to the
 * connection that wrote last, and go out together: the send is what a request
 * costs. When the kernel is full, what is left moves to the connection's own
 * queue, and from then on the queue comes first.
 *
 *   order on the wire:  out (queue)  ->  gathered  ->  the write under way  ->  posted
 */
#ifndef LC_QUEUE_H
#define LC_QUEUE_H

#include "conn/inside.h"

size_t lc_queue_size(const lc_conn *conn);     /* accepted and not with the kernel */
size_t lc_queue_gathered(const lc_conn *conn); /* of these, in the shared buffer */
int lc_queue_append(lc_conn *conn, const char *data, size_t size); /* 0 or -ENOMEM */
/* What the kernel did not take of the gathered bytes, from the `from`th on, moves to the queue. 0 or -ENOMEM. */
int lc_queue_keep_gathered(lc_conn *conn, size_t from);
void lc_queue_drop(lc_conn *conn);

#endif
