/* plain.h - the transport of bytes as they are, whose calls others may use. */
#ifndef LC_PLAIN_H
#define LC_PLAIN_H

#include <sys/socket.h>

#include "conn/transport.h"
#include "lastcall.h"

ssize_t lc_plain_receive(lc_line *line, void *into, size_t room);
ssize_t lc_plain_send(lc_line *line, const struct iovec *pieces, int count);
int lc_plain_unread(lc_line *line);
int lc_plain_unacked(lc_line *line);
int lc_plain_finish(lc_line *line);

extern const lc_transport lc_plain;

/* The same as lc_plain_receive and lc_plain_send, without a function of their own: sys/direct.h
 * says what one costs around a system call. */
static inline ssize_t lc_plain_receive_here(lc_line *line, void *into, size_t room)
{
  ssize_t got;
  LC_RETRY(got, line->sys->recv(line->sys, line->fd, into, room, 0));
  return got == -EAGAIN ? LC_AGAIN : got;
}

static inline ssize_t lc_plain_send_here(lc_line *line, const struct iovec *pieces, int count)
{
  struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                           .msg_iovlen = (size_t)count};
  ssize_t sent;
  int flags = MSG_NOSIGNAL | (line->has_more ? MSG_MORE : 0);
  LC_RETRY(sent, line->sys->sendmsg(line->sys, line->fd, &message, flags));
  return sent == -EAGAIN ? LC_AGAIN : sent;
}

#endif
