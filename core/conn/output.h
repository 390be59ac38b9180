/* output.h - accepts bytes for writing, and sends them.
 *
 * Large writes go straight from the caller's memory.
 */
#ifndef LC_OUTPUT_H
#define LC_OUTPUT_H

#include "conn/inside.h"

/* The number of bytes in all pieces. */
size_t lc_pieces_total(const struct iovec *pieces, int count);

int lc_output_send(lc_conn *conn); /* 0: all sent; LC_AGAIN; or a code, the connection has failed */
/* The same, and then the posted bytes: for a caller that does not write, and wants everything
 * sent. */
int lc_output_send_all(lc_conn *conn);
/* 0, or why nothing more is accepted. */
int lc_output_writable(const lc_conn *conn);
/* What became of a send of `total` bytes: how many were sent, 0 when the kernel is full, or a code.
 * Returns the same; with a code the connection has failed. */
ssize_t lc_output_note(lc_conn *conn, ssize_t sent, size_t total);
/* The place in the shared buffer behind what this connection has gathered, and how much room is
 * there. Then, that so many bytes lie there, which are the connection's to send. */
char *lc_output_place(lc_conn *conn, size_t *room);
void lc_output_placed(lc_conn *conn, size_t size);
void lc_output_merge_posted(lc_conn *conn);
/* As lc_conn_post, beyond settings.max_queue: for the last words of a protocol. */
int lc_output_post(lc_conn *conn, const struct iovec *pieces, int count);

#endif
