/* file.c - opens files, none outside of a directory that the caller names. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "sys/sys.h"

/* Opens one part of the path after the other, and follows no symbolic link: where one leads cannot
 * be known here. */
static int walk(const lc_sys *sys, int directory, const char *path)
{
  char name[NAME_MAX + 1];
  int at = directory;
  for (;;) {
    const char *end = strchrnul(path, '/');
    size_t length = (size_t)(end - path);
    int is_last = !*end, found = -ENAMETOOLONG;
    if (length <= NAME_MAX) {
      memcpy(name, path, length);
      name[length] = 0;
      found = -EXDEV;
      if (length && strcmp(name, "..") != 0)
        found = sys->open_file(sys, at, name, LC_OPEN_NO_LINK | (is_last ? 0 : LC_OPEN_DIRECTORY));
    }
    if (at != directory) sys->close(sys, at);
    if (found < 0 || is_last) return found;
    at = found;
    path = end + 1;
  }
}

static int open_in(const lc_sys *sys, int directory, const char *path)
{
  if (directory < 0) return sys->open_file(sys, -1, path, 0);
  int fd = sys->open_file(sys, directory, path, LC_OPEN_BENEATH);
  return fd == -ENOSYS || fd == -EPERM ? walk(sys, directory, path) : fd;
}

int lc_file_look(const lc_sys *sys, int file, lc_file_facts *facts)
{
  int result = sys->file_facts(sys, file, facts);
  if (result < 0) return result;
  if (facts->is_directory) return -EISDIR;
  return facts->is_regular ? 0 : -EACCES;
}

int lc_file_open(const lc_sys *sys, int directory, const char *path, lc_file_facts *facts)
{
  int fd;
  LC_RETRY(fd, open_in(sys, directory, path));
  if (fd < 0) return fd;
  int result = lc_file_look(sys, fd, facts);
  if (!result) return fd;
  sys->close(sys, fd);
  return result;
}

int lc_directory_open(const lc_sys *sys, const char *path)
{
  int fd;
  LC_RETRY(fd, sys->open_file(sys, -1, path, LC_OPEN_DIRECTORY));
  return fd;
}

void lc_file_close(const lc_sys *sys, int file) { sys->close(sys, file); }
