/* plain.c - the transport of bytes as they are. */
#include "conn/plain.h"

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
                               .unread = lc_plain_unread,
                               .unacked = lc_plain_unacked,
                               .finish = lc_plain_finish};
