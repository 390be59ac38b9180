/* sock_diag.h - asks the kernel how many handshakes are under way on a port.
 *
 * A client that has received our SYN-ACK believes it is connected; the kernel
 * keeps it as a half-open request (SYN_RECV) until its ACK arrives. A listener
 * that is being stopped must wait for those. NETLINK_SOCK_DIAG can count them,
 * without privileges, at about 90 times the cost of accepting a connection:
 * ask rarely.
 */
#ifndef LC_SOCK_DIAG_H
#define LC_SOCK_DIAG_H

#include "sys/sys.h"

/* Opens a netlink socket for lc_sock_diag_half_open. A descriptor, or -errno where the kernel
 * does not offer it; the part of it that knows TCP may be missing all the same, which the first
 * question shows. Close it through sys. */
int lc_sock_diag_open(const lc_sys *sys);

/* How many connections of `family` (AF_INET or AF_INET6) with local port `port`
 * are in SYN_RECV; AF_INET6 counts those that came to a dual-stack listener
 * over IPv4 too. A count, or -errno. One bounded exchange with the kernel,
 * which answers at once; it walks through its table of all connections for that (10 ms where the table is
 * large). */
int lc_sock_diag_half_open(const lc_sys *sys, int fd, int family, uint16_t port);

/* The same, of those alone that began at least `age` ago, by the kernel's timer for their next SYN-ACK
 * (and some milliseconds younger ones): where another listener on the port goes on taking new ones.
 * Whoever's age cannot be told is counted. */
int lc_sock_diag_half_open_for(const lc_sys *sys, int fd, int family, uint16_t port, lc_time age);

#endif
