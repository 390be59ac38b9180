/* unix_path.c - the path of a unix-domain socket.
 *
 * The socket is bound to a temporary name in the same directory, gets its mode and
 * listens. Only then it is renamed to the path. So a client that finds the path is
 * served, and a client that the mode excludes never finds it open. The kernel keeps
 * the first name.
 */
#include "listen/unix_path.h"

#include <string.h>

#define LOCK_LOOKS 100 /* each waits a millisecond; other processes hold the lock for much less */
#define BESIDE_TRIES 16

static size_t directory_length(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Returns a descriptor that holds the lock; -EAGAIN while another process has it; or the code that
 * says why there is no lock. */
static int lock_directory(const lc_sys *sys, const char *path)
{
  struct sockaddr_un directory = {.sun_path = "."};
  size_t length = directory_length(path);
  int lock;
  if (length) {
    memcpy(directory.sun_path, path, length);
    directory.sun_path[length] = '\0';
  }
  for (int looks = 0;; looks++) {
    LC_RETRY(lock, sys->lock_directory(sys, directory.sun_path));
    if (lock != -EAGAIN || looks == LOCK_LOOKS) return lock;
    sys->poll(sys, NULL, 0, LC_MILLISECOND);
  }
}

static void unlock(const lc_sys *sys, int lock)
{
  if (lock >= 0) sys->close(sys, lock);
}

/* Returns 0 when the path is free, or no process listens there. */
static int check_stale(const lc_sys *sys, const lc_address *address)
{
  lc_file_identity file = {0};
  int result = sys->file_identity(sys, address->of.un.sun_path, &file);
  if (result < 0) return result == -ENOENT ? 0 : result;
  if (!file.is_socket) return -EADDRINUSE;
  int fd = sys->socket(sys, AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  LC_RETRY(result, sys->connect(sys, fd, &address->of.any, address->length));
  sys->close(sys, fd);
  /* A server answers, or its queue is full; or the file has gone meanwhile. */
  return result == -ECONNREFUSED || result == -ENOENT ? 0 : -EADDRINUSE;
}

/* Makes a name in the same directory, no longer than a path may be: as much of the old name as
 * fits, and a few random letters. */
static int name_beside(const lc_sys *sys, const lc_address *address, lc_address *beside)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
  unsigned char random[7];
  const char *path = address->of.un.sun_path;
  size_t from = directory_length(path), room = sizeof address->of.un.sun_path - 1 - from;
  size_t added = room < sizeof random ? room : sizeof random, kept = strlen(path + from);
  if (kept > room - added) kept = room - added;
  int result = sys->random(sys, random, sizeof random);
  if (result < 0) return result;
  *beside = *address;
  char *name = beside->of.un.sun_path + from + kept;
  for (size_t i = 0; i < added; i++) name[i] = letters[random[i] % (sizeof letters - 1)];
  if (kept) name[0] = '.';
  name[added] = '\0';
  beside->length = (socklen_t)(name + added + 1 - (char *)&beside->of.un);
  return 0;
}

static int bind_beside(const lc_sys *sys, int fd, const lc_address *address, lc_address *beside)
{
  int result = -EADDRINUSE;
  for (int tries = 0; result == -EADDRINUSE && tries < BESIDE_TRIES; tries++) {
    result = name_beside(sys, address, beside);
    if (!result) result = sys->bind(sys, fd, &beside->of.any, beside->length);
  }
  return result;
}

static int listen_and_rename(const lc_sys *sys, int fd, const lc_address *address, int mode,
                             int backlog, const lc_address *beside, lc_file_identity *file)
{
  const char *name = beside->of.un.sun_path;
  int result = mode >= 0 ? sys->chmod(sys, name, (unsigned)mode) : 0;
  if (!result) result = sys->file_identity(sys, name, file);
  if (!result) result = sys->listen(sys, fd, backlog);
  if (!result) result = sys->rename(sys, name, address->of.un.sun_path);
  if (result < 0) {
    sys->unlink(sys, name);
    file->inode = 0;
  }
  return result;
}

int lc_unix_path_listen(const lc_sys *sys, int fd, const lc_address *address, int mode, int backlog,
                        lc_address *bound, lc_file_identity *file)
{
  int lock = lock_directory(sys, address->of.un.sun_path);
  if (lock == -EAGAIN) return -EBUSY;
  int result = check_stale(sys, address);
  if (!result) result = bind_beside(sys, fd, address, bound);
  if (!result) result = listen_and_rename(sys, fd, address, mode, backlog, bound, file);
  unlock(sys, lock);
  return result;
}

void lc_unix_path_remove(const lc_sys *sys, const lc_address *address, const lc_file_identity *file)
{
  lc_file_identity present = {0};
  int lock = lock_directory(sys, address->of.un.sun_path);
  if (lock == -EAGAIN) return;
  if (sys->file_identity(sys, address->of.un.sun_path, &present) == 0 &&
      present.device == file->device && present.inode == file->inode)
    sys->unlink(sys, address->of.un.sun_path);
  unlock(sys, lock);
}
