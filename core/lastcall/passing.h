/* lastcall/passing.h - descriptors that cross a unix connection beside its bytes (SCM_RIGHTS). */
#ifndef LASTCALL_PASSING_H
#define LASTCALL_PASSING_H

#include <sys/types.h>
#include <sys/uio.h>

#include "lastcall/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel lets no more cross at once (SCM_MAX_FD). */
#define LC_FDS_MOST 253

/* Whether descriptors can cross: the connection is a unix one, and its bytes cross as they are. */
int lc_conn_can_pass_fds(const lc_conn *conn);

/* As lc_conn_write, and the descriptors go with the first byte: either both are accepted, or
 * neither (0, or a code). The pieces have at least one byte. What is written before arrives before,
 * also when the kernel is full: then the connection keeps duplicates, and closes them when they are
 * sent or the connection ends. The caller's descriptors stay the caller's. At most LC_FDS_MOST wait
 * to be sent; for more, wait as for room. Further codes, after which the connection goes on:
 * -EOPNOTSUPP when none can cross; -EINVAL for more than LC_FDS_MOST, no bytes, or a number that is
 * no descriptor; -EMFILE and -ENFILE when none is free for a duplicate. The descriptor of a
 * connection is lent first (lc_conn_lend).
 *
 * While the kernel says ETOOMANYREFS (too many of this user are under way), the connection tries
 * again until write_timeout. */
ssize_t lc_conn_send_fds(lc_conn *conn, const int *fds, int count, const struct iovec *pieces,
                         int piece_count);

/* From now on the connection accepts descriptors, whatever call reads, and keeps up to `most` of
 * them (at most LC_FDS_MOST; 0: none, which is how each connection begins). The kernel closes
 * others; no byte is lost. So say it before the first read: descriptors of bytes that have been
 * received are closed. Returns 0, or a code as above, or -ENOMEM. */
int lc_conn_accept_fds(lc_conn *conn, int most);
/* How many lc_conn_take_fds will give. */
int lc_conn_held_fds(const lc_conn *conn);
/* Gives the descriptors that came with received bytes, in the order in which they were sent, at
 * most `room`. They are close-on-exec, and the caller's from now on. A descriptor comes with its
 * byte, or with earlier bytes of the same piece, never later. Sets `*lost` when others came behind
 * these and could not be kept: there were too many, or this process has no free descriptor. Those
 * that came still later are for the next call. Works on a connection that has failed, too. When the
 * embedder or the ladder closes the connection, those that are left are closed. */
int lc_conn_take_fds(lc_conn *conn, int *fds, int room, int *lost);

#ifdef __cplusplus
}
#endif

#endif
