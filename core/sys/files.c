/* files.c - counts descriptors and changes files. */
#include "sys/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/quiet.h"

/* Where 0, 1 or 2 is closed, a socket would take its number, and what the script prints would go to
 * a client. */
int lc_sys_above_standard(int fd)
{
  if (fd < 0) return -errno;
  if (fd > STDERR_FILENO) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  int error = errno;
  close(fd);
  return moved < 0 ? -error : moved;
}

int lc_sys_descriptor_limit(const lc_sys *sys)
{
  struct rlimit limit;
  (void)sys;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  return limit.rlim_cur > INT_MAX ? INT_MAX : (int)limit.rlim_cur;
}

/* For a process without /proc, or without a descriptor to read it: tries one number after the
 * other. */
static int count_by_asking(int limit)
{
  enum { FAR = 1 << 16 };
  int count = 0;
  for (int fd = 0; fd < limit && fd < FAR; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) count++;
  }
  return count;
}

int lc_sys_descriptors_open(const lc_sys *sys)
{
  DIR *directory = opendir("/proc/self/fd");
  const struct dirent *entry;
  int count = 0;
  if (!directory) {
    int limit = lc_sys_descriptor_limit(sys);
    return limit < 0 ? limit : count_by_asking(limit);
  }
  while ((entry = readdir(directory))) {
    if (entry->d_name[0] != '.') count++;
  }
  closedir(directory);
  return count - 1; /* the directory's own */
}

int lc_sys_file_identity(const lc_sys *sys, const char *path, lc_file_identity *identity)
{
  struct stat status;
  (void)sys;
  if (lstat(path, &status) < 0) return -errno;
  identity->device = status.st_dev;
  identity->inode = status.st_ino;
  identity->is_socket = S_ISSOCK(status.st_mode);
  identity->is_directory = S_ISDIR(status.st_mode);
  identity->owner = status.st_uid;
  identity->mode = status.st_mode & 07777;
  return 0;
}

int lc_sys_unlink(const lc_sys *sys, const char *path)
{
  (void)sys;
  return unlink(path) < 0 ? -errno : 0;
}

int lc_sys_chmod(const lc_sys *sys, const char *path, unsigned mode)
{
  (void)sys;
  return chmod(path, (mode_t)mode) < 0 ? -errno : 0;
}

/* By syscall, because libc declares rename in stdio.h. */
int lc_sys_rename(const lc_sys *sys, const char *from, const char *to)
{
  (void)sys;
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0U) < 0 ? -errno : 0;
}

int lc_sys_lock_directory(const lc_sys *sys, const char *path)
{
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;
  (void)sys;
  if (fd < 0) return -errno;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  error = errno;
  close(fd);
  return error == EWOULDBLOCK ? -EAGAIN : -error;
}

/* ------------------------------------------------------------------ reading -- */

static int flags_of(unsigned how)
{
  int flags = how & LC_OPEN_DIRECTORY ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY;
  return flags | O_CLOEXEC | (how & LC_OPEN_NO_LINK ? O_NOFOLLOW : 0);
}

#ifndef SYS_openat2
#define SYS_openat2 437 /* unknown to kernel headers before 5.6, as are the next ones */
#endif

/* struct open_how, and values of its `resolve`. */
struct how {
  uint64_t flags, mode, resolve;
};
enum { NO_MAGIC_LINKS = 0x02, BENEATH = 0x08 };

/* The kernel asks for another attempt when a directory was moved meanwhile. */
enum { ATTEMPTS = 4 };

static int open_beneath(int directory, const char *path, unsigned how)
{
  struct how wanted = {.flags = (unsigned)flags_of(how), .resolve = BENEATH | NO_MAGIC_LINKS};
  int fd = -1;
  for (int i = 0; i < ATTEMPTS; i++) {
    fd = (int)syscall(SYS_openat2, directory, path, &wanted, sizeof wanted);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return lc_sys_above_standard(fd);
}

int lc_sys_open_file(const lc_sys *sys, int directory, const char *path, unsigned how)
{
  (void)sys;
  if (directory < 0) directory = AT_FDCWD;
  if (how & LC_OPEN_BENEATH) return open_beneath(directory, path, how);
  return lc_sys_above_standard(openat(directory, path, flags_of(how)));
}

int lc_sys_file_facts(const lc_sys *sys, int fd, lc_file_facts *facts)
{
  struct stat status;
  (void)sys;
  if (fstat(fd, &status) < 0) return -errno;
  facts->size = (uint64_t)status.st_size;
  facts->modified = status.st_mtim.tv_sec * LC_SECOND + status.st_mtim.tv_nsec;
  facts->is_regular = S_ISREG(status.st_mode);
  facts->is_directory = S_ISDIR(status.st_mode);
  return 0;
}

ssize_t lc_sys_read_at(const lc_sys *sys, int fd, void *buffer, size_t size, uint64_t offset)
{
  (void)sys;
  ssize_t got = pread(fd, buffer, size, (off_t)offset);
  return got < 0 ? -errno : got;
}

ssize_t lc_sys_send_file(const lc_sys *sys, int fd, int file, uint64_t offset, size_t size)
{
  off_t at = (off_t)offset;
  lc_quiet quiet;
  (void)sys;
  lc_sys_quiet_begin(&quiet);
  ssize_t sent = sendfile(fd, file, &at, size);
  int error = errno;
  lc_sys_quiet_end(&quiet, sent < 0 && error == EPIPE);
  return sent < 0 ? -error : sent;
}
