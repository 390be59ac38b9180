/* sock_diag.h - asks the kernel how many handshakes are under way on some ports.
 *
 * A client that has received our SYN-ACK takes itself to be connected. Until its
 * ACK arrives, the kernel keeps a half-open request for it (SYN_RECV). A listener
 * that stops must wait for these. NETLINK_SOCK_DIAG counts them without
 * privileges, but costs about 90 times as much as accepting a connection: ask
 * rarely.
 */
#ifndef LC_SOCK_DIAG_H
#define LC_SOCK_DIAG_H

#include "sys/sys.h"

/* Opens a netlink socket for the questions below. Returns a descriptor, or -errno where the kernel
 * has none. Even then the kernel's part for TCP may be missing: the first question shows that.
 * Close the descriptor through sys. */
int lc_sock_diag_open(const lc_sys *sys);

/* How many connections of `family` (AF_INET or AF_INET6) with local port `port` are in SYN_RECV.
 * AF_INET6 includes those that came to a dual-stack listener over IPv4. Returns a number, or
 * -errno. The kernel answers at once, but walks through its table of all connections: 3 ms where
 * the table has 262,144 buckets. */
int lc_sock_diag_half_open(const lc_sys *sys, int fd, int family, uint16_t port);

/* Handshakes under way on a port. */
typedef struct lc_half_open {
  int family;
  uint16_t port;
  /* 0: all. Otherwise only those that began at least so long ago, and some that are milliseconds
   * younger: for a port where another listener still gets new ones. The kernel's timer for the next
   * SYN-ACK tells the age. A handshake whose age it does not tell is counted. */
  lc_time age;
  int count;
} lc_half_open;

/* Counts those of each port, by one walk of the kernel for each family. Returns 0 or -errno. */
int lc_sock_diag_count(const lc_sys *sys, int fd, lc_half_open *ports, int count);

#endif
