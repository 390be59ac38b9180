/* path.c - the names of unix-domain sockets: files, which outlive them, and abstract names,
 * which do not; and locks of directories. */
#include <string.h>

#include "unix.h"

static size_t header_size(void) { return offsetof(struct sockaddr_un, sun_path); }

/* The path in an address: as a text for a file, with its zero byte in front for an abstract
 * name. */
static int name_of(const struct sockaddr *address, socklen_t length, const char **name,
                   size_t *size)
{
  const struct sockaddr_un *un = (const void *)address;
  if (address->sa_family != AF_UNIX || length <= header_size() || length > sizeof *un)
    return -EINVAL;
  *name = un->sun_path;
  *size = length - header_size();
  if (un->sun_path[0]) *size = strnlen(un->sun_path, *size);
  return 0;
}

static sim_path **place_of(sim_kernel *kernel, const char *name, size_t size)
{
  sim_path **place = &kernel->paths;
  while (*place && ((*place)->size != size || memcmp((*place)->name, name, size) != 0))
    place = &(*place)->next;
  return place;
}

static sim_path **place_of_file(const lc_sys *sys, const char *path)
{
  const sim_process *process = sys->state;
  return place_of(process->kernel, path, strlen(path));
}

static void forget(sim_kernel *kernel, sim_path **place)
{
  sim_path *path = *place;
  *place = path->next;
  if (path->socket) path->socket->name = NULL;
  sim_give(kernel, path, sizeof *path);
}

int sim_path_find(sim_kernel *kernel, const struct sockaddr *address, socklen_t length,
                  sim_path **path)
{
  const char *name;
  size_t size;
  int result = name_of(address, length, &name, &size);
  if (result < 0) return result;
  *path = *place_of(kernel, name, size);
  if (*path) return 0;
  return name[0] ? -ENOENT : -ECONNREFUSED;
}

/* A name that nobody has. */
static void choose_name(sim_kernel *kernel, lc_address *address)
{
  static const char digits[] = "0123456789abcdef";
  char *name = address->of.un.sun_path;
  *name = 0;
  do {
    unsigned number = kernel->next_name++;
    for (int i = 5; i; i--, number /= 16) name[i] = digits[number % 16];
  } while (*place_of(kernel, name, 6));
  address->length = (socklen_t)(header_size() + 6);
}

int sim_unix_bind(sim_unix *un, const struct sockaddr *address, socklen_t length)
{
  sim_kernel *kernel = un->file.kernel;
  lc_address wanted = {.length = length};
  const char *name;
  size_t size;
  memcpy(&wanted.of, address, length < sizeof wanted.of ? length : sizeof wanted.of);
  if (un->address.length) return length == sizeof(sa_family_t) ? 0 : -EINVAL;
  if (length == sizeof(sa_family_t)) choose_name(kernel, &wanted);
  int result = name_of(&wanted.of.any, wanted.length, &name, &size);
  if (result < 0) return result;
  if (*place_of(kernel, name, size)) return -EADDRINUSE;
  sim_path *path = sim_take(kernel, sizeof *path);
  *path =
    (sim_path){.next = kernel->paths, .size = size, .socket = un, .inode = ++kernel->last_inode};
  memcpy(path->name, name, size);
  kernel->paths = path;
  un->name = path;
  if (name[0]) wanted.length = (socklen_t)(header_size() + size + 1);
  un->address = wanted;
  return 0;
}

void sim_path_leave(sim_unix *un)
{
  sim_path *path = un->name;
  un->name = NULL;
  path->socket = NULL;
  if (!path->name[0]) forget(un->file.kernel, place_of(un->file.kernel, path->name, path->size));
}

int sim_path_identity(const lc_sys *sys, const char *name, lc_file_identity *identity)
{
  const sim_path *path = *place_of_file(sys, name);
  memset(identity, 0, sizeof *identity);
  if (!path) return -ENOENT;
  *identity = (lc_file_identity){.device = 1, .inode = path->inode, .is_socket = 1};
  return 0;
}

int sim_path_unlink(const lc_sys *sys, const char *name)
{
  const sim_process *process = sys->state;
  sim_path **place = place_of_file(sys, name);
  if (!*place) return -ENOENT;
  forget(process->kernel, place);
  return 0;
}

int sim_path_rename(const lc_sys *sys, const char *from, const char *to)
{
  const sim_process *process = sys->state;
  sim_path *path = *place_of_file(sys, from), **there = place_of_file(sys, to);
  if (!path) return -ENOENT;
  if (*there && *there != path) forget(process->kernel, there);
  memset(path->name, 0, sizeof path->name);
  path->size = strlen(to);
  memcpy(path->name, to, path->size);
  return 0;
}

unsigned sim_kernel_paths(const sim_kernel *kernel, void (*each)(void *user, const char *name),
                          void *user)
{
  unsigned count = 0;
  for (const sim_path *one = kernel->paths; one; one = one->next) {
    if (!one->name[0]) continue;
    count++;
    if (each) each(user, one->name);
  }
  return count;
}

int sim_lock_directory(sim_process *process, const char *path)
{
  sim_kernel *kernel = process->kernel;
  size_t size = strnlen(path, sizeof((sim_path *)NULL)->name - 1);
  for (const sim_lock *one = kernel->locks; one; one = one->next)
    if (one->of.size == size && !memcmp(one->of.name, path, size)) return -EAGAIN;
  sim_lock *lock = sim_take(kernel, sizeof *lock);
  sim_file_init(&lock->file, SIM_LOCK, process);
  lock->of.size = size;
  memcpy(lock->of.name, path, size);
  int fd = sim_file_install(process, &lock->file);
  if (fd < 0) return fd;
  lock->next = kernel->locks;
  kernel->locks = lock;
  return fd;
}

void sim_lock_release(sim_lock *lock)
{
  sim_lock **place = &lock->file.kernel->locks;
  while (*place != lock) place = &(*place)->next;
  *place = lock->next;
}
