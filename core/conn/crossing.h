/* crossing.h - calls the transport of a connection. */
#ifndef LC_CROSSING_H
#define LC_CROSSING_H

#include "conn/inside.h"

/* The transport takes over the descriptor. Returns 0 or a code. */
int lc_crossing_begin(lc_conn *conn, const lc_transport *transport);
int lc_crossing_open(lc_conn *conn); /* 0, LC_AGAIN, or a code */
/* `*has_all`: the kernel's buffer was empty afterwards. */
ssize_t lc_crossing_receive(lc_conn *conn, void *into, size_t room, int *has_all);
/* Sends `total` bytes in all, or none, for a transport that keeps bytes. out_blocked and out_kept
 * say how to go on. */
ssize_t lc_crossing_send(lc_conn *conn, const struct iovec *pieces, int count, size_t total);
/* The same two with descriptors, for a transport that has the calls. */
ssize_t lc_crossing_receive_fds(lc_conn *conn, void *into, size_t room, int *fds, int *fd_count,
                                int *lost, int *has_all);
ssize_t lc_crossing_send_fds(lc_conn *conn, const struct iovec *pieces, int count, size_t total,
                             const int *fds, int fd_count);
/* Sends a piece of a file: as transport.h says of `send_file`, which the transport must have. */
ssize_t lc_crossing_send_file(lc_conn *conn, int file, uint64_t offset, size_t size);
int lc_crossing_unread(const lc_conn *conn); /* also 0 where the kernel does not tell */
int lc_crossing_unacked(const lc_conn *conn);
int lc_crossing_error(const lc_conn *conn); /* of no socket: 0, or the code of its failure */
int lc_crossing_finish(lc_conn *conn);
/* Whether close() alone ends the connection: it sends the FIN, and the kernel stops watching the
 * descriptor. That takes plain bytes, and no copy of the descriptor anywhere. */
int lc_crossing_ends_by_close(const lc_conn *conn);
void lc_crossing_end(lc_conn *conn); /* the descriptor is about to end */
/* Translates an event: a transport may have to write before it can receive, and the reverse. */
uint32_t lc_crossing_meaning(lc_conn *conn, uint32_t events);

#endif
