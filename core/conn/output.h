/* output.h - accepts bytes for writing, and sends them.
 *
 * Large writes go straight from the caller's memory.
 */
#ifndef LC_OUTPUT_H
#define LC_OUTPUT_H

#include "conn/inside.h"

int lc_output_send(lc_conn *conn); /* 0: all sent; LC_AGAIN; or a code, the connection has failed */
/* The same, and then the posted bytes: for a caller that does not write, and wants everything
 * sent. */
int lc_output_send_all(lc_conn *conn);
void lc_output_merge_posted(lc_conn *conn);
/* As lc_conn_post, beyond settings.max_queue: for the last words of a protocol. */
int lc_output_post(lc_conn *conn, const struct iovec *pieces, int count);

#endif
