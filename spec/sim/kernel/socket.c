/* socket.c - the calls on sockets, with the results that Linux gives. */
#include <string.h>

#include "unix.h"

static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff};

/* -------------------------------------------------------------- addresses -- */

int sim_address_get(sim_address *to, const struct sockaddr *from, socklen_t length)
{
  memset(to, 0, sizeof *to);
  if (length < sizeof from->sa_family) return -EINVAL;
  to->family = from->sa_family;
  if (from->sa_family == AF_INET) {
    struct sockaddr_in in;
    if (length < sizeof in) return -EINVAL;
    memcpy(&in, from, sizeof in);
    to->port = ntohs(in.sin_port);
    if (in.sin_addr.s_addr == INADDR_ANY) return 0;
    memcpy(to->host, MAPPED, sizeof MAPPED);
    memcpy(to->host + sizeof MAPPED, &in.sin_addr, 4);
    return 0;
  }
  if (from->sa_family == AF_INET6) {
    struct sockaddr_in6 in6;
    if (length < sizeof in6) return -EINVAL;
    memcpy(&in6, from, sizeof in6);
    to->port = ntohs(in6.sin6_port);
    memcpy(to->host, &in6.sin6_addr, sizeof to->host);
    return 0;
  }
  return -EAFNOSUPPORT;
}

void sim_address_put(const sim_address *from, sa_family_t family, struct sockaddr *to,
                     socklen_t *length)
{
  union {
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } made;
  socklen_t size;
  if (!to || !length) return;
  memset(&made, 0, sizeof made);
  if (family == AF_INET) {
    made.in.sin_family = AF_INET;
    made.in.sin_port = htons(from->port);
    memcpy(&made.in.sin_addr, from->host + sizeof MAPPED, 4);
    size = sizeof made.in;
  } else {
    made.in6.sin6_family = AF_INET6;
    made.in6.sin6_port = htons(from->port);
    memcpy(&made.in6.sin6_addr, from->host, sizeof from->host);
    size = sizeof made.in6;
  }
  memcpy(to, &made, *length < size ? *length : size);
  *length = size;
}

static int is_wildcard(const sim_address *address)
{
  static const unsigned char none[16];
  return !memcmp(address->host, none, sizeof none);
}

static void make_loopback(sim_address *address)
{
  if (address->family == AF_INET) {
    memcpy(address->host, MAPPED, sizeof MAPPED);
    memcpy(address->host + sizeof MAPPED, &(in_addr_t){htonl(INADDR_LOOPBACK)}, 4);
  } else {
    address->host[15] = 1;
  }
}

sim_tcp *sim_tcp_at(sim_process *process, int fd, int *error)
{
  sim_file *file = sim_file_at(process, fd);
  *error = file ? -ENOTSOCK : -EBADF;
  return file && file->kind == SIM_TCP ? (sim_tcp *)file : NULL;
}

/* ------------------------------------------------------------------ ports -- */

static int overlap(const sim_address *a, const sim_address *b)
{
  return a->port == b->port &&
         (is_wildcard(a) || is_wildcard(b) || !memcmp(a->host, b->host, sizeof a->host));
}

static int is_in_use(const sim_tcp *tcp)
{
  for (const sim_tcp *other = tcp->file.kernel->bound; other; other = other->next_bound) {
    if (other == tcp || other->is_orphan || !overlap(&other->local, &tcp->local)) continue;
    if (other->reuseport && tcp->reuseport) continue;
    if (other->reuseaddr && tcp->reuseaddr && other->state != TCP_LISTEN) continue;
    return 1;
  }
  return 0;
}

static int take_port(sim_tcp *tcp)
{
  sim_kernel *kernel = tcp->file.kernel;
  if (!tcp->local.port) {
    do {
      tcp->local.port = kernel->next_port++;
      if (kernel->next_port < 32768) kernel->next_port = 32768;
    } while (is_in_use(tcp));
  }
  if (is_in_use(tcp)) {
    tcp->local.port = 0;
    return -EADDRINUSE;
  }
  tcp->next_bound = kernel->bound;
  kernel->bound = tcp;
  return 0;
}

int sim_bind(sim_process *process, int fd, const struct sockaddr *address, socklen_t length)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_bind(un, address, length);
  int result;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  sim_address wanted;
  if (!tcp) return result;
  result = sim_address_get(&wanted, address, length);
  if (result < 0) return result;
  if (wanted.family != tcp->local.family || tcp->local.port) return -EINVAL;
  tcp->local = wanted;
  return take_port(tcp);
}

