/* unix.c - unix-domain stream sockets: connecting, messages, and the ends of both.
 *
 * What one end sends is a row of messages in the queue of the other end, at once, whatever hosts there are. The sender's
 * buffer counts the memory of its messages until they are read, each with an overhead. Descriptors belong to the first
 * message of a send, which no receive reads across.
 */
#include <string.h>

#include "unix.h"

enum {
  OVERHEAD = 768,
  LARGEST = 32 * 1024,
  USUAL_BUFFER = 212992,
  BOTH = 1 << SHUT_RD | 1 << SHUT_WR
};

sim_unix *sim_unix_of(sim_file *file)
{
  return file && file->kind == SIM_UNIX ? (sim_unix *)file : NULL;
}

sim_unix *sim_unix_new(sim_process *process)
{
  unsigned buffer = process->kernel->network.buffer;
  sim_unix *un = sim_take(process->kernel, sizeof *un);
  sim_file_init(&un->file, SIM_UNIX, process);
  un->state = TCP_CLOSE;
  un->send_buffer = buffer ? buffer : USUAL_BUFFER;
  return un;
}

/* ------------------------------------------------------------------- messages -- */

static int is_writable(const sim_unix *un)
{
  return un->state != TCP_LISTEN && un->memory * 4 <= un->send_buffer;
}

static size_t memory_of(const sim_message *message) { return message->size + OVERHEAD; }

static void files_free(sim_kernel *kernel, sim_file **files, int count)
{
  for (int i = 0; i < count; i++) sim_file_release(files[i]);
  sim_give(kernel, files, (size_t)count * sizeof(sim_file *));
}

/* The first one of the queue has been read, or is dropped. */
static void message_end(sim_unix *un)
{
  sim_kernel *kernel = un->file.kernel;
  sim_message *message = un->first;
  un->first = message->next;
  if (!un->first) un->last = NULL;
  un->unread -= message->size - message->read;
  un->peer->memory -= memory_of(message);
  if (is_writable(un->peer)) sim_file_wake(&un->peer->file, EPOLLOUT);
  files_free(kernel, message->files, message->file_count);
  sim_give(kernel, message->bytes, message->size);
  sim_give(kernel, message, sizeof *message);
}

static void message_add(sim_unix *to, const char *bytes, size_t size, sim_file **files, int count)
{
  sim_message *message = sim_take(to->file.kernel, sizeof *message);
  message->bytes = sim_take(to->file.kernel, size);
  memcpy(message->bytes, bytes, size);
  message->size = size;
  message->files = files;
  message->file_count = count;
  if (to->last) to->last->next = message;
  else to->first = message;
  to->last = message;
  to->unread += size;
  to->peer->memory += memory_of(message);
  sim_file_wake(&to->file, EPOLLIN);
}

/* ------------------------------------------------------------------------ ends -- */

static void hear_of_end(sim_unix *un, int is_reset)
{
  un->shutdown = BOTH;
  if (is_reset) un->error = ECONNRESET;
  sim_file_wake(&un->file, 0);
}

static void end(sim_unix *un, int was_accepted)
{
  int has_unread = un->first != NULL;
  un->state = TCP_CLOSE;
  un->shutdown = BOTH;
  un->is_dead = 1;
  while (un->first) message_end(un);
  if (un->peer && !un->peer->is_dead) hear_of_end(un->peer, has_unread || !was_accepted);
}

void sim_unix_release(sim_unix *un)
{
  if (un->name) sim_path_leave(un);
  int was_listening = un->state == TCP_LISTEN;
  end(un, 1);
  while (was_listening && un->queue) {
    sim_unix *child = un->queue;
    un->queue = child->next_queued;
    end(child, 0);
  }
  un->queued = 0;
}

int sim_unix_shutdown(sim_unix *un, int how)
{
  int bits = how == SHUT_RDWR ? BOTH : 1 << how, theirs = 0;
  un->shutdown |= bits;
  sim_file_wake(&un->file, 0);
  if (un->state != TCP_ESTABLISHED || un->peer->is_dead) return 0;
  if (bits & 1 << SHUT_RD) theirs |= 1 << SHUT_WR;
  if (bits & 1 << SHUT_WR) theirs |= 1 << SHUT_RD;
  un->peer->shutdown |= theirs;
  sim_file_wake(&un->peer->file, 0);
  return 0;
}

