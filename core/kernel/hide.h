/* hide.h - hiding a TCP listener from new clients.
 *
 * Bound to an interface that does not exist, it is not found for new connections: they are refused at once. A
 * handshake already begun completes, for it is found through its own request socket. */
#ifndef LC_HIDE_H
#define LC_HIDE_H

#include "sys/sys.h"

/* How a TCP listener is stopped where that works, and where it does not: the names in features and reports. */
#define LC_STOP_BY_HIDING "hide"
#define LC_STOP_WITHOUT_HIDING "accept-close"

/* 0 or a code: -ENOPROTOOPT before Linux 5.1. */
int lc_hide(const lc_sys *sys, int fd);

#endif
