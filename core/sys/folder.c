/* folder.c - directories, and who the process is among users. */
#include "sys/folder.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t lc_sys_user(const lc_sys *sys)
{
  (void)sys;
  return geteuid();
}

int lc_sys_make_directory(const lc_sys *sys, const char *path, unsigned mode)
{
  (void)sys;
  return mkdir(path, (mode_t)mode) < 0 ? -errno : 0;
}

ssize_t lc_sys_directory_names(const lc_sys *sys, const char *path, char *names, size_t size)
{
  DIR *directory = opendir(path);
  const struct dirent *entry;
  size_t used = 0;
  (void)sys;
  if (!directory) return -errno;
  while ((entry = readdir(directory))) {
    size_t length = strlen(entry->d_name) + 1;
    if (length > size - used) break;
    memcpy(names + used, entry->d_name, length);
    used += length;
  }
  closedir(directory);
  return entry ? -ENOBUFS : (ssize_t)used;
}

int lc_sys_real_path(const lc_sys *sys, const char *path, char *real, size_t size)
{
  char *found = realpath(path, NULL);
  int error = errno;
  (void)sys;
  if (!found) return -error;
  size_t length = strlen(found) + 1;
  if (length <= size) memcpy(real, found, length);
  free(found);
  return length <= size ? 0 : -ENAMETOOLONG;
}
