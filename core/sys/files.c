/* files.c - counts descriptors and changes files. */
#include "sys/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