int sim_listen(sim_process *process, int fd, int backlog)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_listen(un, backlog);
  enum { SOMAXCONN_USUAL = 4096 };
  int result;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  if (tcp->state != TCP_CLOSE && tcp->state != TCP_LISTEN) return -EINVAL;
  if (!tcp->local.port && (result = take_port(tcp)) < 0) return result;
  tcp->backlog = backlog < 0 || backlog > SOMAXCONN_USUAL ? SOMAXCONN_USUAL : (unsigned)backlog;
  tcp->state = TCP_LISTEN;
  return 0;
}

/* The descriptor is found before a connection is, as Linux does: a shortage shows without a
 * client. */
int sim_accept(sim_process *process, int fd, struct sockaddr *address, socklen_t *length)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_accept(process, un, address, length);
  int result;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  if (process->open + 3 >= process->limit) return -EMFILE;
  if (tcp->state != TCP_LISTEN) return -EINVAL;
  if (!tcp->queue_length) return -EAGAIN;
  sim_tcp *child = tcp->queue[0];
  memmove(tcp->queue, tcp->queue + 1, --tcp->queue_length * sizeof *tcp->queue);
  child->file.acceptor = process;
  sim_address_put(&child->remote, child->local.family, address, length);
  return sim_file_install(process, &child->file);
}

static int take_error(sim_tcp *tcp)
{
  int error = tcp->error;
  tcp->error = 0;
  return -error;
}

/* The result of the earlier connect is returned once, also when SO_ERROR has returned it before. */
static int end_connect(sim_tcp *tcp)
{
  tcp->is_connecting = 0;
  if (tcp->state != TCP_CLOSE) return 0;
  return tcp->error ? take_error(tcp) : -ECONNABORTED;
}

int sim_connect(sim_process *process, int fd, const struct sockaddr *address, socklen_t length)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_connect(un, address, length);
  int result;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  sim_address to;
  if (!tcp) return result;
  result = sim_address_get(&to, address, length);
  if (result < 0) return result;
  if (tcp->state == TCP_SYN_SENT) return -EALREADY;
  if (tcp->is_connecting) return end_connect(tcp);
  if (tcp->state != TCP_CLOSE || tcp->peer) return -EISCONN;
  if (is_wildcard(&to)) make_loopback(&to);
  if (!tcp->local.port) tcp->local.port = process->kernel->next_port++;
  if (is_wildcard(&tcp->local)) memcpy(tcp->local.host, to.host, sizeof to.host);
  tcp->remote = to;
  tcp->is_connecting = 1;
  tcp->state = TCP_SYN_SENT;
  tcp->shutdown = 0;
  sim_tcp_connect(tcp);
  return -EINPROGRESS;
}

int sim_name(sim_process *process, int fd, int of_peer, struct sockaddr *address, socklen_t *length)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_name(un, of_peer, address, length);
  int result;
  const sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  if (of_peer &&
      (tcp->state == TCP_CLOSE || tcp->state == TCP_SYN_SENT || tcp->state == TCP_LISTEN))
    return -ENOTCONN;
  sim_address_put(of_peer ? &tcp->remote : &tcp->local, tcp->local.family, address, length);
  return 0;
}

/* ------------------------------------------------------------------- bytes -- */

static ssize_t tcp_recv(sim_tcp *tcp, char *buffer, size_t size, int flags)
{
  if (tcp->state == TCP_LISTEN) return -ENOTCONN;
  uint64_t held = tcp->received - tcp->read;
  if (held) {
    if (size > held) size = (size_t)held;
    if (!size) return 0;
    sim_stream_read(tcp, buffer, size);
    if (flags & MSG_PEEK) return (ssize_t)size;
    tcp->read += size;
    sim_tcp_open_window(tcp);
    return (ssize_t)size;
  }
  if (tcp->fin_received) return 0;
  if (tcp->error) return take_error(tcp);
  if (tcp->shutdown & 1 << SHUT_RD) return 0;
  return tcp->state == TCP_CLOSE ? -ENOTCONN : -EAGAIN;
}

