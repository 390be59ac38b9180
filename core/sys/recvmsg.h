/* recvmsg.h - receives messages, and the descriptors that come with them. */
#ifndef LC_RECVMSG_H
#define LC_RECVMSG_H

#include "sys/sys.h"

ssize_t lc_sys_recvmsg(const lc_sys *sys, int fd, struct msghdr *message, int flags);

#endif
