/* keepalive.h - noticing peers that are gone without a word.
 *
 * TCP keepalive is off while data is unacknowledged, TCP_USER_TIMEOUT is off
 * while the connection is silent: each sees what the other cannot, so they are
 * set together. With both, the user timeout overrides the number of probes, so
 * it is idle + interval * count unless the script says otherwise.
 */
#ifndef LC_KEEPALIVE_H
#define LC_KEEPALIVE_H

#include "sys/sys.h"

/* Brings keepalive, user timeout and nodelay of a socket from `before` (NULL: the kernel's defaults)
 * to `settings`; on a listener they are inherited. 0, or the first refusal. Nothing on AF_UNIX. */
int lc_keepalive_apply(const lc_sys *sys, int fd, int family, const lc_settings *settings,
                       const lc_settings *before);
/* Bounds what the kernel does for a socket that has been closed with data unacknowledged. */
void lc_keepalive_bound_orphan(const lc_sys *sys, int fd, const lc_settings *settings);

#endif
