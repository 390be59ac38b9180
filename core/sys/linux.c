/* linux.c - the real kernel behind sys.h, each call as thin as it can be. */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/descriptor.h"
#include "sys/direct.h"
#include "sys/environment.h"
#include "sys/files.h"
#include "sys/folder.h"
#include "sys/fork.h"
#include "sys/poller.h"
#include "sys/processor.h"
#include "sys/recvmsg.h"
#include "sys/renew.h"
#include "sys/signal.h"
#include "sys/spawn.h"
#include "sys/sys.h"

/* Turns the result of libc into ours: -1 and errno become -errno. */
#define RESULT(call)                       \
  do {                                     \
    int result_ = (call);                  \
    return result_ < 0 ? -errno : result_; \
  } while (0)

/* ------------------------------------------------------- clock and chance -- */

static lc_time linux_now(const lc_sys *sys)
{
  (void)sys;
  return lc_sys_clock(CLOCK_MONOTONIC);
}

static lc_time linux_tick(const lc_sys *sys)
{
  (void)sys;
  return lc_sys_clock(CLOCK_MONOTONIC_COARSE);
}

static uint64_t linux_ticks(const lc_sys *sys)
{
  (void)sys;
#if defined __x86_64__ || defined __i386__
  return __builtin_ia32_rdtsc();
#else
  return 0;
#endif
}

static lc_time linux_time_of_day(const lc_sys *sys)
{
  (void)sys;
  return lc_sys_clock(CLOCK_REALTIME);
}

