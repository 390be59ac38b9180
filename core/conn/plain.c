/* plain.c - the transport of bytes as they are. */
#include "conn/plain.h"

#include <string.h>
#include <sys/socket.h>

ssize_t lc_plain_receive(lc_line *line, void *into, size_t room)
{
  return lc_plain_receive_here(line, into, room);
}

ssize_t lc_plain_send(lc_line *line, const struct iovec *pieces, int count)
{
  return lc_plain_send_here(line, pieces, count);
}

static ssize_t send_file(lc_line *line, int file, uint64_t offset, size_t size)
{
  ssize_t sent;
  LC_RETRY(sent, line->sys->send_file(line->sys, line->fd, file, offset, size));
  return sent;
}

/* ---------------------------------------------------------------- descriptors -- */

/* The credentials are there when the script has set SO_PASSCRED. */
enum {
  FDS_SPACE = CMSG_SPACE(LC_FDS_MOST * sizeof(int)),
  OTHER_SPACE = CMSG_SPACE(sizeof(struct ucred))
};

typedef union control {
  struct cmsghdr header;
  char space[FDS_SPACE + OTHER_SPACE];
} control;

static ssize_t send_fds(lc_line *line, const struct iovec *pieces, int count, const int *fds,
                        int fd_count)
{
  size_t size = (size_t)fd_count * sizeof *fds;
  control beside = {
    .header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
  struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                           .msg_iovlen = (size_t)count,
                           .msg_control = beside.space,
                           .msg_controllen = CMSG_SPACE(size)};
  ssize_t sent;
  memcpy(CMSG_DATA(&beside.header), fds, size);
  LC_RETRY(sent, line->sys->sendmsg(line->sys, line->fd, &message, MSG_NOSIGNAL));
  return sent == -EAGAIN ? LC_AGAIN : sent;
}

/* Takes what fits, and closes the rest: the space of a message is not exact. */
static void take_fds(const lc_sys *sys, struct cmsghdr *header, int *fds, int most, int *count,
                     int *lost)
{
  size_t size = header->cmsg_len - CMSG_LEN(0);
  for (size_t at = 0; at + sizeof *fds <= size; at += sizeof *fds) {
    int fd;
    memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
    if (fd >= 0 && *count < most) {
      fds[(*count)++] = fd;
    } else {
      if (fd >= 0) sys->close(sys, fd);
      *lost = 1;
    }
  }
}

static ssize_t receive_fds(lc_line *line, void *into, size_t room, int *fds, int *fd_count,
                           int *lost)
{
  control beside;
  struct iovec piece = {into, room};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = beside.space};
  int most = *fd_count;
  ssize_t got;
  *fd_count = 0;
  do {
    message.msg_controllen = CMSG_SPACE((size_t)most * sizeof *fds) + OTHER_SPACE;
    got = line->sys->recvmsg(line->sys, line->fd, &message, 0);
  } while (got == -EINTR);
  if (got < 0) return got == -EAGAIN ? LC_AGAIN : got;
  for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_RIGHTS)
      take_fds(line->sys, one, fds, most, fd_count, lost);
  }
  if (message.msg_flags & MSG_CTRUNC) *lost = 1;
  return got;
}

int lc_plain_unread(lc_line *line) { return line->sys->unread(line->sys, line->fd); }
int lc_plain_unacked(lc_line *line) { return line->sys->unacked(line->sys, line->fd); }

int lc_plain_finish(lc_line *line)
{
  int result;
  LC_RETRY(result, line->sys->shutdown(line->sys, line->fd, SHUT_WR));
  return result;
}

const lc_transport lc_plain = {.version = LC_TRANSPORT_VERSION,
                               .name = "plain",
                               .is_in_place = 1,
                               .receive = lc_plain_receive,
                               .send = lc_plain_send,
                               .send_file = send_file,
                               .send_fds = send_fds,
                               .receive_fds = receive_fds,
                               .unread = lc_plain_unread,
                               .unacked = lc_plain_unacked,
                               .finish = lc_plain_finish};
