/* descriptor.c - descriptors that the program was given, and pipes.
 *
 * O_NONBLOCK belongs to the open file description, which the shell and other processes may share. So it is not set on
 * theirs. What the descriptor names is opened once more instead: that description is ours alone.
 */
#include "sys/descriptor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/digits.h"
#include "sys/direct.h"
#include "sys/files.h"
#include "sys/quiet.h"

/* The side of a pseudo-terminal that shows it. Opening its path would make another pseudo-terminal. */
static int shows_terminal(int fd)
{
  unsigned number;
  return ioctl(fd, TIOCGPTN, &number) == 0;
}

static lc_descriptor_kind kind_of(int fd, mode_t mode)
{
  if (S_ISSOCK(mode)) return LC_DESCRIPTOR_SOCKET;
  if (S_ISFIFO(mode)) return LC_DESCRIPTOR_PIPE;
  if (S_ISREG(mode) || S_ISBLK(mode)) return LC_DESCRIPTOR_FILE;
  if (S_ISDIR(mode)) return LC_DESCRIPTOR_DIRECTORY;
  if (!S_ISCHR(mode)) return LC_DESCRIPTOR_OTHER;
  return isatty(fd) && !shows_terminal(fd) ? LC_DESCRIPTOR_TERMINAL : LC_DESCRIPTOR_DEVICE;
}

int lc_sys_descriptor_facts(const lc_sys *sys, int fd, lc_descriptor_facts *facts)
{
  struct stat status;
  (void)sys;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &status) < 0) return -errno;
  int access = flags & O_ACCMODE;
  facts->kind = flags & O_PATH ? LC_DESCRIPTOR_OTHER : kind_of(fd, status.st_mode);
  facts->can_read = access != O_WRONLY;
  facts->can_write = access != O_RDONLY;
  facts->is_nonblocking = flags & O_NONBLOCK ? 1 : 0;
  return 0;
}

static int open_again(int fd, int access)
{
  char path[sizeof "/proc/self/fd/" + LC_DIGITS_MOST] = "/proc/self/fd/";
  *lc_digits_append(path + strlen(path), (uint64_t)fd) = 0;
  return lc_sys_above_standard(open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

int lc_sys_open_to_write(int fd) { return open_again(fd, O_WRONLY); }

int lc_sys_open_again(const lc_sys *sys, int fd)
{
  (void)sys;
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 ? -errno : open_again(fd, flags & O_ACCMODE);
}

int lc_sys_open_null(const lc_sys *sys)
{
  (void)sys;
  return lc_sys_above_standard(open("/dev/null", O_RDWR | O_CLOEXEC));
}

int lc_sys_replace(const lc_sys *sys, int fd, int by)
{
  (void)sys;
  return dup2(by, fd) < 0 ? -errno : 0;
}

ssize_t lc_sys_read(const lc_sys *sys, int fd, void *buffer, size_t size)
{
  (void)sys;
  ssize_t got = read(fd, buffer, size);
  return got < 0 ? -errno : got;
}

ssize_t lc_sys_write(const lc_sys *sys, int fd, const struct iovec *pieces, int count)
{
  lc_quiet quiet;
  (void)sys;
  lc_sys_quiet_begin(&quiet);
  ssize_t sent = writev(fd, pieces, count);
  int error = errno;
  lc_sys_quiet_end(&quiet, sent < 0 && error == EPIPE);
  return sent < 0 ? -error : sent;
}
