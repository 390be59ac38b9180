/* recvmsg.c - receives messages, and the descriptors that come with them. */
#include "sys/recvmsg.h"

#include <string.h>

#include "sys/files.h"

/* The kernel gives the lowest free numbers, and may give those of stdin, stdout and stderr. */
static void move_up(struct cmsghdr *header)
{
  unsigned char *fds = CMSG_DATA(header);
  size_t size = header->cmsg_len - CMSG_LEN(0);
  for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
    int fd;
    memcpy(&fd, fds + at, sizeof fd);
    fd = lc_sys_above_standard(fd);
    memcpy(fds + at, &fd, sizeof fd);
  }
}

ssize_t lc_sys_recvmsg(const lc_sys *sys, int fd, struct msghdr *message, int flags)
{
  ssize_t got = recvmsg(fd, message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  (void)sys;
  if (got < 0) return -errno;
  for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
    if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_RIGHTS) move_up(one);
  }
  return got;
}
