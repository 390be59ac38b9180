/* keepalive.h - finding out that a peer is gone without a word.
 *
 * TCP keepalive does nothing while data is unacknowledged. TCP_USER_TIMEOUT does nothing while the
 * connection is silent. So both are set together. With both, the user timeout overrides the number
 * of probes: it is idle + interval * count unless the script says otherwise.
 */
#ifndef LC_KEEPALIVE_H
#define LC_KEEPALIVE_H

#include "sys/sys.h"

/* Changes keepalive, user timeout and nodelay of a socket from `before` (NULL: the kernel's
 * defaults) to `settings`. Connections inherit those of their listener. Returns 0, or the first
 * code with which the kernel refused. Does nothing where it is not TCP. */
int lc_keepalive_apply(const lc_sys *sys, int fd, int family, const lc_settings *settings,
                       const lc_settings *before);
/* Limits the time in which the kernel goes on with a closed socket whose data is unacknowledged. */
void lc_keepalive_bound_orphan(const lc_sys *sys, int fd, const lc_settings *settings);

#endif