uint32_t sim_unix_poll(const sim_unix *un)
{
  uint32_t events = 0;
  if (un->error) events |= EPOLLERR;
  if (un->shutdown == BOTH || un->state == TCP_CLOSE) events |= EPOLLHUP;
  if (un->shutdown & 1 << SHUT_RD) events |= EPOLLRDHUP | EPOLLIN;
  if (un->first || un->queue) events |= EPOLLIN;
  if (is_writable(un)) events |= EPOLLOUT;
  return events;
}

/* ------------------------------------------------------------------ connecting -- */

static void become_pair(sim_unix *one, sim_unix *other)
{
  one->peer = other;
  other->peer = one;
  one->state = other->state = TCP_ESTABLISHED;
}

int sim_unix_listen(sim_unix *un, int backlog)
{
  enum { SOMAXCONN_USUAL = 4096 };
  if (!un->address.length || un->state == TCP_ESTABLISHED) return -EINVAL;
  un->backlog = backlog < 0 || backlog > SOMAXCONN_USUAL ? SOMAXCONN_USUAL : (unsigned)backlog;
  un->state = TCP_LISTEN;
  return 0;
}

int sim_unix_connect(sim_unix *un, const struct sockaddr *address, socklen_t length)
{
  sim_path *path;
  if (address->sa_family != AF_UNIX) return -EINVAL;
  int result = sim_path_find(un->file.kernel, address, length, &path);
  if (result < 0) return result;
  sim_unix *listener = path->socket;
  if (!listener || listener->state != TCP_LISTEN || listener->shutdown & 1 << SHUT_RD)
    return -ECONNREFUSED;
  if (un->state == TCP_ESTABLISHED) return -EISCONN;
  if (un->state != TCP_CLOSE) return -EINVAL;
  if (listener->queued > listener->backlog) return -EAGAIN;
  sim_unix *child = sim_unix_new(listener->file.process);
  become_pair(un, child);
  child->address = listener->address;
  sim_unix **place = &listener->queue;
  while (*place) place = &(*place)->next_queued;
  *place = child;
  listener->queued++;
  sim_file_wake(&listener->file, EPOLLIN);
  return 0;
}

int sim_unix_accept(sim_process *process, sim_unix *un, struct sockaddr *address, socklen_t *length)
{
  if (process->open + 3 >= process->limit) return -EMFILE;
  if (un->state != TCP_LISTEN) return -EINVAL;
  if (!un->queue) return -EAGAIN;
  sim_unix *child = un->queue;
  un->queue = child->next_queued;
  un->queued--;
  child->file.process = child->file.acceptor = process;
  sim_unix_name(child, 1, address, length);
  return sim_file_install(process, &child->file);
}

int sim_process_pair(sim_process *one, sim_process *other, int fds[2])
{
  sim_unix *near = sim_unix_new(one), *far = sim_unix_new(other);
  become_pair(near, far);
  fds[0] = sim_file_install(one, &near->file);
  fds[1] = fds[0] < 0 ? -EMFILE : sim_file_install(other, &far->file);
  if (fds[1] >= 0) return 0;
  if (fds[0] >= 0) sim_file_close(one, fds[0]);
  return -EMFILE;
}

int sim_socketpair(sim_process *process, int fds[2])
{
  return sim_process_pair(process, process, fds);
}

int sim_unix_name(const sim_unix *un, int of_peer, struct sockaddr *address, socklen_t *length)
{
  static const lc_address unnamed = {.of.any.sa_family = AF_UNIX, .length = sizeof(sa_family_t)};
  if (of_peer && !un->peer) return -ENOTCONN;
  const lc_address *name = of_peer ? &un->peer->address : &un->address;
  if (!name->length) name = &unnamed;
  if (!address || !length) return 0;
  memcpy(address, &name->of, *length < name->length ? *length : name->length);
  *length = name->length;
  return 0;
}

/* --------------------------------------------------------------------- sending -- */

/* What the first header of descriptors names, with a reference each. Returns their number or a code. */
static int take_files(sim_process *process, const struct msghdr *message, sim_file ***files)
{
  struct msghdr *whole = (struct msghdr *)(uintptr_t)message;
  const struct cmsghdr *header = message->msg_controllen ? CMSG_FIRSTHDR(whole) : NULL;
  *files = NULL;
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return 0;
  int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  if (count > LC_FDS_MOST) return -EINVAL;
  if (!count) return 0;
  sim_file **found = sim_take(process->kernel, (size_t)count * sizeof *found);
  for (int i = 0; i < count; i++) {
    int fd;
    memcpy(&fd, CMSG_DATA(header) + (size_t)i * sizeof fd, sizeof fd);
    found[i] = sim_file_at(process, fd);
    if (!found[i]) {
      files_free(process->kernel, found, i);
      return -EBADF;
    }
    found[i]->references++;
  }
  process->has_forked = 1; /* another process will have copies */
  *files = found;
  return count;
}

