/* reuseport.h - a SO_REUSEPORT group: sockets that share an address and its clients.
 *
 * The kernel distributes new clients by a hash, or by a small program that any member attaches to
 * the group. The program's result is the place of the member that gets the client; a place past the
 * end means the hash. Places count from 0 in the order of listen(). When a member leaves, the last
 * member takes its place. The program belongs to the group: it stays after its author has left,
 * until a member detaches it.
 */
#ifndef LC_REUSEPORT_H
#define LC_REUSEPORT_H

#include "sys/sys.h"

/* From now on new clients go to the members at the other places of `of`, evenly. Handshakes under
 * way are not affected. No privilege is needed. Returns 0, or a code: -EINVAL for a socket that is
 * in no group, -ENOPROTOOPT before Linux 4.6. */
int lc_reuseport_steer(const lc_sys *sys, int fd, int place, int of);

/* Detaches the program: the hash decides again. Returns 0 also when there was no program;
 * -ENOPROTOOPT before Linux 5.3. */
int lc_reuseport_release(const lc_sys *sys, int fd);

#endif
