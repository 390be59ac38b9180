/* hide.h - hiding a TCP listener from new clients.
 *
 * A listener that is bound to an interface that does not exist is not found for new connections:
 * the kernel refuses them at once. A handshake under way completes, because the kernel finds it by
 * its own request socket.
 */
#ifndef LC_HIDE_H
#define LC_HIDE_H

#include "sys/sys.h"

/* The names, in features and reports, of the ways to stop a TCP listener: where hiding works, and
 * where it does not. */
#define LC_STOP_BY_HIDING "hide"
#define LC_STOP_WITHOUT_HIDING "accept-close"

/* Returns 0 or a code: -ENOPROTOOPT before Linux 5.1. */
int lc_hide(const lc_sys *sys, int fd);

#endif