static size_t largest_of(const sim_unix *un)
{
  size_t half = un->send_buffer / 2 - 64;
  return half < LARGEST ? half : LARGEST;
}

static int refusal(sim_unix *un)
{
  if (un->state != TCP_ESTABLISHED) return -ENOTCONN;
  if (un->shutdown & 1 << SHUT_WR || un->peer->is_dead) return -EPIPE;
  int error = un->error;
  un->error = 0;
  return -error;
}

ssize_t sim_unix_sendmsg(sim_process *process, sim_unix *un, const struct msghdr *message)
{
  sim_file **files;
  int count = take_files(process, message, &files), error = count < 0 ? count : refusal(un);
  size_t done = 0;
  int is_full = 0;
  for (size_t i = 0; i < message->msg_iovlen && !error && !is_full; i++) {
    const struct iovec *piece = &message->msg_iov[i];
    for (size_t at = 0; at < piece->iov_len && !is_full;) {
      size_t size = piece->iov_len - at;
      if (size > largest_of(un)) size = largest_of(un);
      is_full = un->memory >= un->send_buffer;
      if (is_full) break;
      message_add(un->peer, (const char *)piece->iov_base + at, size, files, count > 0 ? count : 0);
      files = NULL;
      count = 0;
      at += size;
      done += size;
    }
  }
  if (files) files_free(process->kernel, files, count);
  if (error) return error;
  return done || !is_full ? (ssize_t)done : -EAGAIN;
}

/* ------------------------------------------------------------------- receiving -- */

/* Gives the files descriptors, as many as there is room for, and drops the others. */
static void install_files(sim_process *process, sim_message *from, struct msghdr *message,
                          size_t room)
{
  struct cmsghdr *header = message->msg_control;
  size_t most = room > sizeof *header ? (room - sizeof *header) / sizeof(int) : 0, given = 0;
  for (int i = 0; i < from->file_count; i++) {
    int fd = given < most ? sim_file_install(process, from->files[i]) : -EMFILE;
    if (fd >= 0) memcpy(CMSG_DATA(header) + given++ * sizeof fd, &fd, sizeof fd);
    else message->msg_flags |= MSG_CTRUNC;
  }
  files_free(process->kernel, from->files, from->file_count);
  from->files = NULL;
  from->file_count = 0;
  if (!given) return;
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(given * sizeof(int));
  size_t whole = CMSG_SPACE(given * sizeof(int));
  message->msg_controllen = whole < room ? whole : room;
}

static ssize_t nothing(sim_unix *un)
{
  int error = un->error;
  un->error = 0;
  if (error) return -error;
  return un->shutdown & 1 << SHUT_RD ? 0 : -EAGAIN;
}

static size_t peek(const sim_unix *un, char *bytes, size_t size)
{
  size_t done = 0;
  for (const sim_message *one = un->first; one && done < size; one = one->next) {
    size_t some = one->size - one->read < size - done ? one->size - one->read : size - done;
    memcpy(bytes + done, one->bytes + one->read, some);
    done += some;
    if (one->file_count) break;
  }
  return done;
}

ssize_t sim_unix_recvmsg(sim_process *process, sim_unix *un, struct msghdr *message, int flags)
{
  char *bytes = message->msg_iov->iov_base;
  size_t size = message->msg_iov->iov_len, done = 0, room = message->msg_controllen;
  message->msg_controllen = 0;
  message->msg_flags = 0;
  if (un->state != TCP_ESTABLISHED) return -EINVAL;
  if (!un->first) return nothing(un);
  if (flags & MSG_PEEK) return (ssize_t)peek(un, bytes, size);
  int has_files = 0;
  while (un->first && done < size && !has_files) {
    sim_message *one = un->first;
    size_t some = one->size - one->read < size - done ? one->size - one->read : size - done;
    memcpy(bytes + done, one->bytes + one->read, some);
    done += some;
    one->read += some;
    un->unread -= some;
    has_files = one->file_count > 0;
    if (has_files) install_files(process, one, message, room);
    if (one->read == one->size) message_end(un);
  }
  return (ssize_t)done;
}