static int linux_random(const lc_sys *sys, void *buffer, size_t size)
{
  size_t filled = 0;
  (void)sys;
  while (filled < size) {
    ssize_t got = getrandom((char *)buffer + filled, size - filled, 0);
    if (got >= 0) {
      filled += (size_t)got;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

/* ---------------------------------------------------------------- sockets -- */

static int linux_socket(const lc_sys *sys, int family, int type, int protocol)
{
  (void)sys;
  return lc_sys_above_standard(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

static int linux_bind(const lc_sys *sys, int fd, const struct sockaddr *address, socklen_t length)
{
  (void)sys;
  RESULT(bind(fd, address, length));
}

static int linux_listen(const lc_sys *sys, int fd, int backlog)
{
  (void)sys;
  RESULT(listen(fd, backlog));
}

static int linux_accept(const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length)
{
  (void)sys;
  return lc_sys_above_standard(accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

static int linux_connect(const lc_sys *sys, int fd, const struct sockaddr *address,
                         socklen_t length)
{
  (void)sys;
  RESULT(connect(fd, address, length));
}

/* A grace period of RCU: the kernel handles a packet in a read-side critical section. */
static int linux_wait_for_arrivals(const lc_sys *sys)
{
  (void)sys;
  RESULT((int)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
}

static int linux_getsockname(const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length)
{
  (void)sys;
  RESULT(getsockname(fd, address, length));
}

static int linux_getpeername(const lc_sys *sys, int fd, struct sockaddr *address, socklen_t *length)
{
  (void)sys;
  RESULT(getpeername(fd, address, length));
}

static int linux_setsockopt(const lc_sys *sys, int fd, int level, int name, const void *value,
                            socklen_t length)
{
  (void)sys;
  RESULT(setsockopt(fd, level, name, value, length));
}

static int linux_getsockopt(const lc_sys *sys, int fd, int level, int name, void *value,
                            socklen_t *length)
{
  (void)sys;
  RESULT(getsockopt(fd, level, name, value, length));
}

/* By syscall, here and below. libc's recv and send are cancellation points, which cost a program
 * with threads two atomic operations for each call. */
static ssize_t linux_recv(const lc_sys *sys, int fd, void *buffer, size_t size, int flags)
{
  flags |= MSG_DONTWAIT; /* another process that has the socket may make it block */
  (void)sys;
  return lc_sys_direct(SYS_recvfrom, fd, buffer, size, flags);
}

/* A write to a peer that has closed returns -EPIPE, and raises no signal. */
static ssize_t linux_sendmsg(const lc_sys *sys, int fd, const struct msghdr *message, int flags)
{
  const struct iovec *first = message->msg_iov;
  (void)sys;
  flags |= MSG_NOSIGNAL | MSG_DONTWAIT;
  /* One piece is sent without a header, which the kernel would have to copy. */
  if (message->msg_iovlen == 1 && !message->msg_name && !message->msg_controllen)
    return lc_sys_direct(SYS_sendto, fd, first->iov_base, first->iov_len, flags);
  if (message->msg_controllen) lc_sys_note_company(); /* it may hold descriptors */
  ssize_t sent = sendmsg(fd, message, flags);
  return sent < 0 ? -errno : sent;
}

static int linux_shutdown(const lc_sys *sys, int fd, int how)
{
  (void)sys;
  RESULT(shutdown(fd, how));
}

static int linux_close(const lc_sys *sys, int fd)
{
  (void)sys;
  RESULT(close(fd));
}

static int linux_set_nonblocking(const lc_sys *sys, int fd)
{
  int status = fcntl(fd, F_GETFL);
  int flags = fcntl(fd, F_GETFD);
  (void)sys;
  if (status < 0 || flags < 0) return -errno;
  if (fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0) return -errno;
  RESULT(fcntl(fd, F_SETFD, flags | FD_CLOEXEC));
}

static int linux_duplicate(const lc_sys *sys, int fd)
{
  (void)sys;
  RESULT(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

static int linux_unread(const lc_sys *sys, int fd)
{
  int size = 0;
  (void)sys;
  return ioctl(fd, SIOCINQ, &size) < 0 ? -errno : size;
}

static int linux_unacked(const lc_sys *sys, int fd)
{
  int size = 0;
  (void)sys;
  return ioctl(fd, SIOCOUTQ, &size) < 0 ? -errno : size;
}

/* Both of a pair, above the standard descriptors, or neither. */
static int above_standard_both(int fds[2])
{
  fds[0] = lc_sys_above_standard(fds[0]);
  fds[1] = lc_sys_above_standard(fds[1]);
  int result = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : 0;
  for (int i = 0; i < 2 && result < 0; i++)
    if (fds[i] >= 0) close(fds[i]);
  return result;
}

static int linux_socketpair(const lc_sys *sys, int fds[2])
{
  (void)sys;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) return -errno;
  return above_standard_both(fds);
}

static int linux_pipe(const lc_sys *sys, int fds[2])
{
  (void)sys;
  if (pipe2(fds, O_CLOEXEC) < 0) return -errno;
  return above_standard_both(fds);
}

/* ---------------------------------------------------------------- waiting -- */

static int linux_poll(const lc_sys *sys, struct pollfd *fds, unsigned count, lc_time timeout)
{
  (void)sys;
  if (timeout < 0 || timeout == LC_NEVER) RESULT(ppoll(fds, count, NULL, NULL));
  struct timespec time = {timeout / LC_SECOND, timeout % LC_SECOND};
  RESULT(ppoll(fds, count, &time, NULL));
}

static int linux_wake_create(const lc_sys *sys)
{
  (void)sys;
  return lc_sys_above_standard(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

/* EAGAIN: the counter is full, or empty. The descriptor is readable, or not readable, already. */
static int linux_wake(const lc_sys *sys, int fd)
{
  uint64_t one = 1;
  (void)sys;
  return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? -errno : 0;
}

static int linux_wake_clear(const lc_sys *sys, int fd)
{
  uint64_t count;
  (void)sys;
  return read(fd, &count, sizeof count) < 0 && errno != EAGAIN ? -errno : 0;
}

static int linux_wake_wait(const lc_sys *sys, int fd, lc_time timeout)
{
  struct pollfd one = {fd, POLLIN, 0};
  (void)sys;
  if (timeout < 0) timeout = 0;
  struct timespec time = {timeout / LC_SECOND, timeout % LC_SECOND};
  RESULT(ppoll(&one, 1, timeout == LC_NEVER ? NULL : &time, NULL));
}

static void linux_exit(const lc_sys *sys, int status)
{
  (void)sys;
  _exit(status);
}

/* ------------------------------------------------------------------ names -- */

/* When no descriptor is free, libc says that the name is unknown. Returns 0, -EMFILE or -ENFILE. */
static int descriptors_lacking(void)
{
  int fd = eventfd(0, EFD_CLOEXEC), error = errno;
  if (fd >= 0) close(fd);
  return fd < 0 && (error == EMFILE || error == ENFILE) ? -error : 0;
}

static int resolve_error(int failure)
{
  int error = failure == EAI_SYSTEM && errno > 0 ? -errno : -EIO, lacking = descriptors_lacking();
  if (lacking < 0) return lacking;
  switch (failure) {
    case EAI_AGAIN: return -EAGAIN;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_SYSTEM: return error;
    default: return LC_HOST_NOT_FOUND;
  }
}

static void set_port(lc_address *address, uint16_t port)
{
  if (address->of.any.sa_family == AF_INET) {
    address->of.in.sin_port = htons(port);
  } else {
    address->of.in6.sin6_port = htons(port);
  }
}

static int linux_resolve(const lc_sys *sys, const char *host, uint16_t port, lc_address *found,
                         int capacity)
{
  struct addrinfo hints, *list = NULL;
  int count = 0;
  (void)sys;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM; /* each address once. No AI_ADDRCONFIG: it hides ::1 offline */
  int failure = getaddrinfo(host, NULL, &hints, &list);
  if (failure != 0) return resolve_error(failure);
  for (const struct addrinfo *one = list; one && count < capacity; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    memset(&found[count], 0, sizeof found[count]);
    memcpy(&found[count].of, one->ai_addr, one->ai_addrlen);
    found[count].length = one->ai_addrlen;
    set_port(&found[count], port);
    count++;
  }
  freeaddrinfo(list);
  return count > 0 ? count : LC_HOST_NOT_FOUND;
}

static const lc_sys linux_calls = {
  .has_threads = 1,
  .now = linux_now,
  .tick = linux_tick,
  .time_of_day = linux_time_of_day,
  .ticks = linux_ticks,
  .random = linux_random,
  .socket = linux_socket,
  .bind = linux_bind,
  .listen = linux_listen,
  .accept = linux_accept,
  .connect = linux_connect,
  .wait_for_arrivals = linux_wait_for_arrivals,
  .getsockname = linux_getsockname,
  .getpeername = linux_getpeername,
  .setsockopt = linux_setsockopt,
  .getsockopt = linux_getsockopt,
  .recv = linux_recv,
  .sendmsg = linux_sendmsg,
  .recvmsg = lc_sys_recvmsg,
  .shutdown = linux_shutdown,
  .close = linux_close,
  .set_nonblocking = linux_set_nonblocking,
  .duplicate = linux_duplicate,
  .is_alone = lc_sys_is_alone,
  .unread = linux_unread,
  .unacked = linux_unacked,
  .poller_create = lc_sys_poller_create,
  .poller_control = lc_sys_poller_control,
  .poller_wait = lc_sys_poller_wait,
  .poll = linux_poll,
  .wake_create = linux_wake_create,
  .wake = linux_wake,
  .wake_clear = linux_wake_clear,
  .wake_wait = linux_wake_wait,
  .signal_watch = lc_sys_signal_watch,
  .signal_release = lc_sys_signal_release,
  .signal_take = lc_sys_signal_take,
  .signal_peek = lc_sys_signal_peek,
  .signal_also_wake = lc_sys_signal_also_wake,
  .signal_deaf = lc_sys_signal_deaf,
  .signal_act = lc_sys_signal_act,
  .listening = lc_sys_listening,
  .interruptible = lc_sys_interruptible,
  .interrupt = lc_sys_interrupt,
  .uninterruptible = lc_sys_uninterruptible,
  .ran = lc_sys_ran,
  .blocked = lc_sys_blocked,
  .say = lc_sys_say,
  .exit = linux_exit,
  .process_id = lc_sys_process_id,
  .forget_variable = lc_sys_forget_variable,
  .descriptor_limit = lc_sys_descriptor_limit,
  .descriptors_open = lc_sys_descriptors_open,
  .file_identity = lc_sys_file_identity,
  .unlink = lc_sys_unlink,
  .chmod = lc_sys_chmod,
  .rename = lc_sys_rename,
  .open_file = lc_sys_open_file,
  .file_facts = lc_sys_file_facts,
  .read_at = lc_sys_read_at,
  .send_file = lc_sys_send_file,
  .user = lc_sys_user,
  .make_directory = lc_sys_make_directory,
  .directory_names = lc_sys_directory_names,
  .real_path = lc_sys_real_path,
  .lock_directory = lc_sys_lock_directory,
  .socketpair = linux_socketpair,
  .pipe = linux_pipe,
  .spawn = lc_sys_spawn,
  .born = lc_sys_born,
  .process_watch = lc_sys_process_watch,
  .process_end = lc_sys_process_end,
  .process_any_ended = lc_sys_process_any_ended,
  .process_signal = lc_sys_process_signal,
  .descriptor_facts = lc_sys_descriptor_facts,
  .open_again = lc_sys_open_again,
  .open_null = lc_sys_open_null,
  .replace = lc_sys_replace,
  .read = lc_sys_read,
  .write = lc_sys_write,
  .replace_program = lc_sys_replace_program,
  .let_signals_in = lc_sys_let_signals_in,
  .processors = lc_sys_processors,
  .process_pin = lc_sys_process_pin,
  .resolve = linux_resolve,
};

const lc_sys *lc_sys_linux(void)
{
  lc_sys_note_forks();
  return &linux_calls;
}
