/* pipe.c - the transports of descriptors that are no sockets: an end of a pipe, a terminal, a
 * device.
 *
 * An end of a pipe goes one way. What its reader has not taken yet, the kernel counts for the write
 * end too. A terminal has no such count of what its reader has taken: only of what the driver has
 * not sent.
 */
#include "conn/pipe.h"

#include "conn/transport.h"

/* Whether nobody is left at the other side. */
static int is_abandoned(const lc_line *line, short event)
{
  struct pollfd one = {.fd = line->fd};
  int result;
  LC_RETRY(result, line->sys->poll(line->sys, &one, 1, 0));
  return result > 0 && one.revents & event;
}

static ssize_t receive(lc_line *line, void *into, size_t room)
{
  ssize_t got;
  LC_RETRY(got, line->sys->read(line->sys, line->fd, into, room));
  return got == -EAGAIN ? LC_AGAIN : got;
}

/* A FIFO that was opened without waiting for a writer is at its end when it has had one. The kernel
 * reads 0 before that, too. */
static ssize_t receive_from_first(lc_line *line, void *into, size_t room)
{
  ssize_t got = receive(line, into, room);
  return got == 0 && room && !is_abandoned(line, POLLHUP) ? LC_AGAIN : got;
}

/* Where the program in a pseudo-terminal has ended, or a terminal has hung up, reads fail. */
static ssize_t receive_from_device(lc_line *line, void *into, size_t room)
{
  ssize_t got = receive(line, into, room);
  return got == -EIO && is_abandoned(line, POLLHUP) ? 0 : got;
}

static ssize_t send_pieces(lc_line *line, const struct iovec *pieces, int count)
{
  ssize_t sent;
  LC_RETRY(sent, line->sys->write(line->sys, line->fd, pieces, count));
  return sent == -EAGAIN ? LC_AGAIN : sent;
}

static ssize_t send_to_device(lc_line *line, const struct iovec *pieces, int count)
{
  ssize_t sent = send_pieces(line, pieces, count);
  return sent == -EIO && is_abandoned(line, POLLHUP) ? LC_BROKEN_PIPE : sent;
}

static int count_in_pipe(lc_line *line) { return line->sys->unread(line->sys, line->fd); }

static int count_none(lc_line *line)
{
  (void)line;
  return 0;
}

/* A device that does not count has taken what was written. */
static int count_unsent(lc_line *line)
{
  int count = line->sys->unacked(line->sys, line->fd);
  return count == -ENOTTY || count == -EINVAL ? 0 : count;
}

static int count_unread(lc_line *line)
{
  int count = count_in_pipe(line);
  return count == -ENOTTY || count == -EINVAL ? 0 : count;
}

static int error_of_writer(lc_line *line)
{
  return is_abandoned(line, POLLERR) ? LC_BROKEN_PIPE : 0;
}

static int error_of_reader(lc_line *line)
{
  (void)line;
  return 0;
}

static const lc_transport READER = {.version = LC_TRANSPORT_VERSION,
                                    .name = "pipe",
                                    .is_in_place = 1,
                                    .receive = receive,
                                    .unread = count_in_pipe,
                                    .unacked = count_none,
                                    .error = error_of_reader};

/* Of a description that the program has opened without waiting. */
static const lc_transport FIRST_READER = {.version = LC_TRANSPORT_VERSION,
                                          .name = "pipe",
                                          .is_in_place = 1,
                                          .receive = receive_from_first,
                                          .unread = count_in_pipe,
                                          .unacked = count_none,
                                          .error = error_of_reader};

static const lc_transport WRITER = {.version = LC_TRANSPORT_VERSION,
                                    .name = "pipe",
                                    .is_in_place = 1,
                                    .send = send_pieces,
                                    .unread = count_none,
                                    .unacked = count_in_pipe,
                                    .error = error_of_writer};

/* A FIFO that was opened both ways, too. */
static const lc_transport BOTH = {.version = LC_TRANSPORT_VERSION,
                                  .name = "pipe",
                                  .is_in_place = 1,
                                  .receive = receive,
                                  .send = send_pieces,
                                  .unread = count_in_pipe,
                                  .unacked = count_in_pipe,
                                  .error = error_of_writer};

static const lc_transport DEVICE_READER = {.version = LC_TRANSPORT_VERSION,
                                           .name = "device",
                                           .receive = receive_from_device,
                                           .unread = count_unread,
                                           .unacked = count_none,
                                           .error = error_of_reader};

static const lc_transport DEVICE_WRITER = {.version = LC_TRANSPORT_VERSION,
                                           .name = "device",
                                           .send = send_to_device,
                                           .unread = count_none,
                                           .unacked = count_unsent,
                                           .error = error_of_writer};

static const lc_transport DEVICE = {.version = LC_TRANSPORT_VERSION,
                                    .name = "device",
                                    .receive = receive_from_device,
                                    .send = send_to_device,
                                    .unread = count_unread,
                                    .unacked = count_unsent,
                                    .error = error_of_writer};

void lc_pipe_begin(lc_conn *conn, const lc_descriptor_facts *facts)
{
  /* by what it can do: 1 read, 2 write */
  const lc_transport *reader = facts->is_nonblocking ? &FIRST_READER : &READER;
  const lc_transport *const pipes[] = {reader, reader, &WRITER, &BOTH};
  static const lc_transport *const devices[] = {&DEVICE_READER, &DEVICE_READER, &DEVICE_WRITER,
                                                &DEVICE};
  int way = (facts->can_read ? 1 : 0) | (facts->can_write ? 2 : 0);
  conn->transport = facts->kind == LC_DESCRIPTOR_PIPE ? pipes[way] : devices[way];
  if (!conn->transport->receive) conn->in_shut = 1;
  if (!conn->transport->send) conn->out_ending = conn->out_shut = 1;
}