ssize_t sim_recv(sim_process *process, int fd, void *buffer, size_t size, int flags)
{
  sim_file *file = sim_file_at(process, fd);
  if (!file) return -EBADF;
  if (file->kind == SIM_NETLINK) return sim_diag_answer(file, buffer, size, flags);
  if (file->kind == SIM_UNIX) {
    struct iovec piece = {buffer, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return sim_unix_recvmsg(process, (sim_unix *)file, &message, flags);
  }
  return file->kind == SIM_TCP ? tcp_recv((sim_tcp *)file, buffer, size, flags) : -ENOTSOCK;
}

ssize_t sim_recvmsg(sim_process *process, int fd, struct msghdr *message, int flags)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (!message->msg_iovlen) return -EINVAL;
  if (un) return sim_unix_recvmsg(process, un, message, flags);
  message->msg_controllen = 0;
  message->msg_flags = 0;
  return sim_recv(process, fd, message->msg_iov->iov_base, message->msg_iov->iov_len, flags);
}

/* As the kernel takes them: what has no room is left to the caller. */
static ssize_t tcp_send(sim_tcp *tcp, const struct msghdr *message)
{
  size_t done = 0;
  if (tcp->state == TCP_SYN_SENT) return tcp->error ? take_error(tcp) : -EAGAIN;
  if (tcp->error || tcp->shutdown & 1 << SHUT_WR || tcp->state == TCP_CLOSE ||
      tcp->state == TCP_LISTEN)
    return tcp->error ? take_error(tcp) : -EPIPE;
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    uint64_t queued = tcp->written - tcp->acknowledged;
    size_t room = queued < tcp->send_buffer ? tcp->send_buffer - (size_t)queued : 0;
    size_t size = message->msg_iov[i].iov_len;
    int is_cut = size > room;
    done += sim_stream_write(tcp, message->msg_iov[i].iov_base, is_cut ? room : size);
    if (!is_cut) continue;
    tcp->wants_space = 1;
    break;
  }
  sim_tcp_push(tcp);
  return done || !tcp->wants_space ? (ssize_t)done : -EAGAIN;
}

ssize_t sim_sendmsg(sim_process *process, int fd, const struct msghdr *message)
{
  sim_file *file = sim_file_at(process, fd);
  if (!file) return -EBADF;
  if (file->kind == SIM_NETLINK) return sim_diag_ask(file, message);
  if (file->kind == SIM_UNIX) return sim_unix_sendmsg(process, (sim_unix *)file, message);
  return file->kind == SIM_TCP ? tcp_send((sim_tcp *)file, message) : -ENOTSOCK;
}

static void send_fin(sim_tcp *tcp)
{
  if (tcp->fin_wanted) return;
  tcp->fin_wanted = 1;
  tcp->read_by_then = tcp->read;
  tcp->received_by_then = tcp->received;
  tcp->written++;
  tcp->state = tcp->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT1;
  sim_tcp_push(tcp);
}

int sim_shutdown(sim_process *process, int fd, int how)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return sim_unix_shutdown(un, how);
  int result;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  int bits = how == SHUT_RDWR ? 1 << SHUT_RD | 1 << SHUT_WR : 1 << how;
  switch (tcp->state) {
    case TCP_CLOSE: return -ENOTCONN;
    case TCP_LISTEN:
      if (!(bits & 1 << SHUT_RD)) break;
      sim_listener_close(tcp); /* as disconnect() does: whoever queues is reset */
      break;
    case TCP_SYN_SENT: sim_tcp_done(tcp); break;
    default:
      tcp->shutdown |= bits;
      if (bits & 1 << SHUT_WR) send_fin(tcp);
      break;
  }
  sim_file_wake(&tcp->file, 0);
  return 0;
}

int sim_unread(sim_process *process, int fd)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return un->state == TCP_LISTEN ? -EINVAL : (int)un->unread;
  const sim_file *file = sim_file_at(process, fd);
  int result = file ? sim_pipe_unread(file) : -EBADF;
  if (result != -ENOTTY) return result;
  const sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  return tcp->state == TCP_LISTEN ? -EINVAL : (int)(tcp->received - tcp->read);
}

int sim_unacked(sim_process *process, int fd)
{
  sim_unix *un = sim_unix_of(sim_file_at(process, fd));
  if (un) return un->state == TCP_LISTEN ? -EINVAL : (int)un->memory;
  int result;
  const sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  if (tcp->state == TCP_LISTEN) return -EINVAL;
  return tcp->state == TCP_SYN_SENT ? 0 : (int)(tcp->written - tcp->acknowledged);
}
