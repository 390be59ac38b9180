/* say.c - writes to stderr, or another log, and never waits long for its reader.
 *
 * The shell and other processes share the file description behind it, so
 * O_NONBLOCK must not be set on it. Instead, a pipe or a terminal is opened once
 * more for the message: that description is ours alone. Where it cannot be opened
 * (a process that has changed its user), small pieces are written when there is
 * room for them.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/descriptor.h"
#include "sys/files.h"
#include "sys/quiet.h"

typedef struct way {
  int fd;
  ssize_t (*put)(int fd, const char *text, size_t length); /* as write(2); EAGAIN: no room */
} way;

static ssize_t put_to_socket(int fd, const char *text, size_t length)
{
  return send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t put_at_once(int fd, const char *text, size_t length)
{
  return write(fd, text, length);
}

/* Other writers may take the room that poll has seen, so the kernel is asked not to wait where it
 * can be. A pipe with room takes PIPE_BUF bytes. */
static ssize_t put_to_shared(int fd, const char *text, size_t length)
{
  struct pollfd out = {.fd = fd, .events = POLLOUT};
  struct iovec piece = {.iov_base = (void *)(uintptr_t)text,
                        .iov_len = length < PIPE_BUF ? length : PIPE_BUF};
  if (poll(&out, 1, 0) < 1) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t result = syscall(SYS_pwritev2, fd, &piece, 1L, -1L, -1L, RWF_NOWAIT);
  if (result >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return result;
  return write(fd, piece.iov_base, piece.iov_len);
}

static int choose_way(way *chosen)
{
  struct stat status;
  int fd = chosen->fd, flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &status) < 0) return -errno;
  if ((flags & O_ACCMODE) == O_RDONLY) return -EBADF;
  if (S_ISREG(status.st_mode)) {
    chosen->put = put_at_once;
  } else if (S_ISSOCK(status.st_mode)) {
    chosen->put = put_to_socket;
  } else if (S_ISFIFO(status.st_mode) || isatty(fd)) {
    int ours = lc_sys_open_to_write(fd);
    if (ours >= 0) *chosen = (way){ours, put_at_once};
  }
  return 0;
}

static ssize_t put_all(const way *to, const char *text, size_t length, lc_time until)
{
  size_t done = 0;
  while (done < length) {
    ssize_t put = to->put(to->fd, text + done, length - done);
    int error = put < 0 ? errno : 0;
    if (put > 0) {
      done += (size_t)put;
    } else if (error == EAGAIN) {
      struct pollfd out = {.fd = to->fd, .events = POLLOUT};
      lc_time left = until - lc_sys_clock(CLOCK_MONOTONIC);
      struct timespec time = {left / LC_SECOND, left % LC_SECOND};
      if (left <= 0 || ppoll(&out, 1, &time, NULL) == 0) return done ? (ssize_t)done : -EAGAIN;
    } else if (error != EINTR) {
      return done ? (ssize_t)done : -error;
    }
  }
  return (ssize_t)done;
}

ssize_t lc_sys_say(const lc_sys *sys, int fd, const char *text, size_t length, lc_time patience)
{
  way to = {fd, put_to_shared};
  lc_quiet quiet;
  (void)sys;
  ssize_t result = choose_way(&to);
  if (result < 0) return result;
  lc_sys_quiet_begin(&quiet);
  result = put_all(&to, text, length, lc_sys_clock(CLOCK_MONOTONIC) + patience);
  lc_sys_quiet_end(&quiet, 1);
  if (to.fd != fd) close(to.fd);
  return result;
}
