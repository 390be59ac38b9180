/* carry.h - sends and receives bytes together with the descriptors that belong to them. */
#ifndef LC_CARRY_H
#define LC_CARRY_H

#include "conn/inside.h"

/* As lc_crossing_send, with what waits in parcels. It may send less than the kernel would take. */
ssize_t lc_carry_send(lc_conn *conn, struct iovec *pieces, int count, size_t total);
/* As lc_crossing_receive, for a connection that takes descriptors. */
ssize_t lc_carry_receive(lc_conn *conn, void *into, size_t room, int *has_all);

#endif
