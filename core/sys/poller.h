/* poller.h - waiting for many descriptors at once.
 *
 * These functions are members of lc_sys_linux(); sys.h describes them.
 */
#ifndef LC_POLLER_H
#define LC_POLLER_H

#include "sys/sys.h"

int lc_sys_poller_create(const lc_sys *sys);
int lc_sys_poller_control(const lc_sys *sys, int poller, lc_poller_deed deed, int fd,
                          uint32_t wanted, uint64_t tag);
int lc_sys_poller_wait(const lc_sys *sys, int poller, lc_poll_event *events, int capacity,
                       lc_time timeout);

#endif
